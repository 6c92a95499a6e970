"""What ranking does because of something: it folds what it hears, keeps what it has folded, and folds it all again."""

from __future__ import annotations

import asyncio
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
    """The fold that is live, from which everybody is answered, and at times one that is made beside it."""

    def __init__(self, store: Store, clock: Callable[[], datetime], *, code: str, replica: str) -> None:
        self._store, self._clock, self._code, self._replica = store, clock, code, replica
        self.live = Fold()
        self._beside: Fold | None = None
        # Held while a batch is folded, and by whoever needs folds and their offsets to stand still.
        self.turn = asyncio.Lock()
        self._log = ""
        self._last_name = ""
        self._untold: Progress | None = None

    @property
    def boards(self) -> Boards:
        """The boards as they stand. They may be swapped for rebuilt ones, so nobody keeps them."""
        return self.live.boards

    async def fold(self, events: Sequence[Envelope[Event]]) -> None:
        """Take events into the boards."""
        for event in events:
            self.live.boards.fold(event)
            if self._beside is not None:
                self._beside.boards.fold(event)

    async def begin(self, log_id: str, ends: Mapping[Partition, int]) -> None:
        """Go on from the newest snapshot that fits this Kafka, whose partitions end there, or else from offset zero."""
        self._log, rebuild = log_id, await self._store.last_rebuild()
        # Whoever begins now has nothing to rebuild, and cannot end what it was at before.
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
        async with self.turn:
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

    async def ask_rebuild(self, key: str, *, by: str) -> int:
        """Ask every replica to fold everything again, once for each key; return the number of the rebuild."""
        return await self._store.ask(key, at=self._clock(), by=by)

    async def rebuild(self, number: int) -> tuple[datetime, list[Progress]] | None:
        """Return when a rebuild was asked for, and how far replicas are; none when there is none of this number."""
        asked_at = await self._store.asked_at(number)
        return (asked_at, await self._store.progress(number)) if asked_at else None

    async def see(self, number: int) -> None:
        """Say that this replica knows of a rebuild; what it has said since stays."""
        await self._store.see(number, self._replica)

    async def note(self, number: int, folded: int, to_fold: int) -> None:
        """Say how far this replica is: messages folded of those to fold."""
        await self._store.note(number, Progress(self._replica, folded, to_fold))

    async def rebuild_due(self) -> int | None:
        """Return the number of the last rebuild asked for, if the live fold began before."""
        number = await self._store.last_rebuild()
        return number if number > self.live.rebuild else None

    async def feed(self, fold: Fold) -> dict[Partition, int]:
        """Fold from now on into this one too; return up to where the live one is."""
        async with self.turn:
            self._beside = fold
            return dict(self.live.offsets)

    def feed_live_alone(self) -> None:
        """Fold into no other one any more."""
        self._beside = None

    def let_go(self) -> None:
        """Forget boards that nobody asks for."""
        self.live.boards.let_go(self._clock())

    async def build(self, rebuilt: Fold) -> None:
        """Build the boards that the live fold has, while nobody else knows this one."""
        selections = [standing.selection for standing in self.live.boards.standings()]
        await asyncio.to_thread(rebuilt.boards.build, selections, self._clock())

    async def swap(self, rebuilt: Fold, folded: int) -> None:
        """Compare the live fold with one that is told the same, say what was found, and put that in its place."""
        async with self.turn:
            boards, boards_differ = await asyncio.to_thread(self.live.boards.differing, rebuilt.boards)
            mine, theirs = await asyncio.to_thread(lambda: (self.live.boards.facts(), rebuilt.boards.facts()))
        facts, facts_differ = await asyncio.to_thread(differing, mine, theirs)
        found = Comparison(facts, facts_differ, boards, boards_differ)
        say = log.error if found.facts_differ or found.boards_differ else log.info
        say("boards rebuilt", rebuild=rebuilt.rebuild, facts=found.facts_differ, boards=found.boards_differ)
        async with self.turn:
            rebuilt.passed(self.live.offsets)
            self.live, self._beside = rebuilt, None
        # No snapshot of before is of use any more.
        self._last_name, self._untold = "", Progress(self._replica, folded, folded, found)
        await self.tell()

    async def tell(self) -> None:
        """Say what the last rebuild found, unless that is said: after its swap, for who asked looks at boards then."""
        if self._untold is not None:
            await self._store.note(self.live.rebuild, self._untold)
            self._untold = None
