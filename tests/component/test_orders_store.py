"""What the store of orders keeps and finds: the latest word of others, and whose money is to be looked after next."""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import AsyncIterator, Mapping
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import pytest
import pytest_asyncio

from services.orders.domain.order.claim import FootprintFacts
from services.orders.domain.order.decide import make
from services.orders.domain.order.machine import State
from services.orders.domain.order.order import Order, Payment, Received, Refund, Wish
from services.orders.domain.order.payments import ProviderSilent, Report
from services.orders.handlers.orders import Handlers
from services.orders.handlers.payments import Payments
from services.orders.store.copies import Copies
from services.orders.store.documents import order_document
from services.orders.store.store import Store
from shared.contracts.calculator import ScenePublished
from shared.mongodb import BulkWriteError, DuplicateKeyError, connect
from shared.web.idempotency import id_of
from tests.conftest import Infra, enveloped
from tests.unit.orders.examples import BUYER, LISTING, NOW, PROJECT, footprint, made, offered

SECOND = timedelta(seconds=1)
SCENE = ScenePublished.model_validate(
    {
        "scene_id": id_of("scn", "a"),
        "code": "FORUM26",
        "names": {"en": "Forum (demo)"},
        "kind": "conference",
        "country": "CN",
        "city": "CN-SC Chengdu",
        "starts_on": "2026-11-26",
        "ends_on": None,
        "time_zone": "Asia/Shanghai",
        "organiser_id": "org_forum",
        "status": "open",
    }
)


@pytest_asyncio.fixture
async def store(infra: Infra) -> AsyncIterator[Store]:
    url = infra.mongodb_url("orders_store_" + secrets.token_hex(4))
    client = connect(url)
    store = Store(client.get_default_database(), livemode=False, wake=lambda: None)
    await store.prepare()
    yield store
    client.close()


class Racing:
    """A collection in which another replica inserts an earlier version at the moment of the first write.

    A real MongoDB answers the loser of two upserts with a duplicate key, whichever of the two versions is later.
    """

    def __init__(self, collection: Any, earlier: dict[str, Any]) -> None:
        self._collection = collection
        self._earlier: dict[str, Any] | None = earlier

    async def update_one(self, *arguments: Any, **options: Any) -> Any:
        earlier, self._earlier = self._earlier, None
        if earlier:
            await self._collection.insert_one(earlier)
            raise DuplicateKeyError("E11000 duplicate key error", 11000)
        return await self._collection.update_one(*arguments, **options)

    async def find_one(self, *arguments: Any) -> Any:
        return await self._collection.find_one(*arguments)


def racing(store: Store, name: str, earlier: dict[str, Any]) -> Copies:
    database = {part: store._database[part] for part in ("footprints", "projects", "scenes")}
    return Copies({**database, name: Racing(database[name], earlier)})


async def test_the_later_of_two_versions_that_come_at_once_is_kept(store: Store) -> None:
    listing = LISTING.model_copy(update={"listing_version": 4})
    before = {"_id": PROJECT, "sequence": 3, "data": LISTING.model_dump(mode="json")}
    await racing(store, "projects", before).keep_listings([enveloped(listing, sequence=4)])
    assert await store.copies.listing(PROJECT) == listing
    scene = SCENE.model_copy(update={"names": {"en": "Fair (demo)"}})
    before = {"_id": SCENE.scene_id, "sequence": 1, "data": SCENE.model_dump(mode="json")}
    await racing(store, "scenes", before).keep_scenes([enveloped(scene, sequence=2)])
    assert await store.copies.scene_names([SCENE.scene_id]) == {SCENE.scene_id: {"en": "Fair (demo)"}}


async def test_an_earlier_version_that_comes_late_is_passed_over(store: Store) -> None:
    listing = LISTING.model_copy(update={"listing_version": 4})
    await store.copies.keep_listings([enveloped(listing, sequence=4), enveloped(LISTING, sequence=3)])
    await store.copies.keep_listings([enveloped(LISTING, sequence=3)])
    assert await store.copies.listing(PROJECT) == listing


async def test_footprints_that_are_not_safely_written_are_a_failure_and_known_ones_are_none(store: Store) -> None:
    class Unsafe:
        def __init__(self, **details: Any) -> None:
            self._details = details

        async def bulk_write(self, *_: Any, **__: Any) -> None:
            raise BulkWriteError({"writeErrors": [], "writeConcernErrors": [], **self._details})

    def copies(**details: Any) -> Copies:
        return Copies({"footprints": Unsafe(**details), "projects": None, "scenes": None})

    await copies(writeErrors=[{"code": 11000}]).keep_footprints([footprint()])
    for details in ({"writeConcernErrors": [{"code": 64}]}, {"writeErrors": [{"code": 11000}, {"code": 1}]}):
        with pytest.raises(BulkWriteError):
            await copies(**details).keep_footprints([footprint()])


class Provider:
    """A provider that takes what it is given and answers nothing, but for what it is told."""

    def __init__(self) -> None:
        self.methods: Mapping[str, str] = {"provider": "provider"}
        self.refunded: list[str] = []
        self.looked_up: list[str] = []
        self.captured: list[str] = []
        self.paid: str | None = None

    async def start(self, order: Order, payment: Payment) -> str:
        return "/"

    async def capture(self, payment: Payment) -> Report:
        self.captured.append(payment.payment_id)
        raise ProviderSilent("no answer")

    async def void(self, payment: Payment) -> Report:
        raise ProviderSilent("no answer")

    async def refund(self, payment: Payment) -> str:
        self.refunded.append(payment.payment_id)
        return "ref"

    async def look_up(self, payment_id: str) -> Report | None:
        self.looked_up.append(payment_id)
        if payment_id != self.paid:
            return None
        return Report("paid", Received(2759, "CNY", "ref", NOW))


async def keep(store: Store, number: int, state: State, payment: Payment) -> None:
    order = replace(made().order, order_id=id_of("ord", str(number)), payments=(payment,), state=state)
    await store._database["orders"].insert_one({**order_document(order), "version": 1, "event_sequence": 0})


def started(number: int, at: datetime) -> Payment:
    return Payment(id_of("pay", str(number)), "provider", "2" * 64, started_at=at)


async def test_a_refund_that_is_due_is_made_although_hundreds_wait_for_their_turn(store: Store) -> None:
    async def failed(number: int, tried_at: datetime) -> None:
        refund = Refund("failed", "late", requested_at=NOW, attempts=9, tried_at=tried_at)
        received = Received(1, "CNY", "ref", NOW)
        payment = replace(started(number, NOW), state="paid", received=received, refund=refund)
        await keep(store, number, "expired", payment)

    await asyncio.gather(*(failed(number, NOW - SECOND) for number in range(300)))
    await failed(1000, NOW - 301 * SECOND)
    provider = Provider()
    payments = Payments(store, provider, lambda: NOW)
    for _ in range(2):
        await payments.give_back()
    assert provider.refunded == [id_of("pay", "1000")]
    assert await store.giving_back(NOW + timedelta(days=1), limit=1000) != []


async def waits(store: Store, number: int, at: datetime, state: State = "waiting") -> str:
    """Keep an order that waits for a footprint of its own since then, or is past its deadline since then."""
    order_id = id_of("ord", str(number))
    order = make(
        Wish(PROJECT, 3, offered=offered(str(number))),
        LISTING,
        FootprintFacts({}),
        order_id=order_id,
        request_hash="0" * 64,
        capability_hash="1" * 64,
        buyer=BUYER,
        fee_fen=200,
        now=at,
    ).order
    late = replace(order, state=state, deadline=at)
    await store._database["orders"].insert_one({**order_document(late), "version": 1, "event_sequence": 0})
    return order_id


async def test_a_forgotten_order_is_looked_at_although_hundreds_that_are_older_go_on_waiting(store: Store) -> None:
    await asyncio.gather(*(waits(store, number, NOW - 60 * SECOND) for number in range(600)))
    forgotten = await waits(store, 1000, NOW - 10 * SECOND)
    await store.copies.keep_footprints([footprint("1000")])
    handlers = Handlers(store, lambda: NOW, fee_fen=200)
    states = []
    for _ in range(4):
        await handlers.look_again()
        found = await store.order(forgotten)
        assert found is not None
        states.append(found.value.state)
    assert states == ["waiting", "placed", "placed", "placed"]
    again = await waits(store, 1001, NOW - 70 * SECOND)
    await store.copies.keep_footprints([footprint("1001")])
    for _ in range(2):
        await handlers.look_again()
    found = await store.order(again)
    assert found is not None
    assert found.value.state == "placed", "after the last it starts anew"


async def test_time_ends_those_first_that_are_longest_past_it(store: Store) -> None:
    await asyncio.gather(*(waits(store, number, NOW - SECOND) for number in range(520)))
    oldest = await waits(store, 1000, NOW - 600 * SECOND)
    placed = await waits(store, 1001, NOW - 500 * SECOND, "placed")
    found = [loaded.value.order_id for loaded in await store.overdue(NOW, limit=3)]
    assert found[:2] == [oldest, placed]


async def test_a_capture_is_requested_although_hundreds_stay_open_and_each_moves_back_when_requested(
    store: Store,
) -> None:
    authorised_money = Received(2759, "CNY", "ref", NOW)

    async def capturing(number: int, sent_at: datetime) -> None:
        payment = replace(
            started(number, NOW), state="capturing", authorised=authorised_money, attempts=1, sent_at=sent_at
        )
        await keep(store, number, "capturing", payment)

    await asyncio.gather(*(capturing(number, NOW - 10 * SECOND) for number in range(300)))
    await capturing(1000, NOW - 9 * SECOND)
    await capturing(1001, NOW - 3 * SECOND)
    provider = Provider()
    payments = Payments(store, provider, lambda: NOW)
    for _ in range(3):
        await payments.poll()
    assert len(provider.captured) == len(set(provider.captured)) == 301, "the youngest is asked for by who wrote it"
    later = Payments(store, provider, lambda: NOW + 8 * SECOND)
    for _ in range(3):
        await later.poll()
    assert len(provider.captured) == 301 + 302


async def test_a_payment_is_looked_up_although_hundreds_stay_open_and_each_moves_back_when_looked_up(
    store: Store,
) -> None:
    moments = [NOW - 100 * SECOND] * 300
    await asyncio.gather(*(keep(store, number, "held", started(number, at)) for number, at in enumerate(moments)))
    await keep(store, 1000, "held", started(1000, NOW - 90 * SECOND))
    await keep(store, 1001, "held", started(1001, NOW - 59 * SECOND))
    provider = Provider()
    provider.paid = id_of("pay", "1000")
    payments = Payments(store, provider, lambda: NOW)
    for _ in range(3):
        await payments.poll()
    assert len(provider.looked_up) == len(set(provider.looked_up)) == 301, "the youngest is not a minute old"
    bought = await store.order(id_of("ord", "1000"))
    assert bought is not None
    assert bought.value.state == "purchased"
    later = Payments(store, provider, lambda: NOW + 60 * SECOND)
    for _ in range(3):
        await later.poll()
    assert len(provider.looked_up) == 301 + 301, "all but the one that is paid"
