"""What ranking remembers in MongoDB: snapshots of what was folded, and requested rebuilds. It may be wiped any time."""

from __future__ import annotations

import asyncio
import hashlib
import zlib
from collections.abc import AsyncIterator, Mapping
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta
from typing import Any

from pydantic import TypeAdapter, ValidationError

from services.ranking.domain.comparison import Comparison, Progress
from services.ranking.domain.facts import FACTS, Fact, Facts
from services.ranking.domain.fold import Partition
from shared.mongodb import Database, Document, DuplicateKeyError, MongoError

# An erased name may be in a snapshot for so long, and not longer (D8).
SNAPSHOT_AGE_MAX = timedelta(hours=24)
# A clock that is further ahead would let a snapshot live on.
AHEAD_MAX = timedelta(hours=1)
PART_ROWS = 10_000
# A document may have sixteen megabytes, and some certificates cover hundreds of footprints.
PART_BYTES_MAX = 8_000_000
_ROWS: dict[str, TypeAdapter[Any]] = {kind: TypeAdapter(list[fact]) for kind, fact in FACTS.items()}  # type: ignore[valid-type]


class Torn(Exception):
    """A snapshot is not what was written: a part is missing, or is another."""


@dataclass(frozen=True, slots=True)
class Head:
    """What a snapshot says of itself.

    `code` and `log` name the code that folded and the Kafka that was read: with others it is of no use. `rebuild` is
    the number of the last rebuild requested when its fold began at offset zero; `offsets` are folded up to.
    """

    name: str
    taken_at: datetime
    code: str
    log: str
    rebuild: int
    as_of: datetime | None
    offsets: Mapping[Partition, int]
    parts: tuple[str, ...] = ()


class Store:
    """Snapshots by name and their parts by number; rebuilds by number, and how far each replica is with them."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._snapshots = database["snapshots"]
        self._parts = database["snapshot_parts"]
        self._rebuilds = database["rebuilds"]
        self._progress = database["rebuild_progress"]

    async def prepare(self) -> None:
        """Create the indexes. Old snapshots expire even when no replica runs."""
        for collection in (self._snapshots, self._parts):
            await collection.create_index("taken_at", expireAfterSeconds=int(SNAPSHOT_AGE_MAX.total_seconds()))
        await self._snapshots.create_index([("code", 1), ("log", 1), ("taken_at", -1)])
        await self._parts.create_index("snapshot")
        await self._rebuilds.create_index("key", unique=True)
        await self._rebuilds.create_index("number")
        await self._progress.create_index([("rebuild", 1), ("replica", 1)], unique=True)
        await self._progress.create_index([("replica", 1), ("comparison", 1)])

    async def ping(self) -> None:
        """Raise MongoError when the database does not answer."""
        await self._database.command("ping")

    def close(self) -> None:
        """Let the database go."""
        self._database.client.close()

    # Snapshots.

    async def claim(self, name: str, at: datetime) -> bool:
        """Begin a snapshot; false when one of this name was begun before, here or by another replica."""
        try:
            await self._snapshots.insert_one({"_id": name, "taken_at": at})
        except DuplicateKeyError:
            return False
        return True

    async def keep(self, head: Head, facts: Facts) -> bool:
        """Write what was claimed, and drop those before the last but one; false when it was dropped meanwhile.

        A snapshot is whole when its head names its parts, which is written last.
        """
        parts: list[str] = []
        try:
            async for kind, rows in _packed(facts):
                part = {"_id": _part_id(head.name, len(parts)), "snapshot": head.name, "number": len(parts)}
                await self._parts.insert_one({**part, "kind": kind, "taken_at": head.taken_at, "rows": rows})
                parts.append(_digest(kind, rows))
            written = await self._snapshots.update_one({"_id": head.name}, {"$set": _document(head, parts)})
        except MongoError:
            await self._drop(head.name)
            raise
        if written.matched_count == 0:
            await self._drop(head.name)
            return False
        await self._drop_old(head.taken_at)
        return True

    async def _drop_old(self, now: datetime) -> None:
        whole = self._snapshots.find({"parts": {"$exists": True}, "taken_at": {"$lte": now}}, {"taken_at": 1})
        async for last_but_one in whole.sort("taken_at", -1).skip(1).limit(1):
            # Two deletions instead of one with two conditions: each finds its documents by the index.
            for taken_at in ({"$lt": last_but_one["taken_at"]}, {"$gt": now + AHEAD_MAX}):
                await self._parts.delete_many({"taken_at": taken_at})
                await self._snapshots.delete_many({"taken_at": taken_at})

    async def _drop(self, name: str) -> None:
        await self._parts.delete_many({"snapshot": name})
        await self._snapshots.delete_one({"_id": name})

    async def heads(self, code: str, log: str, *, now: datetime) -> list[Head]:
        """Return the heads of whole snapshots of this code and log that may be used, the newest first."""
        taken_at = {"$gt": now - SNAPSHOT_AGE_MAX, "$lt": now + AHEAD_MAX}
        fitting = {"code": code, "log": log, "taken_at": taken_at, "parts": {"$exists": True}}
        return [
            Head(
                name=found["_id"],
                taken_at=found["taken_at"],
                code=found["code"],
                log=found["log"],
                rebuild=found["rebuild"],
                as_of=found["as_of"] and datetime.fromisoformat(found["as_of"]),
                offsets={(topic, number): offset for topic, number, offset in found["offsets"]},
                parts=tuple(found["parts"]),
            )
            async for found in self._snapshots.find(fitting).sort("taken_at", -1)
        ]

    async def facts(self, head: Head) -> AsyncIterator[list[Fact]]:
        """Yield the facts of a snapshot, part by part. Raises Torn."""
        for number, digest in enumerate(head.parts):
            part = await self._parts.find_one({"_id": _part_id(head.name, number)})
            if part is None or _digest(part["kind"], part["rows"]) != digest:
                raise Torn(f"part {number} of {head.name} is {'another' if part else 'missing'}")
            try:
                yield await asyncio.to_thread(_unpacked, part["kind"], part["rows"])
            except ValidationError as unknown:
                # What it holds may be names, which belong in no log.
                wrong = unknown.errors(include_input=False, include_context=False)[0]
                raise Torn(f"part {number} of {head.name}: {wrong['loc']}, {wrong['type']}") from None

    # Rebuilds.

    async def request_rebuild(self, key: str, *, at: datetime, by: str) -> int:
        """Remember that a rebuild is requested, once for each key; return its number."""
        while True:
            if (found := await self._rebuilds.find_one({"key": key})) is not None:
                return int(found["_id"])
            try:
                # Greater than all before, in a database that was wiped too.
                number = max(await self.last_rebuild() + 1, int(at.timestamp() * 1000))
                await self._rebuilds.insert_one(
                    {"_id": number, "number": number, "key": key, "requested_at": at, "requested_by": by}
                )
            except DuplicateKeyError:
                # Another was requested in the same moment, or this one was.
                continue
            else:
                return number

    async def last_rebuild(self, *, after: int = 0) -> int:
        """Return the number of the last rebuild requested after this one; 0 when none was."""
        async for found in self._rebuilds.find({"number": {"$gt": after}}, {"_id": 1}).sort("number", -1).limit(1):
            return int(found["_id"])
        return 0

    async def acknowledge(self, rebuild: int, replica: str) -> None:
        """Remember that a replica has not begun, unless it has."""
        begun = asdict(Progress(replica, folded=0, to_fold=0))
        await self._progress.update_one({"rebuild": rebuild, "replica": replica}, {"$setOnInsert": begun}, upsert=True)

    async def write_progress(self, rebuild: int, progress: Progress) -> None:
        """Remember how far a replica has come."""
        of = {"rebuild": rebuild, "replica": progress.replica}
        await self._progress.replace_one(of, {**of, **asdict(progress)}, upsert=True)

    async def forget_unfinished(self, replica: str) -> None:
        """Forget how far a replica was with what it has not ended."""
        await self._progress.delete_many({"replica": replica, "comparison": None})

    async def requested_at(self, rebuild: int) -> datetime | None:
        """Return when a rebuild was requested; none when there is none of this number."""
        found = await self._rebuilds.find_one({"_id": rebuild})
        return found["requested_at"] if found else None

    async def progress(self, rebuild: int) -> list[Progress]:
        """Return how far the replicas have come, by name."""
        return [
            Progress(
                found["replica"],
                found["folded"],
                found["to_fold"],
                Comparison(**found["comparison"]) if found["comparison"] else None,
            )
            async for found in self._progress.find({"rebuild": rebuild}).sort("replica", 1)
        ]


def _part_id(snapshot: str, number: int) -> str:
    return f"{snapshot}/{number}"


def _document(head: Head, parts: list[str]) -> Document:
    return {
        "code": head.code,
        "log": head.log,
        "rebuild": head.rebuild,
        # The database would cut microseconds off.
        "as_of": head.as_of and head.as_of.isoformat(),
        "offsets": [[topic, number, offset] for (topic, number), offset in head.offsets.items()],
        "parts": parts,
    }


async def _packed(facts: Facts) -> AsyncIterator[tuple[str, bytes]]:
    """Yield facts of a kind, so many that they go into a document."""
    for kind in FACTS:
        rows = list(facts[kind].values())
        slices = [rows[start : start + PART_ROWS] for start in range(0, len(rows), PART_ROWS)]
        while slices:
            some = slices.pop(0)
            packed = await asyncio.to_thread(_pack, kind, some)
            if len(packed) > PART_BYTES_MAX and len(some) > 1:
                middle = len(some) // 2
                slices[:0] = [some[:middle], some[middle:]]
            else:
                yield kind, packed


def _pack(kind: str, rows: list[Fact]) -> bytes:
    return zlib.compress(_ROWS[kind].dump_json(rows), level=1)


def _unpacked(kind: str, rows: bytes) -> list[Fact]:
    return _ROWS[kind].validate_json(zlib.decompress(rows))  # type: ignore[no-any-return]


def _digest(kind: str, rows: bytes) -> str:
    return hashlib.sha256(kind.encode() + b"\0" + rows).hexdigest()
