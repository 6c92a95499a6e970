"""The recount of the ledger: by one replica at a time, from what is proven on, and once a day from the first page."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from datetime import datetime, timedelta

from services.registry.domain.key_filter import KeyFilter
from services.registry.domain.proof import ReservesProof
from services.registry.domain.recount import Recount
from services.registry.store.recounts import RESERVES
from services.registry.store.store import Store
from shared.messaging.failures import LostRace

# An edit of a page that was counted before is found within this time.
REREAD = timedelta(days=1)
NOTED_SECONDS = 2.0


class _Reading:
    """What one reading of the ledger has counted so far; pages that are written later go on from there."""

    def __init__(self, *, requests: int, began: datetime) -> None:
        self.requests, self.began = requests, began
        self.recounts: dict[str, Recount] = {}
        self.seconds: float | None = None
        self._seen = KeyFilter()
        self._started = time.monotonic()

    def of(self, project_id: str) -> Recount:
        """Return the recount of a project, as far as it has come."""
        if project_id not in self.recounts:
            self.recounts[project_id] = Recount(project_id, self._seen)
        return self.recounts[project_id]

    @property
    def pages(self) -> int:
        """How many pages were counted."""
        return sum(recount.sequence for recount in self.recounts.values())

    def end(self) -> None:
        """Note how long it took from the first page to the last, once."""
        if self.seconds is None:
            self.seconds = round(time.monotonic() - self._started, 3)


class Recounter:
    """Recounts every project from its stored pages while this replica has the lease."""

    def __init__(self, store: Store, clock: Callable[[], datetime]) -> None:
        self._store, self._clock = store, clock
        self._reading: _Reading | None = None

    async def request(self) -> None:
        """Let the whole ledger be read again, by whichever replica recounts."""
        await self._store.recounts.request()

    async def recount(self) -> None:
        """Count the pages that are new, or all of them when it is time or was requested, and store what was found.

        Nothing happens while another replica recounts. Others get their turn at every page.
        """
        recounts = self._store.recounts
        until = await recounts.take()
        if until is None:
            self._reading = None
            return
        try:
            async with recounts.lease.kept([RESERVES], until=until):
                await self._count()
        except LostRace:
            self._reading = None

    async def _count(self) -> None:
        requests = await self._store.recounts.requests()
        reading = self._reading
        if reading is None or reading.requests != requests or self._clock() - reading.began >= REREAD:
            self._reading = reading = _Reading(requests=requests, began=self._clock())
        noted = time.monotonic()
        for project_id in await self._store.project_ids():
            recount = reading.of(project_id)
            if recount.wrong:
                continue
            async for page in self._store.raw_pages(project_id, after=recount.sequence):
                earlier = set()
                if doubtful := recount.doubtful(page):
                    earlier = await self._store.earlier(doubtful, project_id, recount.sequence + 1)
                if not recount.take(page, earlier):
                    break
                if time.monotonic() - noted > NOTED_SECONDS:
                    await self._store.recounts.note(reading.pages)
                    noted = time.monotonic()
                await asyncio.sleep(0)
        reading.end()
        proofs = tuple(recount.proof() for _, recount in sorted(reading.recounts.items()))
        proof = ReservesProof(self._clock(), reading.began, reading.seconds or 0.0, proofs)
        await self._store.recounts.record(proof, pages_counted=reading.pages)
