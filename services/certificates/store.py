"""What certificates remembers in MongoDB: certificates, copies of what they name, and unknown codes by the hour."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import reduce
from operator import getitem
from typing import Any

from services.certificates.domain.certificate import Certificate, Project, Scene
from services.certificates.domain.decide import Copies
from services.certificates.domain.names import Holder, erases
from services.certificates.domain.numbers import certificate_id_of
from shared.contracts.calculator import ScenePublished
from shared.contracts.event import Cause, Envelope, Event
from shared.contracts.orders import BeneficiaryNamed
from shared.contracts.registry import ProjectListed
from shared.messaging.copies import keep_greatest
from shared.messaging.failures import LostRace
from shared.messaging.outbox import Outbox
from shared.mongodb import Database, Document, DuplicateKeyError
from shared.throttle.store import WindowCounts

SCENE, PROJECT, HOLDER = "purchase.claim.scene_id", "purchase.project_id", "purchase.claim.beneficiary_id"


@dataclass(frozen=True)
class Loaded:
    """A certificate together with the document that a change of it is conditional on."""

    document: Document
    certificate: Certificate


class Store:
    """Certificates by id and code; copies by the id of what they copy."""

    def __init__(self, database: Database, *, livemode: bool, wake: Callable[[], None]) -> None:
        self._database = database
        self._certificates = database["certificates"]
        self._scenes = database["scenes"]
        self._projects = database["projects"]
        self._holders = database["holders"]
        self.unknown_codes = WindowCounts(database["unknown_codes"])
        self.outbox = Outbox(self._certificates, livemode=livemode, wake=wake)

    async def prepare(self) -> None:
        """Create the indexes; codes and numbers are unique, and what awaits something is found by it."""
        await self.outbox.prepare()
        await self._certificates.create_index("versions.code", unique=True, sparse=True)
        await self._certificates.create_index("facts.number", unique=True, sparse=True)
        await self._certificates.create_index([(HOLDER, 1), ("awaiting", 1)])
        for awaited in (SCENE, PROJECT):
            await self._certificates.create_index(awaited, partialFilterExpression={"awaiting": True})
        await self.unknown_codes.prepare()

    async def ping(self) -> None:
        """Raise MongoError when the database does not answer."""
        await self._database.command("ping")

    def close(self) -> None:
        """Let the database go."""
        self._database.client.close()

    async def certificates(self, certificate_ids: Iterable[str]) -> dict[str, Loaded]:
        """Return those of the certificates that exist, by id."""
        found = self._certificates.find({"_id": {"$in": list(certificate_ids)}})
        return {document["_id"]: Loaded(document, _certificate(document)) async for document in found}

    async def with_code(self, code: str) -> Certificate | None:
        """Return the certificate that has a version with this code."""
        found = await self._certificates.find_one({"versions.code": code})
        return _certificate(found) if found else None

    async def of_order(self, order_id: str) -> Certificate | None:
        """Return the certificate of an order, be it issued or awaiting."""
        found = await self._certificates.find_one({"_id": certificate_id_of(order_id)})
        return _certificate(found) if found else None

    async def record(
        self, loaded: Loaded | None, certificate: Certificate, events: Sequence[Event], *, now: datetime, cause: Cause
    ) -> None:
        """Write the certificate with its events. Raises LostRace when it is not as it was loaded."""
        # What is not there yet is left out, so that unique indexes do not see it.
        fields = {**certificate.model_dump(exclude_defaults=True), "awaiting": certificate.facts is None}
        if loaded is not None:
            await self.outbox.change(loaded.document, fields, events, now=now, cause=cause)
        elif not await self.outbox.insert({"_id": certificate.certificate_id, **fields}, events, now=now, cause=cause):
            raise LostRace(f"certificate {certificate.certificate_id} was begun by another")

    async def waiting_for_scenes(self, scene_ids: Iterable[str]) -> dict[str, str]:
        """Return the certificates that await something and name one of the scenes: id to scene."""
        return await self._with(SCENE, scene_ids, {"awaiting": True})

    async def waiting_for_projects(self, project_ids: Iterable[str]) -> dict[str, str]:
        """Return the certificates that await something and name one of the projects: id to project."""
        return await self._with(PROJECT, project_ids, {"awaiting": True})

    async def waiting_for_holders(self, beneficiary_ids: Iterable[str]) -> dict[str, str]:
        """Return the certificates that await something and are for one of the beneficiaries: id to beneficiary."""
        # Not "true": the embedded server would then go through all that await something.
        return await self._with(HOLDER, beneficiary_ids, {"awaiting": {"$ne": False}})

    async def held_by(self, beneficiary_ids: Iterable[str]) -> dict[str, str]:
        """Return all certificates of the beneficiaries: id to beneficiary."""
        return await self._with(HOLDER, beneficiary_ids, {})

    async def copies_for(self, certificates: Mapping[str, Certificate]) -> dict[str, Copies]:
        """Return the present copies of what each certificate names."""
        purchases = [certificate.purchase for certificate in certificates.values() if certificate.purchase]
        scenes, projects, holders = await asyncio.gather(
            _by_id(self._scenes, {purchase.claim.scene_id for purchase in purchases} - {None}),
            _by_id(self._projects, {purchase.project_id for purchase in purchases}),
            _by_id(self._holders, {purchase.claim.beneficiary_id for purchase in purchases}),
        )

        def of(certificate: Certificate) -> Copies:
            if certificate.purchase is None:
                return Copies()
            scene = scenes.get(certificate.purchase.claim.scene_id)
            project = projects.get(certificate.purchase.project_id)
            holder = holders.get(certificate.purchase.claim.beneficiary_id)
            return Copies(
                scene=Scene(scene_id=scene["_id"], names=scene["names"]) if scene else None,
                project=Project(project_id=project["_id"], names=project["names"], standard=project["standard"])
                if project
                else None,
                holder=Holder.model_validate(holder) if holder else Holder(),
            )

        return {certificate_id: of(certificate) for certificate_id, certificate in certificates.items()}

    async def keep_scenes(self, events: Sequence[Envelope[ScenePublished]]) -> None:
        """Copy scenes unless a later version is here."""
        await asyncio.gather(*(keep_greatest(self._scenes, event, {"names": event.data.names}) for event in events))

    async def keep_projects(self, events: Sequence[Envelope[ProjectListed]]) -> None:
        """Copy projects unless a later version is here."""
        copies = [(event, {"names": event.data.names, "standard": event.data.standard}) for event in events]
        await asyncio.gather(*(keep_greatest(self._projects, event, copy) for event, copy in copies))

    async def keep_names(self, events: Sequence[Envelope[BeneficiaryNamed]]) -> None:
        """Add names to those of their beneficiaries; an erasure removes all of them, for good."""
        by_holder: dict[str, list[Envelope[BeneficiaryNamed]]] = {}
        for event in events:
            by_holder.setdefault(event.subject, []).append(event)
        await asyncio.gather(*map(self._keep_names_in_order, by_holder.values()))

    async def _keep_names_in_order(self, events: Sequence[Envelope[BeneficiaryNamed]]) -> None:
        for event in events:
            earlier: Document = {"_id": event.subject, "erased": {"$ne": True}}
            # An erasure stays for ever, whatever sequence another name has.
            if not erases(event.data):
                earlier["sequence"] = {"$lt": event.sequence}
            change = _change_of_names(event)
            try:
                await self._holders.update_one(earlier, change, upsert=True)
            except DuplicateKeyError:
                # There is one: as late or later, or begun by another at this moment and then perhaps earlier.
                await self._holders.update_one(earlier, change)

    async def _with(self, path: str, ids: Iterable[str], more: Document) -> dict[str, str]:
        """Return what stands under `path` in the certificates that have one of these ids there."""
        wanted = list(ids)
        if not wanted:
            return {}
        found = self._certificates.find({**more, path: {"$in": wanted}}, {path: 1})
        return {document["_id"]: reduce(getitem, path.split("."), document) async for document in found}


def _change_of_names(event: Envelope[BeneficiaryNamed]) -> Document:
    named = event.data
    if erases(named):
        return {"$set": {"sequence": event.sequence, "erased": True, "names": []}}
    name = {"sequence": event.sequence, "name": named.name, "corrects": list(named.corrects), "named_at": event.time}
    return {"$set": {"sequence": event.sequence}, "$push": {"names": name}}


async def _by_id(collection: Any, ids: Iterable[Any]) -> dict[Any, Document]:
    wanted = list(ids)
    if not wanted:
        return {}
    return {document["_id"]: document async for document in collection.find({"_id": {"$in": wanted}})}


def _certificate(document: Document) -> Certificate:
    return Certificate.model_validate(document)
