"""The running figures of scenes: a projection of the footprints, so that a scene page reads one document.

A footprint whose chain is not in the figures as it stands is `uncounted`; the write that makes or changes it says so.
The figures of a scene are one document, written on condition of its `version`. The same write names in `pending` what
each chain adds from then on; only then does `counted` on the chain's root say so too, and `pending` is emptied. Whoever
finds it filled, as after a crash, ends that first. So the figures are at every moment the sum of what the roots say,
with what is pending, and a chain that is counted again adds the difference, once.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Collection, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from services.calculator.domain.figures import Figures, Member
from shared.messaging.failures import LostRace
from shared.mongodb import Database, Document, DuplicateKeyError, UpdateOne

CHUNK = 500
_FIELDS = {"scene_id": 1, "role": 1, "root": 1, "replaces": 1, "grams": 1, "certificates": 1}


@dataclass(frozen=True)
class Uncounted:
    """A footprint to be counted, and the certificates that covered it when it was read."""

    footprint_id: str
    root: str
    # None for a year of life and an organiser's own account, which no figure holds.
    scene_id: str | None
    certificates: tuple[str, ...]


@dataclass(frozen=True)
class SceneFigures:
    """The figures of a scene and the version of their document, 0 before there is one."""

    scene_id: str
    figures: Figures
    version: int


@dataclass(frozen=True)
class Chain:
    """The footprints of a root, and what the figures hold of them."""

    members: tuple[Member, ...]
    counted: Figures


class FiguresProjection:
    """One document a scene, and on each root what it holds of the root's chain."""

    def __init__(self, database: Database) -> None:
        self._figures = database["figures"]
        self._footprints = database["footprints"]

    async def prepare(self) -> None:
        """Create the indexes, and mark what earlier versions have written as uncounted."""
        await self._footprints.create_index("root")
        await self._footprints.create_index("uncounted")
        await self._mark_those_of_earlier_versions()

    async def of(self, scene_ids: Collection[str]) -> dict[str, Figures]:
        """Return the public figures of scenes; of one without any they are zero."""
        found = self._figures.find({"_id": {"$in": list(scene_ids)}})
        there = {document["_id"]: _figures(document).public async for document in found}
        return {scene_id: there.get(scene_id, Figures()) for scene_id in scene_ids}

    async def uncounted(self) -> AsyncIterator[list[Uncounted]]:
        """Yield the footprints that are to be counted, in chunks."""
        chunk: list[Uncounted] = []
        async for document in self._footprints.find({"uncounted": True}, _FIELDS).batch_size(CHUNK):
            scene_id = document["scene_id"] if document["role"] == "guest" else None
            chunk.append(Uncounted(document["_id"], document["root"], scene_id, tuple(document["certificates"])))
            if len(chunk) == CHUNK:
                yield chunk
                chunk = []
        if chunk:
            yield chunk

    async def load(self, scene_id: str) -> SceneFigures:
        """Return the figures of a scene; what another has begun to count is ended first."""
        document = await self._figures.find_one({"_id": scene_id})
        if document is None:
            return SceneFigures(scene_id, Figures(), 0)
        if document["pending"]:
            await self._end(scene_id, document["version"], document["pending"])
        return SceneFigures(scene_id, _figures(document), document["version"])

    async def chains(self, roots: Collection[str]) -> dict[str, Chain]:
        """Return the chains of these roots; to be read after the figures that they are to change."""
        members: dict[str, list[Member]] = {}
        counted: dict[str, Figures] = {}
        async for document in self._footprints.find({"root": {"$in": list(roots)}}, {**_FIELDS, "counted": 1}):
            members.setdefault(document["root"], []).append(
                Member(document["_id"], document["replaces"], document["grams"], bool(document["certificates"]))
            )
            if "counted" in document:
                counted[document["root"]] = _figures(document["counted"])
        return {root: Chain(tuple(chain), counted.get(root, Figures())) for root, chain in members.items()}

    async def record(self, before: SceneFigures, chains: Mapping[str, Chain], after: Mapping[str, Figures]) -> None:
        """Let the figures hold what the chains add now. Raises LostRace when another has written them meanwhile."""
        changed = {root: figures for root, figures in after.items() if figures != chains[root].counted}
        if not changed:
            return
        total = before.figures
        for root, figures in changed.items():
            total += figures - chains[root].counted
        version = before.version + 1
        pending = [{"root": root, **asdict(figures)} for root, figures in changed.items()]
        fields = {**asdict(total), "version": version, "pending": pending}
        if before.version == 0:
            try:
                await self._figures.insert_one({"_id": before.scene_id, **fields})
            except DuplicateKeyError:
                raise LostRace(f"another replica counts {before.scene_id}") from None
        else:
            loaded = {"_id": before.scene_id, "version": before.version}
            if not (await self._figures.update_one(loaded, {"$set": fields})).matched_count:
                raise LostRace(f"another replica counts {before.scene_id}")
        await self._end(before.scene_id, version, pending)

    async def counted(self, footprints: Iterable[Uncounted]) -> None:
        """Note that these are counted, but for those that were covered or uncovered since they were read."""
        alike: dict[tuple[str, ...], list[str]] = {}
        for footprint in footprints:
            alike.setdefault(footprint.certificates, []).append(footprint.footprint_id)
        for certificates, ids in alike.items():
            as_read = {"_id": {"$in": ids}, "certificates": list(certificates)}
            await self._footprints.update_many(as_read, {"$set": {"uncounted": False}})

    async def _end(self, scene_id: str, version: int, pending: Sequence[Mapping[str, Any]]) -> None:
        """Write on the roots what the figures of this version hold; a root of a later version stays as it is."""
        writes = [
            UpdateOne(
                {"_id": one["root"], "counted.version": {"$not": {"$gte": version}}},
                {"$set": {"counted": {**asdict(_figures(one)), "version": version}}},
            )
            for one in pending
        ]
        await self._footprints.bulk_write(writes, ordered=False)
        await self._figures.update_one({"_id": scene_id, "version": version}, {"$set": {"pending": []}})

    async def _mark_those_of_earlier_versions(self) -> None:
        """Let footprints that name one certificate, or none, name a list of them, and be counted."""
        writes: list[UpdateOne] = []
        async for document in self._footprints.find({"uncounted": None}, {"certificate_id": 1}).batch_size(CHUNK):
            certificate_id = document.get("certificate_id")
            fields = {"certificates": [certificate_id] if certificate_id else [], "uncounted": True}
            update = {"$set": fields, "$unset": {"certificate_id": ""}}
            writes.append(UpdateOne({"_id": document["_id"], "uncounted": None}, update))
            if len(writes) == CHUNK:
                await self._footprints.bulk_write(writes, ordered=False)
                writes = []
        if writes:
            await self._footprints.bulk_write(writes, ordered=False)


def _figures(document: Document | Mapping[str, Any]) -> Figures:
    return Figures(document["guests"], document["counted_grams"], document["neutralised_grams"])
