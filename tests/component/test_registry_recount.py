"""The recount of the whole ledger leaves the service its time: it gives way at every page, and rests."""

from __future__ import annotations

import asyncio
import itertools
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

import pytest

from services.registry import app
from services.registry.domain.commands import Hold
from services.registry.domain.decide import next_page
from services.registry.handlers import Handlers
from services.registry.store import PAGES_PER_READ, Store
from shared.contracts.event import Cause
from shared.messaging.outbox import clock
from shared.web.app import database
from shared.web.idempotency import id_of
from shared.web.periodic import Periodic
from tests.conftest import until

BECAUSE = Cause(id="test")
PAGES = 2 * PAGES_PER_READ + 50


class Counting(Store):
    """A store that counts the pages it gave out."""

    given = 0

    async def raw_pages(self, project_id: str, *, after: int = 0, limit: int = 0) -> AsyncIterator[dict[str, Any]]:
        async for page in super().raw_pages(project_id, after=after, limit=limit):
            self.given += 1
            yield page


async def test_a_recount_of_many_pages_lets_others_run_after_each(settings: Callable[..., Any]) -> None:
    place = database(settings("registry"))
    store = Counting(place, livemode=False, wake=lambda: None)
    await store.prepare()
    project_id = id_of("prj", "recount")
    await store.open_place(project_id)
    page = None
    for number in range(PAGES):
        order = Hold(order_id=id_of("ord", str(number)), grams=1, listing_version=1, cause=BECAUSE)
        page = next_page(project_id, page, {}, [order], day="2026-11-24")
        assert page is not None
        await store.append(page)
    handlers = Handlers(store, clock)
    seen = [0]
    recount = asyncio.create_task(handlers.prove())
    while not recount.done():
        seen.append(store.given)
        await asyncio.sleep(0)
    await recount
    place.client.close()
    assert handlers.proof is not None
    (proof,) = handlers.proof.projects
    assert (proof.pages, proof.wrong, store.given) == (PAGES, None, PAGES)
    assert max(later - earlier for earlier, later in itertools.pairwise(seen)) == 1


def _so_many(turns: list[tuple[float, float]]) -> Callable[[], Awaitable[bool]]:
    async def there() -> bool:
        return len(turns) >= 4

    return there


@pytest.mark.parametrize("fails", [False, True])
async def test_what_takes_long_rests_so_many_times_as_long(fails: bool) -> None:
    turns: list[tuple[float, float]] = []

    async def act() -> None:
        began = time.monotonic()
        await asyncio.sleep(0.02)
        turns.append((began, time.monotonic()))
        if fails:
            raise ValueError("not today")

    async with Periodic("test", act, seconds=0.01, rests=app.RECOUNT_RESTS).running():
        await until(_so_many(turns))
    for (began, ended), (again, _) in itertools.pairwise(turns):
        assert again - ended >= 9.9 * (ended - began)
    assert app.RECOUNT_RESTS >= 10
