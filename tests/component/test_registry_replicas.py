"""Two replicas of the registry write one ledger: what one decides between another's readings is decided again."""

from __future__ import annotations

import asyncio
import random
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Sequence
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio

import services.registry
from services.registry import api
from services.registry.api.programs import api_router
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
from shared.messaging.lease import LeaseLost
from shared.messaging.outbox import clock
from shared.messaging.retries import ATTEMPTS_BY_REQUEST_MAX
from shared.web.app import create, database
from shared.web.idempotency import id_of
from shared.web.pages import Pages
from tests.component.test_registry import LISTING, placed, purchased
from tests.conftest import client_of, enveloped
from tests.unit.registry.test_ledger import Chain

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


async def test_c5_two_replicas_at_once_hold_exactly_what_is_there(
    store: Interleaved, stores: Callable[[], Interleaved]
) -> None:
    one, other = Handlers(store, clock), Handlers(stores(), clock)
    await listed(one)
    orders = [placed(PROJECT, 2_000) for _ in range(1_000)]

    async def take(registry: Handlers, mine: Sequence[OrderPlaced]) -> int:
        return sum([await poll(registry, *map(enveloped, mine[at : at + 50])) for at in range(0, len(mine), 50)])

    # Some orders come to both, as after a rebalance.
    lost = await asyncio.gather(take(one, orders[:600]), take(other, orders[400:]))
    pages, proof = await chain_of(store)
    assert sum(lost) > 0
    assert sorted(kinds(pages)) == ["hold"] * 500 + ["hold_refused"] * 500
    assert {entry["reason"] for page in pages for entry in page["entries"] if entry["kind"] == "hold_refused"} == {
        "insufficient_stock"
    }
    assert proof.wrong is None
    assert (proof.batches[0].held, proof.batches[0].available) == (1_000_000, 0)


async def test_a_command_that_loses_five_times_is_answered_503_with_when_to_come_again(
    settings: Callable[..., Any], issuer: Any, stores: Callable[[], Interleaved]
) -> None:
    store = stores()
    rival = Handlers(stores(), clock)
    handlers = Handlers(store, clock)
    set_up = settings("registry")
    app = create(
        set_up,
        service="registry",
        description="",
        routers=[api_router(store, handlers, livemode=False)],
        access={line: access for line, access in api.ACCESS.items() if "/v1/" in line},
        statuses=api.STATUSES,
        store=store,
        pages=Pages(PAGES, service="registry", livemode=False),
    )
    losses = 0

    async def rival_is_first() -> None:
        nonlocal losses
        losses += 1
        await poll(rival, enveloped(placed(PROJECT, 1)))

    async with client_of(app) as client:
        await listed(rival, tonnes=3)
        store.before_append = rival_is_first
        token = issuer[0].token("registrar", "registry:write")
        cancel = {
            "url": f"/v1/projects/{PROJECT}/cancellations",
            "json": {"batch_id": id_of("bat", "1"), "tonnes": 1, "reason": "buffer"},
            "headers": {"Authorization": f"Bearer {token}", "Idempotency-Key": "five races"},
        }
        lost = await client.post(**cancel)
        store.before_append = None
        won = await client.post(**cancel)
    assert (lost.status_code, losses) == (503, ATTEMPTS_BY_REQUEST_MAX)
    assert int(lost.headers["Retry-After"]) > 0
    assert (won.status_code, won.json()["batches"][0]["cancelled"]) == (201, 1_000_000)


async def test_a_relay_whose_lease_another_has_taken_finds_out_when_it_renews(
    stores: Callable[[], Interleaved],
) -> None:
    one, other = stores(), stores()
    await listed(Handlers(one, clock))
    await one.source.take(now=clock())
    await one.source.lease.renew([PROJECT])
    await other.source.take(now=clock() + timedelta(minutes=1))
    with pytest.raises(LeaseLost):
        await one.source.lease.renew([PROJECT])
    await other.source.lease.renew([PROJECT])


async def test_the_heads_of_projects_are_those_of_the_newest_pages_whoever_wrote_them(
    store: Interleaved, stores: Callable[[], Interleaved]
) -> None:
    one, other = Handlers(store, clock), Handlers(stores(), clock)
    await listed(one)
    reader = stores()
    for grams in (0, 100_000, 200_000):
        if grams:
            await poll(other, enveloped(placed(PROJECT, 100_000)))
        (head,) = await reader.heads()
        last = await store.head(PROJECT)
        assert last == head
        newest = await store.page(PROJECT, head.sequence)
        assert newest is not None
        assert head == newest.model_copy(update={"entries": ()})
        assert head.batches[0].held == grams
    assert await store.page(PROJECT, head.sequence + 1) is None
