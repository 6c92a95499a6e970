"""How long the registry's own recount of a long ledger takes, read from the database, page by page."""

from __future__ import annotations

import contextlib
import secrets
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from typing import Any

from benchmarks.holds import CAUSE, CONCERNS
from services.registry.domain.commands import ChangeListing, Command, Hold, Issue, ListingContent, Post, Report
from services.registry.domain.decide import next_page
from services.registry.domain.ledger import Page
from services.registry.domain.open_holds import OpenHolds
from services.registry.handlers.recount import Recounter
from services.registry.store.store import Store
from shared.messaging.outbox import clock
from shared.mongodb import connect
from shared.web.idempotency import id_of

POLL = 500
GRAMS = 1_000
PAGES_PER_INSERT = 20
Seconds = Callable[[int], Awaitable[float]]


@contextlib.asynccontextmanager
async def running(mongodb: str) -> AsyncIterator[Seconds]:
    """Yield a function: seconds that a recount of so many allocations takes; each has its hold before it."""
    client = connect(f"{mongodb}/?{CONCERNS}")

    async def seconds(allocations: int) -> float:
        database = client[f"bench_{secrets.token_hex(4)}"]
        store = Store(database, livemode=False, wake=lambda: None)
        project_id = id_of("prj", secrets.token_hex(8))
        await store.open_place(project_id)
        # Written without the unique index, which a recount does not read.
        pages: list[dict[str, Any]] = []
        for page in _pages(project_id, allocations):
            pages.append({"_id": f"{project_id}.{page.sequence:012d}", **page.model_dump(mode="json")})
            if len(pages) == PAGES_PER_INSERT:
                await database["pages"].insert_many(pages)
                pages = []
        await database["pages"].insert_many(pages)
        await store.recounts.prepare()
        began = time.perf_counter()
        await Recounter(store, clock).recount()
        taken = time.perf_counter() - began
        last, _ = await store.recounts.last()
        assert last is not None
        (proof,) = last.projects
        assert proof.wrong is None
        assert proof.batches[0].allocated == allocations * GRAMS
        await client.drop_database(database.name)
        return taken

    yield seconds
    client.close()


def _pages(project_id: str, allocations: int) -> Iterator[Page]:
    """Yield a ledger in which so many orders are held and posted, in polls of POLL."""
    content = ListingContent(
        names={"en": "Bench (demo)"}, standard="CDCER", type="bench", owner_id="own", place="CN510100", code="1",
        unit_price_fen=1,
    )  # fmt: skip
    report = Report(report="1", verifier="bench", verified_tonnes=10**6, tonnes=10**6, vintage=2024)
    open_holds = OpenHolds(None)

    def turned(*commands: Command) -> Page:
        page = next_page(project_id, open_holds.last, open_holds.entries(commands), commands, day="2026-11-24")
        assert page is not None
        open_holds.advance(page)
        return page

    yield turned(ChangeListing(content=content, seen=0, cause=CAUSE))
    yield turned(Issue(report=report, batch_id=id_of("bat", "1"), cause=CAUSE))
    for first in range(0, allocations, POLL):
        orders = [id_of("ord", str(number)) for number in range(first, min(first + POLL, allocations))]
        yield turned(*(Hold(order_id=one, grams=GRAMS, listing_version=1, cause=CAUSE) for one in orders))
        yield turned(*(Post(order_id=one, cause=CAUSE) for one in orders))
