"""Leases of relays: taken over, lost and renewed, and no old state lands on top of a new one."""

from __future__ import annotations

import asyncio
import secrets
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from shared.contracts.orders import OrderPlaced
from shared.contracts.registry import ProjectListed
from shared.messaging import broker
from shared.messaging.lease import LEASE_SECONDS, LeaseLost
from shared.messaging.outbox import Outbox, clock
from shared.messaging.publisher import Publisher
from shared.messaging.relay import Relay
from shared.messaging.source import Pending
from shared.mongodb import AutoReconnect
from shared.web.idempotency import id_of
from tests.component.test_messaging import BECAUSE, placed
from tests.component.test_messaging_relays import all_settled, listed, published, relaying, shorten, true_of
from tests.conftest import Infra, until


async def test_a_relay_that_wakes_up_after_its_lease_has_ended_puts_no_old_state_on_top(
    infra: Infra, producer: Any, orders: Any
) -> None:
    asleep = asyncio.Event()

    class Stopped(Outbox):
        """Stands still after it has taken its pending, as a process that is stopped: nothing is renewed either."""

        async def take(self, *, now: datetime) -> list[Pending]:
            pending = await super().take(now=now)
            if pending and not asleep.is_set():
                asleep.set()
                await awake.wait()
            return pending

    awake = asyncio.Event()
    one, two = Relay(producer, owner="one"), Relay(producer, owner="two")
    first = Stopped(orders, livemode=False, wake=one.wake)
    second = Outbox(orders, livemode=False, wake=two.wake)
    shorten(first, second, seconds=1.0)
    one.add(first)
    two.add(second)
    project_id = id_of("prj", secrets.token_hex(8))
    async with relaying(one, two):
        await asyncio.sleep(0.1)
        await first.insert({"_id": project_id}, [listed(1, project_id)], now=clock(), cause=BECAUSE)
        await asyncio.wait_for(asleep.wait(), 5)
        loaded = await orders.find_one({"_id": project_id})
        await second.change(loaded, {}, [listed(2, project_id)], now=clock(), cause=BECAUSE)
        await until(lambda: all_settled(orders), seconds=10)
        awake.set()
        await asyncio.sleep(1.5)
    sequences = [event.sequence for event in await published(infra, ProjectListed, project_id)]
    assert sequences == [1, 2]
    assert await all_settled(orders)


class Cut:
    """The collection, of which no lease can be renewed."""

    def __init__(self, collection: Any) -> None:
        self._collection = collection

    def __getattr__(self, name: str) -> Any:
        return getattr(self._collection, name)

    async def update_many(self, found: Any, update: Any) -> Any:
        if "_id" in found and isinstance(update, dict) and list(update["$set"]) == ["lease.until"]:
            raise AutoReconnect("cut off")
        return await self._collection.update_many(found, update)


async def test_a_relay_whose_producer_hangs_past_its_lease_sends_nothing_after_the_other_has_taken_over(
    infra: Infra, producer: Any, orders: Any
) -> None:
    hanging, going_on = asyncio.Event(), asyncio.Event()

    class Hanging(broker.Producer):
        """The first send hangs until it may go on."""

        async def send(self, topic: str, record: Any, **more: Any) -> Any:
            hanging.set()
            await going_on.wait()
            return await producer.send(topic, record, **more)

    one, two = Relay(Hanging(infra.kafka, replica="hanging"), owner="one"), Relay(producer, owner="two")
    first = Outbox(Cut(orders), livemode=False, wake=one.wake)  # type: ignore[arg-type]
    second = Outbox(orders, livemode=False, wake=two.wake)
    shorten(first, second, seconds=1.5)
    one.add(first)
    project_id = id_of("prj", secrets.token_hex(8))
    events = [listed(1, project_id), listed(2, project_id)]
    async with relaying(one):
        await asyncio.sleep(0.1)
        await first.insert({"_id": project_id}, events, now=clock(), cause=BECAUSE)
        await asyncio.wait_for(hanging.wait(), 5)
        two.add(second)
        async with relaying(two):
            await until(lambda: all_settled(orders))
            going_on.set()
            await until(true_of(lambda: not one._under_way))
    assert [event.sequence for event in await published(infra, ProjectListed, project_id)] == [1, 2]


async def test_what_was_handed_over_before_the_lease_was_lost_does_not_land_on_top_of_what_the_other_has_published(
    infra: Infra, producer: Any, orders: Any
) -> None:
    slow = broker.Producer(infra.kafka, replica="slow", linger_ms=60_000)
    await slow.start()
    one, two = Relay(slow, owner="one"), Relay(producer, owner="two")
    first, second = (Outbox(orders, livemode=False, wake=each.wake) for each in (one, two))
    shorten(first, second, seconds=1.5)
    one.add(first)
    second.lease.owner = "two"
    project_id = id_of("prj", secrets.token_hex(8))
    async with relaying(one):
        await asyncio.sleep(0.1)
        await first.insert({"_id": project_id}, [listed(1, project_id)], now=clock(), cause=BECAUSE)
        await until(true_of(lambda: project_id in first.lease.held))
        # As if this process had stood still until its lease had ended.
        taken = await second.take(now=datetime.now(UTC) + timedelta(seconds=60))
        await until(true_of(lambda: slow._connection is None))
        loaded = await orders.find_one({"_id": project_id})
        await second.change(loaded, {}, [listed(2, project_id)], now=clock(), cause=BECAUSE)
        await Publisher(producer).publish(taken)
        await second.settle(taken)
        two.add(second)
        async with relaying(two):
            await until(lambda: all_settled(orders))
    await slow.stop()
    assert [event.sequence for event in await published(infra, ProjectListed, project_id)] == [1, 2]


async def test_a_lease_that_another_has_taken_over_cannot_be_renewed(orders: Any) -> None:
    stuck, other = (Outbox(orders, livemode=False, wake=lambda: None) for _ in range(2))
    order = placed()
    await stuck.insert({"_id": order.order_id}, [order], now=clock(), cause=BECAUSE)
    await stuck.take(now=datetime.now(UTC))
    await stuck.lease.renew([order.order_id])
    await other.take(now=datetime.now(UTC) + timedelta(seconds=LEASE_SECONDS + 1))
    with pytest.raises(LeaseLost):
        await stuck.lease.renew([order.order_id])


@pytest.mark.parametrize("begun", ["before", "after"])
async def test_what_is_written_while_old_leases_are_released_is_published_by_one_relay_only(
    orders: Any, begun: str
) -> None:
    inserted, going_on = asyncio.Event(), asyncio.Event()

    class Late:
        """The collection, in which a release takes effect only after a write has."""

        def __getattr__(self, name: str) -> Any:
            return getattr(orders, name)

        async def insert_one(self, document: Any) -> None:
            await orders.insert_one(document)
            inserted.set()
            await going_on.wait()

        async def update_many(self, *given: Any) -> Any:
            await inserted.wait()
            return await orders.update_many(*given)

    box = Outbox(Late(), livemode=False, wake=lambda: None)  # type: ignore[arg-type]
    other = Outbox(orders, livemode=False, wake=lambda: None)
    box.lease.owner = "one"
    order = placed()

    def write() -> asyncio.Task[bool]:
        return asyncio.create_task(box.insert({"_id": order.order_id}, [order], now=clock(), cause=BECAUSE))

    writing = write() if begun == "before" else None
    await asyncio.sleep(0)
    releasing = asyncio.create_task(box.release())
    await asyncio.sleep(0)
    writing = writing or write()
    await releasing
    going_on.set()
    await writing
    theirs, ours = await other.take(now=datetime.now(UTC)), await box.take(now=datetime.now(UTC))
    assert (len(theirs), len(ours)) == ((1, 0) if begun == "before" else (0, 1))


async def test_leases_are_renewed_as_long_as_kafka_takes_its_time(infra: Infra, producer: Any, orders: Any) -> None:
    slept = asyncio.Event()

    class Slow(broker.Producer):
        """Takes longer than a lease to hand a record over."""

        async def send(self, topic: str, record: Any, **more: Any) -> Any:
            await asyncio.sleep(3)
            sent = await producer.send(topic, record, **more)
            await asyncio.wait([sent])
            slept.set()
            return sent

    one, two = Relay(Slow(infra.kafka, replica="slow"), owner="one"), Relay(producer, owner="two")
    first, second = (Outbox(orders, livemode=False, wake=each.wake) for each in (one, two))
    shorten(first, second, seconds=1.5)
    one.add(first)
    two.add(second)
    order = placed()
    async with relaying(one, two):
        await asyncio.sleep(0.1)
        await first.insert({"_id": order.order_id}, [order], now=clock(), cause=BECAUSE)
        await asyncio.wait_for(slept.wait(), 10)
        await until(lambda: all_settled(orders), seconds=8)
    assert [event.sequence for event in await published(infra, OrderPlaced, order.order_id)] == [1]
