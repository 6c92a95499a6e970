"""What ranking does because of something: it folds events, keeps what it has folded, and folds all of it again."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime

import structlog
from prometheus_client import Gauge

from services.ranking.domain.boards import Boards
from services.ranking.domain.comparison import Comparison, Progress, differing
from services.ranking.domain.fold import Fold, Partition
from services.ranking.store import Head, Store, Torn
from shared.contracts.event import Envelope, Event

SNAPSHOT_MINUTES = 10
TAKEN_AT = Gauge("diandian_ranking_snapshot_seconds", "When this replica last wrote a snapshot, in seconds since 1970")

log = structlog.get_logger()


class Handlers:
    """The live fold, from which everybody is answered, and at times another one that is made meanwhile."""

    def __init__(self, store: Store, clock: Callable[[], datetime], *, code: str, replica: str) -> None:
        self._store, self._clock, self._code, self._replica = store, clock, code, replica
        self.live = Fold()
        self._rebuilding: Fold | None = None
        # Held while a batch is folded, and by whoever needs folds and their offsets to stand still.
        self.lock = asyncio.Lock()
        self._log = ""
        self._last_name = ""
        self._unwritten: Progress | None = None

    @property
    def boards(self) -> Boards:
        """The boards as they stand. They may be swapped for rebuilt ones, so nobody keeps them."""
        return self.live.boards

    async def fold(self, events: Sequence[Envelope[Event]]) -> None:
        """Take events into the boards. Raises what `Boards.fold` raises."""
        for event in events:
            self.live.boards.fold(event)
            if self._rebuilding is not None:
                self._rebuilding.boards.fold(event)

    async def begin(self, log_id: str, ends: Mapping[Partition, int]) -> None:
        """Go on from the newest snapshot that fits this Kafka, whose partitions end there, or else from offset zero."""
        self._log, rebuild = log_id, await self._store.last_rebuild()
        # Whoever begins now has nothing to rebuild, and cannot end what it had begun before.
        await self._store.forget_unfinished(self._replica)
        for head in await self._store.heads(self._code, log_id, now=self._clock()):
            # What lies beyond an end was folded from a log that has lost it.
            beyond = any(offset > ends.get(partition, 0) for partition, offset in head.offsets.items())
            if head.rebuild < rebuild or beyond:
                continue
            fold = Fold(head.rebuild, head.offsets)
            fold.boards.as_of = head.as_of
            try:
                async for facts in self._store.facts(head):
                    for fact in facts:
                        fold.boards.take(fact)
            except Torn as torn:
                log.warning("snapshot not used", snapshot=head.name, reason=str(torn)[:300])
                continue
            log.info("boards go on from a snapshot", snapshot=head.name)
            self.live = fold
            return
        log.info("boards begin at offset zero")
        self.live = Fold(rebuild)

    async def keep(self) -> None:
        """Write a snapshot if it is time for one and no other replica has begun to."""
        now = self._clock()
        slot = f"{now.replace(minute=now.minute - now.minute % SNAPSHOT_MINUTES):%Y-%m-%dT%H:%MZ}"
        name = f"{slot} {self._code[:16]} {self.live.rebuild}"
        if name == self._last_name:
            return
        # The database may have been wiped since.
        await self._store.prepare()
        claimed = await self._store.claim(name, now)
        self._last_name = name
        if not claimed:
            return
        async with self.lock:
            fold, facts = self.live, self.live.boards.facts()
            head = Head(
                name=name,
                taken_at=now,
                code=self._code,
                log=self._log,
                rebuild=fold.rebuild,
                as_of=fold.boards.as_of,
                offsets=dict(fold.offsets),
            )
        if await self._store.keep(head, facts):
            TAKEN_AT.set(now.timestamp())

    async def request_rebuild(self, key: str, *, by: str) -> int:
        """Request that every replica folds everything again, once for each key; return the number of the rebuild."""
        return await self._store.request_rebuild(key, at=self._clock(), by=by)

    async def rebuild(self, number: int) -> tuple[datetime, list[Progress]] | None:
        """Return when a rebuild was requested, and how far replicas are; none when there is none of this number."""
        requested_at = await self._store.requested_at(number)
        return (requested_at, await self._store.progress(number)) if requested_at else None

    async def acknowledge(self, number: int) -> None:
        """Write that this replica has seen a rebuild; what it has written since stays."""
        await self._store.acknowledge(number, self._replica)

    async def write_progress(self, number: int, folded: int, to_fold: int) -> None:
        """Write how far this replica is: messages folded of those to fold."""
        await self._store.write_progress(number, Progress(self._replica, folded, to_fold))

    async def rebuild_due(self) -> int | None:
        """Return the number of the last rebuild requested, if the live fold began before."""
        return await self._store.last_rebuild(after=self.live.rebuild) or None

    async def feed(self, fold: Fold) -> dict[Partition, int]:
        """Fold from now on into this one too; return up to where the live one is."""
        async with self.lock:
            self._rebuilding = fold
            return dict(self.live.offsets)

    def feed_live_alone(self) -> None:
        """Fold into no other one any more."""
        self._rebuilding = None

    def let_go(self) -> None:
        """Forget boards that nobody looks at."""
        self.live.boards.let_go(self._clock())

    async def build(self, rebuilt: Fold) -> None:
        """Build the boards that the live fold has, while nobody else uses this one."""
        selections = [standing.selection for standing in self.live.boards.standings()]
        await asyncio.to_thread(rebuilt.boards.build, selections, self._clock())

    async def swap(self, rebuilt: Fold, folded: int) -> None:
        """Compare the live fold with one of the same events, write what was found, and put that in its place."""
        async with self.lock:
            boards, boards_differ = await asyncio.to_thread(self.live.boards.differing, rebuilt.boards)
            mine, theirs = await asyncio.to_thread(lambda: (self.live.boards.facts(), rebuilt.boards.facts()))
        facts, facts_differ = await asyncio.to_thread(differing, mine, theirs)
        found = Comparison(facts, facts_differ, boards, boards_differ)
        level = logging.ERROR if found.facts_differ or found.boards_differ else logging.INFO
        log.log(level, "boards rebuilt", rebuild=rebuilt.rebuild, facts=found.facts_differ, boards=found.boards_differ)
        async with self.lock:
            rebuilt.passed(self.live.offsets)
            self.live, self._rebuilding = rebuilt, None
        # No snapshot of before is of use any more.
        self._last_name, self._unwritten = "", Progress(self._replica, folded, folded, found)
        await self.write_result()

    async def write_result(self) -> None:
        """Write what the last rebuild found, once: after its swap, for whoever reads it looks at boards then."""
        if self._unwritten is not None:
            await self._store.write_progress(self.live.rebuild, self._unwritten)
            self._unwritten = None
