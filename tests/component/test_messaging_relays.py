"""Two relays on one outbox, stalls, takeovers, and settling behind the relay's back."""

from __future__ import annotations

import asyncio
import contextlib
import secrets
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from prometheus_client import REGISTRY

from deploy.log import whole
from shared.contracts.event import Envelope, from_record
from shared.contracts.orders import BeneficiaryNamed, OrderClosed, OrderPlaced
from shared.contracts.registry import ProjectListed
from shared.messaging import broker
from shared.messaging.failures import LostRace
from shared.messaging.lease import LEASE_SECONDS
from shared.messaging.outbox import Outbox, clock
from shared.messaging.relay import Relay
from shared.mongodb import AutoReconnect
from shared.web.idempotency import id_of
from tests.component.test_messaging import BECAUSE, named, placed
from tests.conftest import PATIENCE_SECONDS, Infra, until


@contextlib.asynccontextmanager
async def relaying(*relays: Relay) -> AsyncIterator[None]:
    works = [asyncio.create_task(one.run()) for one in relays]
    try:
        yield
        assert not any(work.done() for work in works)
    finally:
        for work in works:
            work.cancel()
        await asyncio.wait(works)


def listed(version: int, project_id: str) -> ProjectListed:
    return ProjectListed(
        project_id=project_id,
        names={"en": "x (demo)"},
        standard="CDCER",
        type="t",
        owner_id="o",
        unit_price_fen=1,
        currency="CNY",
        listing_version=version,
        status="listed",
    )


async def published(infra: Infra, contract: type[Any], *subjects: str) -> list[Envelope[Any]]:
    """What is published about these alone: other tests leave all sorts of things on the topics."""
    wanted = {subject.encode() for subject in subjects}
    return [
        from_record(contract, record.value, record.headers, livemode=False, timestamp_ms=record.timestamp)
        async for record in whole(infra.kafka, contract.topic)
        if record.value is not None and dict(record.headers).get("ce_subject") in wanted
    ]


def shorten(*boxes: Outbox, seconds: float) -> None:
    """Let leases end soon, so that a test need not wait for it."""
    for box in boxes:
        box.lease.seconds, box.lease.request_seconds = seconds, seconds / 5


def true_of(condition: Callable[[], bool]) -> Callable[[], Awaitable[bool]]:
    async def holds() -> bool:
        return condition()

    return holds


async def all_settled(collection: Any) -> bool:
    return int(await collection.count_documents({"lease": {"$ne": None}})) == 0


async def test_two_replicas_that_change_the_same_documents_lose_nothing_double_nothing_and_keep_the_order(
    infra: Infra, producer: Any, orders: Any
) -> None:
    relays = [Relay(producer, owner=name) for name in ("one", "two")]
    boxes = [Outbox(orders, livemode=False, wake=each.wake) for each in relays]
    for each, box in zip(relays, boxes, strict=True):
        await box.prepare()
        each.add(box)
    ids = [id_of("ben", secrets.token_hex(8)) for _ in range(20)]
    changes = 8

    async def live(beneficiary_id: str) -> None:
        event = named("Lin Yue (demo)").model_copy(update={"beneficiary_id": beneficiary_id})
        await boxes[0].insert({"_id": beneficiary_id}, [event], now=clock(), cause=BECAUSE)
        for number in range(1, changes):
            loaded = await orders.find_one({"_id": beneficiary_id})
            # Each replica in turn, so that some find the other's lease, some their own, and some none.
            box = boxes[number // 2 % 2]
            while True:
                with contextlib.suppress(LostRace):
                    await box.change(loaded, {}, [event], now=clock(), cause=BECAUSE)
                    break
            await asyncio.sleep(0.002 * secrets.randbelow(10))

    async with relaying(*relays):
        await asyncio.gather(*map(live, ids))
        await until(lambda: all_settled(orders))
    found: dict[str, list[int]] = {}
    for event in await published(infra, BeneficiaryNamed, *ids):
        found.setdefault(event.subject, []).append(event.sequence)
    assert [found[each] for each in ids] == [list(range(1, changes + 1))] * len(ids)
    assert [document["outbox"] async for document in orders.find({})] == [[]] * len(ids)


async def test_an_event_added_while_the_other_replica_holds_the_lease_leaves_at_once(
    infra: Infra, producer: Any, orders: Any
) -> None:
    held = asyncio.Event()

    class Slow(broker.Producer):
        """Takes its time for the first event."""

        async def send(self, topic: str, record: Any, **more: Any) -> Any:
            await held.wait()
            return await producer.send(topic, record, **more)

    one, two = Relay(Slow(infra.kafka, replica="slow"), owner="one"), Relay(producer, owner="two")
    first, second = (Outbox(orders, livemode=False, wake=each.wake) for each in (one, two))
    one.add(first)
    two.add(second)
    order = placed()
    closed = OrderClosed(order_id=order.order_id, project_id=order.project_id, why="cancelled")
    async with relaying(one, two):
        await asyncio.sleep(0.1)
        await first.insert({"_id": order.order_id}, [order], now=clock(), cause=BECAUSE)
        loaded = await orders.find_one({"_id": order.order_id})
        await second.change(loaded, {}, [closed], now=clock(), cause=BECAUSE)
        held.set()
        await until(lambda: all_settled(orders), seconds=2)
    assert [event.sequence for event in await published(infra, OrderClosed, order.order_id)] == [2]
    assert [event.sequence for event in await published(infra, OrderPlaced, order.order_id)] == [1]


async def test_a_change_after_a_takeover_leaves_its_event_to_the_relay_that_publishes_all_again(orders: Any) -> None:
    slow, other = (Outbox(orders, livemode=False, wake=lambda: None) for _ in range(2))
    order = placed()
    closed = OrderClosed(order_id=order.order_id, project_id=order.project_id, why="cancelled")
    await slow.insert({"_id": order.order_id}, [order], now=clock(), cause=BECAUSE)
    loaded = await orders.find_one({"_id": order.order_id})
    pending = await slow.take(now=datetime.now(UTC))
    again = await other.take(now=datetime.now(UTC) + timedelta(seconds=LEASE_SECONDS + 1))
    await slow.settle(pending)
    await slow.change(loaded, {}, [closed], now=clock(), cause=BECAUSE)
    await slow.settled()
    assert await slow.take(now=datetime.now(UTC)) == []
    await other.settle(again)
    await other.settled()
    (rest,) = await other.take(now=datetime.now(UTC))
    assert [event.sequence for event in rest.envelopes] == [2]


async def test_the_events_of_a_document_are_under_way_once_at_a_time(orders: Any) -> None:
    box = Outbox(orders, livemode=False, wake=lambda: None)
    order = placed()
    await box.insert({"_id": order.order_id}, [order], now=clock(), cause=BECAUSE)
    (pending,) = await box.take(now=datetime.now(UTC))
    box._written.append(pending)
    assert await box.take(now=datetime.now(UTC)) == []
    await box.settle([pending])
    assert await box.take(now=datetime.now(UTC)) == [pending]


async def test_what_is_published_anew_while_an_earlier_event_is_taken_out_is_not_published_twice(orders: Any) -> None:
    again, added = placed(), placed()

    def closed(order: OrderPlaced) -> OrderClosed:
        return OrderClosed(order_id=order.order_id, project_id=order.project_id, why="cancelled")

    class Meanwhile:
        """The collection, in which a document is changed and published before what is left is looked up."""

        def __getattr__(self, name: str) -> Any:
            return getattr(orders, name)

        def find(self, found: Any, fields: Any = None) -> Any:
            cursor = orders.find(found, fields)
            return cursor if "lease.token" not in found or "lease.until" in found else Late(cursor)

    class Late:
        def __init__(self, cursor: Any) -> None:
            self._cursor = cursor

        async def to_list(self, length: int | None) -> Any:
            loaded = await orders.find_one({"_id": again.order_id})
            await box.change(loaded, {}, [closed(again)], now=clock(), cause=BECAUSE)
            await box.settle(await box.take(now=datetime.now(UTC)))
            return await self._cursor.to_list(length)

    box = Outbox(Meanwhile(), livemode=False, wake=lambda: None)  # type: ignore[arg-type]
    other = Outbox(orders, livemode=False, wake=lambda: None)
    for order in (again, added):
        await box.insert({"_id": order.order_id}, [order], now=clock(), cause=BECAUSE)
    pending = await box.take(now=datetime.now(UTC))
    loaded = await orders.find_one({"_id": added.order_id})
    await other.change(loaded, {}, [closed(added)], now=clock(), cause=BECAUSE)
    await box.settle(pending)
    await box.settled()
    assert [each.aggregate_id for each in await box.take(now=datetime.now(UTC))] == [added.order_id]


async def test_settling_waits_for_the_database_and_goes_on_by_itself(
    orders: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    box = Outbox(orders, livemode=False, wake=lambda: None)
    order = placed()
    await box.insert({"_id": order.order_id}, [order], now=clock(), cause=BECAUSE)
    take_out, failures = box._settling._take_out, [AutoReconnect("gone"), AutoReconnect("gone")]

    async def failing(document_ids: Sequence[str], sequence: int) -> None:
        if failures:
            raise failures.pop()
        await take_out(document_ids, sequence)

    monkeypatch.setattr(box._settling, "_take_out", failing)
    await box.settle(await box.take(now=datetime.now(UTC)))
    assert not await all_settled(orders)
    await until(lambda: all_settled(orders))
    assert not failures


async def test_the_age_of_what_is_published_and_of_what_is_not_is_measured(infra: Infra, orders: Any) -> None:
    held = asyncio.Event()

    class Slow(broker.Producer):
        """Hands over nothing before it may."""

        async def send(self, topic: str, record: Any, **more: Any) -> Any:
            await held.wait()
            return await super().send(topic, record, **more)

    slow = Slow(infra.kafka, replica="slow")
    await slow.start()
    one = Relay(slow, owner="one")
    box = Outbox(orders, livemode=False, wake=one.wake)
    one.add(box)
    order = placed()
    before = REGISTRY.get_sample_value("diandian_publish_age_seconds_count") or 0
    async with relaying(one):
        await asyncio.sleep(0.1)
        await box.insert({"_id": order.order_id}, [order], now=clock(), cause=BECAUSE)

        async def old() -> bool:
            return (REGISTRY.get_sample_value("diandian_outbox_oldest_seconds") or 0) > 0.3

        await until(old)
        held.set()
        await until(lambda: all_settled(orders))
        assert REGISTRY.get_sample_value("diandian_outbox_oldest_seconds") == 0
    assert REGISTRY.get_sample_value("diandian_publish_age_seconds_count") == before + 1
    await slow.stop()


async def test_the_age_counts_what_another_process_left_lying_before_anything_is_published(
    infra: Infra, orders: Any
) -> None:
    dead, box = (Outbox(orders, livemode=False, wake=lambda: None) for _ in range(2))
    relay = Relay(broker.Producer(infra.kafka, replica="not connected"), owner="one")
    relay.add(box)
    order = placed()
    measuring = asyncio.create_task(relay.measure())
    await dead.insert({"_id": order.order_id}, [order], now=clock() - timedelta(hours=1), cause=BECAUSE)
    await until(true_of(lambda: (REGISTRY.get_sample_value("diandian_outbox_oldest_seconds") or 0) > 3000))
    await dead.settle(await dead.take(now=datetime.now(UTC)))
    await until(true_of(lambda: REGISTRY.get_sample_value("diandian_outbox_oldest_seconds") == 0))
    measuring.cancel()


async def test_a_relay_that_is_cancelled_at_the_moment_it_wakes_ends(orders: Any, producer: broker.Producer) -> None:
    for ticks in range(8):
        relay = Relay(producer, owner="one")
        relay.add(Outbox(orders, livemode=False, wake=relay.wake))
        work = asyncio.create_task(relay.run())
        await asyncio.sleep(0.1)
        relay.wake()
        for _ in range(ticks):
            await asyncio.sleep(0)
        work.cancel()
        done, _ = await asyncio.wait([work], timeout=2 * PATIENCE_SECONDS)
        assert done, f"it goes on when it is cancelled {ticks} ticks after it was woken"
