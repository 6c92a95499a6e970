"""Scenes and footprints with their events, and which certificates cover these."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from datetime import datetime
from decimal import Decimal

from services.calculator.domain.answers import Place
from services.calculator.domain.footprint import AlreadyReplaced, Footprint, Role, calculated
from services.calculator.domain.scenes import CodeTaken, Scene, published
from services.calculator.store.directory import FOUND_STATUSES, Directory, DirectoryPlace, bucket
from services.calculator.store.figures import FiguresProjection
from services.calculator.store.prices import LowestPrice
from shared.contracts.event import Cause
from shared.messaging.outbox import Outbox
from shared.mongodb import Database, Document, DuplicateKeyError
from shared.throttle.store import WindowCounts


@dataclass(frozen=True)
class StoredScene:
    """A scene as it is kept; `version` counts its changes."""

    scene_id: str
    scene: Scene
    version: int
    document: Document = field(repr=False)


@dataclass(frozen=True)
class StoredFootprint:
    """A footprint as it is kept: place, answers, distances, totals; from these its release gives the lines again."""

    footprint_id: str
    scene_id: str | None
    role: Role
    place: Place
    answers: Document
    distances_km: tuple[Decimal, ...]
    release: str
    grams: int
    low_grams: int
    high_grams: int
    jurisdiction: str
    claim_hash: str
    root: str
    replaces: str | None
    made_at: datetime
    request_hash: str
    certificate_id: str | None


class Store:
    """Scenes and footprints, and what is shown of them."""

    def __init__(self, database: Database, *, livemode: bool, wake: Callable[[], None]) -> None:
        self._database = database
        self._scenes, self._footprints = database["scenes"], database["footprints"]
        self._certificates = database["certificates"]
        self.throttle = WindowCounts(database["throttle"])
        self.figures = FiguresProjection(database)
        self.prices = LowestPrice(database)
        self._directory = Directory(self._scenes)
        self._scene_outbox = Outbox(self._scenes, livemode=livemode, wake=wake)
        self._footprint_outbox = Outbox(self._footprints, livemode=livemode, wake=wake)

    @property
    def outboxes(self) -> tuple[Outbox, ...]:
        """The sources of the relay."""
        return self._scene_outbox, self._footprint_outbox

    async def prepare(self) -> None:
        """Create the indexes; the unique one on `replaces` lets a footprint be replaced once."""
        for outbox in self.outboxes:
            await outbox.prepare()
        await self._scenes.create_index("scene.code", unique=True)
        await self._directory.prepare()
        await self.throttle.prepare()
        await self.figures.prepare()
        await self.prices.prepare()
        await self._footprints.create_index("certificates")
        # Partial on what an equality can be compared with: MongoDB does not use one on a type for it.
        await self._footprints.create_index(
            "replaces", name="replaced_once", unique=True, partialFilterExpression={"replaces": {"$gt": ""}}
        )
        await self._clear_what_earlier_versions_left()

    async def _clear_what_earlier_versions_left(self) -> None:
        indexes = await self._footprints.index_information()
        for name in {"replaces_1", "scene_id_1"} & set(indexes):
            await self._footprints.drop_index(name)
        # Hashes of addresses, which nothing reads or deletes any more.
        await self._database.drop_collection("windows")

    async def ping(self) -> None:
        """Raise MongoError when the database does not answer."""
        await self._database.command("ping")

    def close(self) -> None:
        """Let the database go."""
        self._database.client.close()

    # Scenes.

    async def scene(self, code: str) -> StoredScene | None:
        """Return a scene by the code of its address."""
        return _scene(await self._scenes.find_one({"scene.code": code}))

    async def scene_by_id(self, scene_id: str) -> StoredScene | None:
        """Return a scene by its id."""
        return _scene(await self._scenes.find_one({"_id": scene_id}))

    async def scenes(
        self, text: str, *, now: datetime, after: DirectoryPlace | None = None, limit: int
    ) -> tuple[list[StoredScene], DirectoryPlace | None]:
        """Return scenes whose code, names or place contain the text, open ones first; all when it is empty.

        They come after a place of that order; with them comes the place to go on after, if there are more.
        """
        places = await self._directory.search(text, now=now, after=after, limit=limit + 1)
        ids = [scene_id for _, _, scene_id in places[:limit]]
        found = self._scenes.find({"_id": {"$in": ids}}, {"scene": 1, "version": 1})
        scenes = {document["_id"]: _scene(document) async for document in found}
        # One may have been suspended since its place was read.
        shown = [one for one in map(scenes.get, ids) if one and one.scene.status in FOUND_STATUSES]
        return shown, places[limit - 1] if len(places) > limit else None

    async def insert_scene(self, scene_id: str, scene: Scene, *, now: datetime, cause: Cause) -> bool:
        """Insert a scene with its event; False when one with its id is there. Raises CodeTaken."""
        document = {"_id": scene_id, **_scene_fields(scene, now)}
        try:
            return await self._scene_outbox.insert(document, [published(scene_id, scene)], now=now, cause=cause)
        except DuplicateKeyError:
            raise _code_taken(scene) from None

    async def change_scene(self, loaded: StoredScene, scene: Scene, *, now: datetime, cause: Cause) -> None:
        """Write a scene over the version that was loaded, with its event. Raises CodeTaken or LostRace."""
        event = published(loaded.scene_id, scene)
        try:
            await self._scene_outbox.change(loaded.document, _scene_fields(scene, now), [event], now=now, cause=cause)
        except DuplicateKeyError:
            raise _code_taken(scene) from None

    # Footprints.

    async def add_footprint(self, footprint: Footprint, *, request_hash: str, now: datetime, cause: Cause) -> bool:
        """Insert the footprint with its event; False when one with its id is there. Raises AlreadyReplaced."""
        result = footprint.result
        document = {
            "_id": footprint.footprint_id,
            "scene_id": footprint.scene_id,
            "role": footprint.role,
            "place": asdict(footprint.place),
            "answers": footprint.answers.model_dump(mode="json"),
            "distances_km": [str(km) for km in result.distances_km],
            "release": result.release,
            "grams": result.grams,
            "low_grams": result.low_grams,
            "high_grams": result.high_grams,
            "jurisdiction": footprint.jurisdiction,
            "claim_hash": footprint.claim_hash,
            "root": footprint.root,
            "replaces": footprint.replaces,
            "made_at": footprint.made_at,
            "request_hash": request_hash,
            "certificates": [],
            "uncounted": footprint.scene_id is not None and footprint.role == "guest",
        }
        try:
            return await self._footprint_outbox.insert(document, [calculated(footprint)], now=now, cause=cause)
        except DuplicateKeyError:
            raise AlreadyReplaced("Another footprint has replaced this one. Change that one instead.") from None

    async def footprint(self, footprint_id: str) -> StoredFootprint | None:
        """Return a footprint."""
        found = await self._footprints.find_one({"_id": footprint_id})
        if found is None:
            return None
        names = set(StoredFootprint.__dataclass_fields__) - {"footprint_id", "place", "distances_km", "certificate_id"}
        return StoredFootprint(
            footprint_id=found["_id"],
            place=Place(**{**found["place"], "airports": tuple(found["place"]["airports"])}),
            distances_km=tuple(map(Decimal, found["distances_km"])),
            certificate_id=found["certificates"][-1] if found["certificates"] else None,
            **{name: found[name] for name in names},
        )

    async def replaced_by(self, footprint_id: str) -> str | None:
        """Return the footprint that replaced this one."""
        found = await self._footprints.find_one({"replaces": footprint_id}, {"_id": 1})
        return found["_id"] if found else None

    async def claim_hash(self, footprint_id: str) -> str | None:
        """Return the hash of the capability of a footprint."""
        found = await self._footprints.find_one({"_id": footprint_id}, {"claim_hash": 1})
        return found["claim_hash"] if found else None

    # Copies of certificates.

    async def cover(self, certificate_id: str, footprint_ids: tuple[str, ...]) -> None:
        """Let a certificate cover footprints, unless it is revoked."""
        await self._certificates.update_one(
            {"_id": certificate_id}, {"$set": {"footprint_ids": list(footprint_ids)}}, upsert=True
        )
        # Of one that is revoked already nothing is counted, not even for a moment.
        if await self._uncovered_if_revoked(certificate_id):
            return
        await self._footprints.update_many(
            {"_id": {"$in": list(footprint_ids)}, "certificates": {"$ne": certificate_id}},
            {"$push": {"certificates": certificate_id}, "$set": {"uncounted": True}},
        )
        # A revocation that came meanwhile may have found nothing to undo: whoever writes last looks again.
        await self._uncovered_if_revoked(certificate_id)

    async def _uncovered_if_revoked(self, certificate_id: str) -> bool:
        certificate = await self._certificates.find_one({"_id": certificate_id})
        if not certificate or not certificate.get("revoked"):
            return False
        await self.uncover(certificate_id)
        return True

    async def uncover(self, certificate_id: str) -> None:
        """Let a revoked certificate cover nothing, for good."""
        await self._certificates.update_one({"_id": certificate_id}, {"$set": {"revoked": True}}, upsert=True)
        await self._footprints.update_many(
            {"certificates": certificate_id},
            {"$pull": {"certificates": certificate_id}, "$set": {"uncounted": True}},
        )


def _scene(document: Document | None) -> StoredScene | None:
    if document is None:
        return None
    return StoredScene(document["_id"], Scene.model_validate(document["scene"]), document["version"], document)


def _scene_fields(scene: Scene, now: datetime) -> Document:
    return {"scene": scene.model_dump(mode="json"), "changed_in": bucket(now)}


def _code_taken(scene: Scene) -> CodeTaken:
    return CodeTaken(f"Another scene has the code {scene.code}.", field="code")
