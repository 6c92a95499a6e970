"""Two replicas of the registry write one ledger: what one decides between another's readings is decided again."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Iterable
from typing import Any

import pytest
import pytest_asyncio

from services.registry import domain
from services.registry.handlers import Handlers
from services.registry.store import Store
from shared.contracts import Cause
from shared.messaging.delivery import LostRace
from shared.messaging.outbox import clock
from shared.web.app import database
from shared.web.idempotency import id_of
from tests.component.test_registry import LISTING, placed, purchased
from tests.conftest import told

BECAUSE = Cause(id="test")
PROJECT = id_of("prj", "replicas")


class Interleaved(Store):
    """A store in which something else happens between the reading of the last page and that of the entries."""

    meanwhile: Callable[[], Awaitable[Any]] | None = None

    async def entries(self, keys: Iterable[str]) -> dict[str, domain.Known]:
        happens, self.meanwhile = self.meanwhile, None
        if happens:
            await happens()
        return await super().entries(keys)


@pytest_asyncio.fixture
async def store(settings: Callable[..., Any]) -> AsyncIterator[Interleaved]:
    place = database(settings("registry"))
    store = Interleaved(place, livemode=False, wake=lambda: None)
    await store.prepare()
    yield store
    place.client.close()


async def test_c1_an_order_that_another_replica_holds_meanwhile_is_posted_from_the_figures_after_that(
    store: Interleaved,
) -> None:
    registry = Handlers(store, clock)
    content = domain.ListingContent.model_validate(LISTING)
    await registry.change_listing(PROJECT, content, seen=0, cause=BECAUSE)
    report = domain.Report(report="MR-1", verifier="Verifier (demo)", verified_tonnes=1, tonnes=1, vintage=2021)
    await registry.issue(PROJECT, report, batch_id=id_of("bat", "1"), cause=BECAUSE)
    order = placed(PROJECT, 400_000)

    async def held() -> None:
        await registry.poll([told(order)])

    store.meanwhile = held
    with pytest.raises(LostRace):
        await registry.poll([told(purchased(order), sequence=2)])
    await registry.poll([told(purchased(order), sequence=2)])
    last = await store.last_page(PROJECT)
    assert last is not None
    assert [entry.kind for entry in last.entries] == ["post"]
    assert [(batch.held, batch.allocated) for batch in last.batches] == [(0, 400_000)]


async def test_a_listing_that_is_refused_opens_no_place(store: Interleaved) -> None:
    registry = Handlers(store, clock)
    with pytest.raises(domain.ListingChanged):
        await registry.change_listing(PROJECT, domain.ListingContent.model_validate(LISTING), seen=7, cause=BECAUSE)
    assert await store.project_ids() == []
