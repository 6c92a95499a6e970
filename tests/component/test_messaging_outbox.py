"""The outbox: a document and its events are one write, and relays empty it together."""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from shared.contracts.orders import OrderClosed, OrderPlaced
from shared.contracts.registry import ProjectListed
from shared.messaging.failures import LostRace
from shared.messaging.lease import LEASE_SECONDS, LeaseLost
from shared.messaging.outbox import Outbox, clock
from shared.messaging.publisher import Publisher
from shared.messaging.relay import Relay
from shared.messaging.source import Pending
from shared.web.idempotency import id_of
from tests.component.test_messaging import BECAUSE, placed
from tests.conftest import Infra, consumed, until


async def settle(outbox: Outbox, pending: Sequence[Pending]) -> None:
    await outbox.settle(pending)
    await outbox.settled()


async def test_an_outbox_that_no_longer_fits_its_contract_is_tried_again_later_and_the_others_go_on(
    producer: Any, orders: Any, infra: Infra
) -> None:
    relay = Relay(producer, owner="one")
    outbox = Outbox(orders, livemode=False, wake=relay.wake)
    relay.add(outbox)
    bad, good = placed(), placed()
    await outbox.insert({"_id": bad.order_id}, [bad], now=clock(), cause=BECAUSE)
    await orders.update_one({"_id": bad.order_id}, {"$set": {"outbox.0.data.grams": 0}})
    await outbox.release()
    await outbox.insert({"_id": good.order_id}, [good], now=clock(), cause=BECAUSE)
    work = asyncio.create_task(relay.run())

    async def settled() -> bool:
        return (await orders.find_one({"_id": good.order_id}))["outbox"] == [] and await relay.health() is not None

    await until(settled)
    assert not work.done()
    assert bad.order_id in str(await relay.health())
    work.cancel()


async def test_a_settle_after_a_lost_lease_takes_out_nothing_that_came_later(producer: Any, orders: Any) -> None:
    outbox, other = (Outbox(orders, livemode=False, wake=lambda: None) for _ in range(2))
    order = placed()
    closed = OrderClosed(order_id=order.order_id, project_id=order.project_id, why="cancelled")
    await outbox.insert({"_id": order.order_id}, [order], now=clock(), cause=BECAUSE)
    stale = await outbox.take(now=datetime.now(UTC))
    await settle(other, await other.take(now=datetime.now(UTC) + timedelta(seconds=LEASE_SECONDS + 1)))
    loaded = await orders.find_one({"_id": order.order_id})
    await outbox.change(loaded, {}, [closed], now=clock(), cause=BECAUSE)
    await settle(outbox, stale)
    lying = await orders.find_one({"_id": order.order_id})
    assert [event["topic"] for event in lying["outbox"]] == ["order.closed"]
    assert lying["lease"]


async def test_a_document_and_its_events_are_one_write_and_the_relay_empties_the_outbox(
    infra: Infra, producer: Any, orders: Any
) -> None:
    relay = Relay(producer, owner="one")
    outbox = Outbox(orders, livemode=False, wake=relay.wake)
    await outbox.prepare()
    relay.add(outbox)
    order = placed()
    closed = OrderClosed(order_id=order.order_id, project_id=order.project_id, why="cancelled")
    assert await outbox.insert({"_id": order.order_id, "state": "placed"}, [order], now=clock(), cause=BECAUSE)
    assert not await outbox.insert({"_id": order.order_id, "state": "placed"}, [order], now=clock(), cause=BECAUSE)
    loaded = await orders.find_one({"_id": order.order_id})
    await outbox.change(loaded, {"state": "cancelled"}, [closed], now=clock(), cause=BECAUSE)
    with pytest.raises(LostRace):
        await outbox.change(loaded, {"state": "expired"}, [closed], now=clock(), cause=BECAUSE)
    work = asyncio.create_task(relay.run())

    async def empty() -> bool:
        return (await orders.find_one({"_id": order.order_id}))["outbox"] == []

    await until(empty)
    work.cancel()
    mine = [event for event in await consumed(infra, OrderPlaced, OrderClosed) if event.subject == order.order_id]
    assert sorted((event.sequence, event.data.topic) for event in mine) == [(1, "order.placed"), (2, "order.closed")]
    assert {event.traceparent for event in mine} == {BECAUSE.traceparent}
    assert {event.cause_id for event in mine} == {"req_test"}
    assert (await orders.find_one({"_id": order.order_id}))["state"] == "cancelled"


async def unpublished(orders: Any) -> int:
    return int(await orders.count_documents({"lease": {"$ne": None}}))


async def test_two_relays_share_the_work_and_a_lease_keeps_one_out(infra: Infra, producer: Any, orders: Any) -> None:
    outboxes = [Outbox(orders, livemode=False, wake=lambda: None) for _ in range(2)]
    relays = [Relay(producer, owner=name) for name in ("one", "two")]
    for relay, outbox in zip(relays, outboxes, strict=True):
        relay.add(outbox)
    mine = [placed() for _ in range(60)]
    for number, order in enumerate(mine):
        await outboxes[number % 2].insert({"_id": order.order_id}, [order], now=clock(), cause=BECAUSE)
    works = [asyncio.create_task(relay.run()) for relay in relays]

    async def empty() -> bool:
        return await unpublished(orders) == 0

    await until(empty)
    for work in works:
        work.cancel()
    ids = {order.order_id for order in mine}
    found = [event.subject for event in await consumed(infra, OrderPlaced) if event.subject in ids]
    assert sorted(found) == sorted(ids)


async def test_an_event_added_while_another_relay_publishes_is_left_to_it_and_goes_after_the_first(
    infra: Infra, producer: Any, orders: Any
) -> None:
    first, second = (Outbox(orders, livemode=False, wake=lambda: None) for _ in range(2))
    first.lease.owner = "one"
    second.lease.owner = "two"
    order = placed()
    closed = OrderClosed(order_id=order.order_id, project_id=order.project_id, why="cancelled")
    await first.insert({"_id": order.order_id}, [order], now=clock(), cause=BECAUSE)
    (one,) = await first.take(now=datetime.now(UTC))
    loaded = await orders.find_one({"_id": order.order_id})
    await second.change(loaded, {}, [closed], now=clock(), cause=BECAUSE)
    assert await second.take(now=datetime.now(UTC)) == []
    await Publisher(producer).publish([one])
    await settle(first, [one])
    (rest,) = await first.take(now=datetime.now(UTC))
    assert [event.data.topic for event in rest.envelopes] == ["order.closed"]
    await settle(first, [rest])
    assert await unpublished(orders) == 0
    assert (await orders.find_one({"_id": order.order_id}))["outbox"] == []


async def test_a_crash_between_publish_and_mark_publishes_again_and_loses_nothing(
    infra: Infra, producer: Any, orders: Any
) -> None:
    crashed, other = (Outbox(orders, livemode=False, wake=lambda: None) for _ in range(2))
    crashed.lease.owner = "crashed"
    other.lease.owner = "other"
    order = placed()
    await crashed.insert({"_id": order.order_id}, [order], now=clock(), cause=BECAUSE)
    now = datetime.now(UTC)
    pending = await crashed.take(now=now)
    await Publisher(producer).publish(pending)
    assert await other.take(now=now) == []
    again = await other.take(now=now + timedelta(seconds=LEASE_SECONDS + 1))
    assert [one.envelopes[0].id for one in again] == [f"{order.order_id}.1"]
    await settle(crashed, pending)
    assert await unpublished(orders) == 1, "a lost lease settles nothing"
    await settle(other, again)
    assert await unpublished(orders) == 0


async def test_a_replica_that_restarts_takes_up_at_once_what_it_had_leased(orders: Any) -> None:
    before, after = (Outbox(orders, livemode=False, wake=lambda: None) for _ in range(2))
    before.lease.owner = "orders-1"
    after.lease.owner = "orders-1"
    order = placed()
    await before.insert({"_id": order.order_id}, [order], now=clock(), cause=BECAUSE)
    assert await after.take(now=datetime.now(UTC)) == []
    await after.release()
    (one,) = await after.take(now=datetime.now(UTC))
    assert one.envelopes[0].subject == order.order_id


async def test_a_relay_that_takes_over_publishes_all_that_its_forerunner_may_have_sent_with_the_latest_on_top(
    orders: Any,
) -> None:
    stuck, other = (Outbox(orders, livemode=False, wake=lambda: None) for _ in range(2))
    first = ProjectListed(
        project_id=id_of("prj", secrets.token_hex(8)),
        names={"en": "x (demo)"},
        standard="CDCER",
        type="t",
        owner_id="o",
        unit_price_fen=1,
        currency="CNY",
        listing_version=1,
        status="listed",
    )
    await stuck.insert({"_id": first.project_id}, [first], now=clock(), cause=BECAUSE)
    loaded = await orders.find_one({"_id": first.project_id})
    await other.change(loaded, {}, [first.model_copy(update={"listing_version": 2})], now=clock(), cause=BECAUSE)
    (one,) = await other.take(now=datetime.now(UTC) + timedelta(seconds=LEASE_SECONDS + 1))
    assert [event.sequence for event in one.envelopes] == [1, 2]


async def test_a_relay_whose_lease_is_about_to_end_sends_nothing_more(orders: Any) -> None:
    outbox, sent = Outbox(orders, livemode=False, wake=lambda: None), False
    with pytest.raises(LeaseLost):
        async with outbox.lease.kept(["ord_unknown"], until=clock() + timedelta(seconds=1)):
            sent = True
    assert not sent
