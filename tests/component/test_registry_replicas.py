"""Two replicas of the registry write one ledger: what one decides between another's readings is decided again."""

from __future__ import annotations

import random
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Sequence
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio

import services.registry
from services.registry.domain.book import WrittenEntry
from services.registry.domain.commands import Command, Hold, ListingChanged, ListingContent, Post, Release, Report
from services.registry.domain.events import business_day
from services.registry.domain.ledger import Page
from services.registry.domain.proof import Proof
from services.registry.domain.recount import Recount
from services.registry.handlers.ledger import Handlers
from services.registry.store.pages import PAGES_PER_CLAIM
from services.registry.store.store import Store
from shared.contracts.event import Cause, Envelope
from shared.contracts.orders import OffsetPurchased, OrderClosed, OrderPlaced
from shared.messaging.failures import LostRace
from shared.messaging.outbox import clock
from shared.web.app import database
from shared.web.idempotency import id_of
from tests.component.test_registry import LISTING, placed, purchased
from tests.conftest import enveloped
from tests.unit.registry.chain import Chain

BECAUSE = Cause(id="test")
PROJECT = id_of("prj", "replicas")
PAGES = Path(str(services.registry.__file__)).parent / "pages"
OrderEvent = Envelope[OrderPlaced | OffsetPurchased | OrderClosed]


class Interleaved(Store):
    """A store in which something else happens before the entries are read, or before a page is written."""

    meanwhile: Callable[[], Awaitable[Any]] | None = None
    before_append: Callable[[], Awaitable[Any]] | None = None
    looked_up = 0

    async def entries(self, keys: Iterable[str]) -> dict[str, WrittenEntry]:
        happens, self.meanwhile = self.meanwhile, None
        if happens:
            await happens()
        keys = list(keys)
        self.looked_up += len(keys)
        return await super().entries(keys)

    async def append(self, page: Page) -> None:
        if self.before_append:
            await self.before_append()
        await super().append(page)


@pytest_asyncio.fixture
async def stores(settings: Callable[..., Any]) -> AsyncIterator[Callable[[], Interleaved]]:
    place = database(settings("registry"))
    yield lambda: Interleaved(place, livemode=False, wake=lambda: None)
    place.client.close()


@pytest_asyncio.fixture
async def store(stores: Callable[[], Interleaved]) -> Interleaved:
    store = stores()
    await store.prepare()
    return store


async def listed(registry: Handlers, *, tonnes: int = 1) -> None:
    """List the project and issue one batch."""
    await registry.change_listing(PROJECT, ListingContent.model_validate(LISTING), seen=0, cause=BECAUSE)
    report = Report(report="MR-1", verifier="Verifier (demo)", verified_tonnes=9, tonnes=tonnes, vintage=2021)
    await registry.issue(PROJECT, report, batch_id=id_of("bat", "1"), cause=BECAUSE)


async def poll(registry: Handlers, *events: OrderEvent) -> int:
    """Let the replica take a poll as the delivery does, again after each lost race; return how many it lost."""
    lost = 0
    while True:
        try:
            await registry.poll(events)
        except LostRace:
            lost += 1
        else:
            return lost


async def chain_of(store: Store) -> tuple[list[dict[str, Any]], Proof]:
    """Return the pages as they are stored, and what a recount finds."""
    pages = [page async for page in store.raw_pages(PROJECT)]
    recount = Recount(PROJECT)
    for page in pages:
        recount.take(page)
    return pages, recount.proof()


def closed(order: OrderPlaced) -> OrderClosed:
    return OrderClosed(order_id=order.order_id, project_id=order.project_id, why="expired")


def kinds(pages: Sequence[dict[str, Any]]) -> list[str]:
    return [entry["kind"] for page in pages for entry in page["entries"] if entry["order_id"]]


async def test_c1_an_order_that_another_replica_holds_meanwhile_is_posted_from_the_figures_after_that(
    store: Interleaved,
) -> None:
    registry = Handlers(store, clock)
    await listed(registry)
    order = placed(PROJECT, 400_000)

    async def held() -> None:
        await registry.poll([enveloped(order)])

    store.meanwhile = held
    with pytest.raises(LostRace):
        await registry.poll([enveloped(purchased(order), sequence=2)])
    await registry.poll([enveloped(purchased(order), sequence=2)])
    last = await store.page(PROJECT, 4)
    assert last is not None
    assert [entry.kind for entry in last.entries] == ["post"]
    assert [(batch.held, batch.allocated) for batch in last.batches] == [(0, 400_000)]


async def test_a_listing_that_is_refused_opens_no_place(store: Interleaved) -> None:
    registry = Handlers(store, clock)
    with pytest.raises(ListingChanged):
        await registry.change_listing(PROJECT, ListingContent.model_validate(LISTING), seen=7, cause=BECAUSE)
    assert await store.project_ids() == []


async def test_c6_a_page_that_another_writes_between_reading_and_writing_is_decided_upon_not_overwritten(
    store: Interleaved, stores: Callable[[], Interleaved]
) -> None:
    one, other = Handlers(store, clock), Handlers(stores(), clock)
    await listed(one)
    mine, theirs = placed(PROJECT, 700_000), placed(PROJECT, 600_000)

    async def first() -> None:
        store.before_append = None
        await other.poll([enveloped(theirs)])

    store.before_append = first
    assert await poll(one, enveloped(mine)) == 1
    pages, proof = await chain_of(store)
    assert kinds(pages) == ["hold", "hold_refused"]
    assert proof.wrong is None
    assert proof.batches[0].held == 600_000


async def test_c4_what_the_other_replica_held_closed_or_posted_is_known_to_one_whose_memory_differs(
    store: Interleaved, stores: Callable[[], Interleaved]
) -> None:
    one, other = Handlers(store, clock), Handlers(stores(), clock)
    await listed(one)
    orders = [placed(PROJECT, 100_000) for _ in range(4)]
    await poll(one, *(enveloped(order) for order in orders))
    # In the memory of `one` all four are open; it learns of each end only from the pages that `other` has written.
    await poll(other, enveloped(closed(orders[0]), sequence=2), enveloped(purchased(orders[1]), sequence=2))
    await poll(
        one, *(enveloped(purchased(order), sequence=2) for order in orders), *(enveloped(order) for order in orders)
    )
    await poll(other, *(enveloped(closed(order), sequence=3) for order in orders))
    pages, proof = await chain_of(store)
    assert kinds(pages) == ["hold"] * 4 + ["release", "post"] + ["post_refused", "post", "post"]
    assert proof.wrong is None
    assert (proof.batches[0].held, proof.batches[0].allocated) == (0, 300_000)


async def test_an_order_that_another_replica_closed_before_it_was_placed_is_not_held(
    store: Interleaved, stores: Callable[[], Interleaved]
) -> None:
    one, other = Handlers(store, clock), Handlers(stores(), clock)
    await listed(one)
    late, paid = placed(PROJECT, 1), placed(PROJECT, 1)
    await poll(one, enveloped(placed(PROJECT, 1)))
    await poll(other, enveloped(closed(late)), enveloped(closed(paid)), enveloped(purchased(paid), sequence=2))
    await poll(one, enveloped(late), enveloped(paid))
    pages, proof = await chain_of(store)
    assert kinds(pages) == ["hold", "release", "release", "post_refused", "hold_refused", "hold_refused"]
    assert [entry["sequence"] for entry in pages[-1]["entries"]] == [1, 2]
    assert proof.wrong is None


async def test_c7_a_repeat_of_a_hold_not_in_memory_costs_one_more_try_and_changes_nothing(
    store: Interleaved,
) -> None:
    registry = Handlers(store, clock)
    await listed(registry)
    refused, new = placed(PROJECT, 10**9), placed(PROJECT, 1)
    await poll(registry, enveloped(refused))
    before = [page async for page in store.raw_pages(PROJECT)]
    assert await poll(registry, enveloped(refused), enveloped(new)) == 1
    pages, proof = await chain_of(store)
    assert pages[: len(before)] == before
    assert kinds(pages) == ["hold_refused", "hold"]
    assert proof.wrong is None


async def test_posts_and_releases_of_open_holds_look_up_nothing_and_new_orders_one_key(
    store: Interleaved,
) -> None:
    registry = Handlers(store, clock)
    await listed(registry)
    orders = [placed(PROJECT, 1) for _ in range(100)]
    await poll(registry, enveloped(placed(PROJECT, 1)))
    store.looked_up = 0
    await poll(registry, *(enveloped(order) for order in orders))
    assert store.looked_up == 100
    await poll(registry, *(enveloped(purchased(order), sequence=2) for order in orders[:50]))
    await poll(registry, *(enveloped(closed(order), sequence=2) for order in orders[50:]))
    assert store.looked_up == 100
    assert len(registry._open_holds[PROJECT].holds) == 1


async def test_a_replica_that_is_many_pages_behind_begins_from_the_newest(
    store: Interleaved, stores: Callable[[], Interleaved]
) -> None:
    one, other = Handlers(store, clock), Handlers(stores(), clock)
    await listed(one)
    mine = placed(PROJECT, 1)
    await poll(one, enveloped(mine))
    for _ in range(PAGES_PER_CLAIM + 3):
        await poll(other, enveloped(placed(PROJECT, 1)))
    assert await poll(one, enveloped(purchased(mine), sequence=2)) == 0
    pages, proof = await chain_of(store)
    assert kinds(pages)[-1] == "post"
    assert proof.wrong is None


@pytest.mark.parametrize("seed", range(3))
async def test_c7_replicas_restarts_and_repeats_write_the_same_bytes_as_one_that_knows_everything(
    stores: Callable[[], Interleaved], seed: int
) -> None:
    chance = random.Random(seed)
    store = stores()
    await store.prepare()
    replicas = [Handlers(store, clock), Handlers(stores(), clock)]
    await listed(replicas[0], tonnes=2)
    model = Chain(PROJECT)
    async for page in store.raw_pages(PROJECT):
        model.pages.append(Page.model_validate(page))
    orders = [placed(PROJECT, chance.choice([1, 50_000, 400_000])) for _ in range(25)]
    for _ in range(50):
        if chance.random() < 0.1:
            replicas[chance.randrange(2)] = Handlers(stores(), clock)
        events: list[OrderEvent] = []
        for order in chance.sample(orders, chance.randint(1, 6)):
            asks = chance.choice([[order], [order], [order, purchased(order)], [purchased(order)], [closed(order)]])
            events += [enveloped(event) for event in asks]
        await poll(replicas[chance.randrange(2)], *events)
        model.poll(*map(_command, events), day=business_day(clock()))
    pages, proof = await chain_of(store)
    assert pages == [page.model_dump(mode="json") for page in model.pages]
    assert proof.wrong is None


def _command(event: OrderEvent) -> Command:
    match event.data:
        case OrderPlaced() as order:
            return Hold(order.order_id, order.grams, order.listing_version, event.cause)
        case OffsetPurchased() as order:
            return Post(order.order_id, event.cause)
        case order:
            return Release(order.order_id, event.cause)
