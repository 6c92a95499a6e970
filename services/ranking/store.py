"""What ranking remembers in MongoDB: snapshots of what was folded, and rebuilds asked for. It may be wiped any time."""

from __future__ import annotations

import asyncio
import hashlib
import zlib
from collections.abc import AsyncIterator, Iterator, Mapping
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta
from typing import Any

from pydantic import TypeAdapter, ValidationError
from pymongo.errors import DuplicateKeyError

from services.ranking.domain import FACTS, Comparison, Fact, Facts, Progress

# A partition by topic and number.
Partition = tuple[str, int]
# An erased name may be in a snapshot for so long, and not longer (D8).
KEPT = timedelta(hours=24)
# Some megabytes before they are packed; a document may have sixteen.
PART_ROWS = 10_000
_ROWS: dict[str, TypeAdapter[Any]] = {kind: TypeAdapter(list[fact]) for kind, fact in FACTS.items()}  # type: ignore[valid-type]


class Torn(Exception):
    """A snapshot is not what was written: a part is missing, or is another."""


@dataclass(frozen=True, slots=True)
class Head:
    """What a snapshot says of itself.

    `code` and `log` name the code that folded and the Kafka that was read: with others it is of no use. `rebuild` is
    the number of the last rebuild asked for when its fold began at offset zero; `offsets` are folded up to.
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

    def __init__(self, database: Any) -> None:
        self._database = database
        self._snapshots = database["snapshots"]
        self._parts = database["snapshot_parts"]
        self._rebuilds = database["rebuilds"]
        self._progress = database["rebuild_progress"]

    async def prepare(self) -> None:
        """Create the indexes. Old snapshots expire even when no replica runs."""
        for collection in (self._snapshots, self._parts):
            await collection.create_index("taken_at", expireAfterSeconds=int(KEPT.total_seconds()))
        await self._parts.create_index([("snapshot", 1), ("number", 1)], unique=True)
        await self._rebuilds.create_index("key", unique=True)
        await self._progress.create_index([("rebuild", 1), ("replica", 1)], unique=True)

    async def ping(self) -> None:
        """Raise PyMongoError when the database does not answer."""
        await self._database.command("ping")

    def close(self) -> None:
        """Let the database go."""
        self._database.client.close()

    # Snapshots.

    async def keep(self, head: Head, facts: Facts) -> bool:
        """Write a snapshot, and drop those before the last but one; false when one of this name is there already.

        It is whole when its head names its parts, which is written last.
        """
        document = {
            "_id": head.name,
            "taken_at": head.taken_at,
            "code": head.code,
            "log": head.log,
            "rebuild": head.rebuild,
            # The database would cut microseconds off.
            "as_of": head.as_of and head.as_of.isoformat(),
            "offsets": [[topic, number, offset] for (topic, number), offset in head.offsets.items()],
        }
        try:
            await self._snapshots.insert_one(document)
        except DuplicateKeyError:
            return False
        parts = []
        for number, (kind, rows) in enumerate(_slices(facts)):
            packed = await asyncio.to_thread(_packed, kind, rows)
            part = {"snapshot": head.name, "number": number, "kind": kind, "rows": packed, "taken_at": head.taken_at}
            await self._parts.insert_one(part)
            parts.append(hashlib.sha256(packed).hexdigest())
        await self._snapshots.update_one({"_id": head.name}, {"$set": {"parts": parts}})
        await self._drop_old()
        return True

    async def _drop_old(self) -> None:
        whole = self._snapshots.find({"parts": {"$exists": True}}, {"taken_at": 1}).sort("taken_at", -1)
        async for last_but_one in whole.skip(1).limit(1):
            older = {"taken_at": {"$lt": last_but_one["taken_at"]}}
            await self._parts.delete_many(older)
            await self._snapshots.delete_many(older)

    async def heads(self, code: str, log: str, *, since: datetime) -> list[Head]:
        """Return the heads of whole snapshots of this code and log that are not older, the newest first."""
        fitting = {"code": code, "log": log, "taken_at": {"$gte": since}, "parts": {"$exists": True}}
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
            part = await self._parts.find_one({"snapshot": head.name, "number": number})
            if part is None or hashlib.sha256(part["rows"]).hexdigest() != digest:
                raise Torn(f"part {number} of {head.name} is {'another' if part else 'missing'}")
            try:
                yield await asyncio.to_thread(_unpacked, part["kind"], part["rows"])
            except ValidationError as unknown:
                raise Torn(f"part {number} of {head.name} holds no {part['kind']}: {unknown}") from None

    # Rebuilds.

    async def ask(self, key: str, *, at: datetime, by: str) -> int:
        """Note that a rebuild is asked for, once for each key; return its number."""
        while True:
            if (found := await self._rebuilds.find_one({"key": key})) is not None:
                return int(found["_id"])
            try:
                number = await self.last_rebuild() + 1
                await self._rebuilds.insert_one({"_id": number, "key": key, "asked_at": at, "asked_by": by})
            except DuplicateKeyError:
                # Another was asked for in the same moment, or this one was.
                continue
            else:
                return number

    async def last_rebuild(self) -> int:
        """Return the number of the last rebuild asked for; 0 when none was."""
        async for found in self._rebuilds.find({}, {"_id": 1}).sort("_id", -1).limit(1):
            return int(found["_id"])
        return 0

    async def note(self, rebuild: int, progress: Progress) -> None:
        """Remember how far a replica has come."""
        of = {"rebuild": rebuild, "replica": progress.replica}
        await self._progress.replace_one(of, {**of, **asdict(progress)}, upsert=True)

    async def forget_unfinished(self, replica: str) -> None:
        """Forget how far a replica was with what it has not ended."""
        await self._progress.delete_many({"replica": replica, "comparison": None})

    async def asked_at(self, rebuild: int) -> datetime | None:
        """Return when a rebuild was asked for; none when there is none of this number."""
        found = await self._rebuilds.find_one({"_id": rebuild})
        return found["asked_at"] if found else None

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


def _slices(facts: Facts) -> Iterator[tuple[str, list[Fact]]]:
    for kind in FACTS:
        rows = list(facts[kind].values())
        for start in range(0, len(rows), PART_ROWS):
            yield kind, rows[start : start + PART_ROWS]


def _packed(kind: str, rows: list[Fact]) -> bytes:
    return zlib.compress(_ROWS[kind].dump_json(rows), level=1)


def _unpacked(kind: str, rows: bytes) -> list[Fact]:
    return _ROWS[kind].validate_json(zlib.decompress(rows))  # type: ignore[no-any-return]
