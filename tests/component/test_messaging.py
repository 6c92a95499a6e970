"""Delivery, outbox and relay against a real Kafka and a real MongoDB protocol server."""

from __future__ import annotations

import asyncio
import secrets
import time
from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from aiokafka.admin import AIOKafkaAdminClient, NewTopic

from deploy.log import whole
from deploy.topics import create
from shared.contracts.event import Cause, Envelope, to_record
from shared.contracts.orders import BeneficiaryNamed, OffsetPurchased, OrderClosed, OrderPlaced
from shared.contracts.registry import ProjectListed
from shared.contracts.topics import TOPICS
from shared.messaging import broker, delivery
from shared.messaging.delivery import Delivery
from shared.messaging.failures import LostRace
from shared.messaging.lease import LEASE_SECONDS, LeaseLost
from shared.messaging.outbox import Outbox, clock
from shared.messaging.publisher import Publisher
from shared.messaging.relay import Relay
from shared.messaging.service import Messaging
from shared.messaging.source import Pending
from shared.mongodb import AutoReconnect, OperationFailure
from shared.settings import Settings
from shared.web.app import database
from shared.web.idempotency import id_of
from tests.component.test_registry import purchased
from tests.conftest import Infra, consumed, enveloped, until

BECAUSE = Cause(id="req_test", traceparent="00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01")


def placed() -> OrderPlaced:
    order_id = id_of("ord", secrets.token_hex(8))
    return OrderPlaced(order_id=order_id, project_id=id_of("prj", "messaging"), grams=5, listing_version=1)


class Record:
    """A record as a poll brings it."""

    def __init__(self, envelope: Envelope[Any] | None, *, topic: str = "order.placed", offset: int = 0) -> None:
        self.topic, self.partition, self.offset = topic, 0, offset
        self.timestamp = int(time.time() * 1000)
        self.key, self.value, self.headers = to_record(envelope) if envelope else (b"k", None, [])


async def settle(outbox: Outbox, pending: Sequence[Pending]) -> None:
    await outbox.settle(pending)
    await outbox.settled()


async def dead_letters(infra: Infra, service: str) -> list[Any]:
    return [record async for record in whole(infra.kafka, f"dead.{service}")]


@pytest.mark.parametrize("contract", [OrderPlaced, OffsetPurchased], ids=lambda event: event.topic)
async def test_s17_a_rejected_message_goes_to_the_dead_letters_and_the_others_take_effect(
    infra: Infra, producer: Any, contract: type[Any]
) -> None:
    orders = [placed() for _ in range(6)]
    events = [enveloped(order if contract is OrderPlaced else purchased(order)) for order in orders]
    rejected, done = events[2].subject, []

    async def handle(batch: Sequence[Envelope[Any]]) -> None:
        if any(event.subject == rejected for event in batch):
            raise RuntimeError("this order breaks us")
        done.extend(event.subject for event in batch)

    to = Delivery({contract: handle}, service="registry", livemode=False, dead_letters=producer)
    undecodable = Record(events[0], topic=contract.topic, offset=99)
    undecodable.value = b"\xff{"
    records = [Record(event, topic=contract.topic, offset=number) for number, event in enumerate(events)]
    await to.deliver([*records[:3], undecodable, Record(None), *records[3:]])
    subjects = {event.subject.encode() for event in events}
    mine = [dict(record.headers) | {"value": record.value} for record in await dead_letters(infra, "registry")]
    found = {headers["dead_offset"]: headers for headers in mine if headers.get("ce_subject") in subjects}
    assert sorted(done) == sorted(event.subject for event in events if event.subject != rejected)
    assert found[b"2"]["value"] == records[2].value
    assert found[b"2"]["dead_reason"] == b"RuntimeError: this order breaks us"
    assert found[b"2"]["dead_topic"] == contract.topic.encode()
    assert dict(records[2].headers).items() <= found[b"2"].items()
    assert found[b"99"]["value"] == undecodable.value


async def test_infrastructure_is_waited_for_and_never_makes_a_dead_letter(infra: Infra, producer: Any) -> None:
    before = len(await dead_letters(infra, "calculator"))
    failures: list[Exception] = [
        AutoReconnect("gone"),
        LostRace("another was first"),
        TimeoutError(),
        *(OperationFailure("rights, disk, interrupted, cursor", code) for code in (13, 14031, 11601, 43)),
    ]
    done = []

    async def handle(batch: Sequence[Envelope[Any]]) -> None:
        if failures:
            raise failures.pop()
        done.extend(batch)

    to = Delivery({OrderPlaced: handle}, service="calculator", livemode=False, dead_letters=producer)
    await to.deliver([Record(enveloped(placed()))])
    assert len(done) == 1
    assert len(await dead_letters(infra, "calculator")) == before


async def test_too_many_in_a_row_halt_the_consumer_with_an_alarm_before_its_next_batch(
    producer: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(delivery, "DEAD_IN_A_ROW_MAX", 3)
    done = []

    async def handle(batch: Sequence[Envelope[Any]]) -> None:
        done.extend(batch)

    def broken(offset: int) -> Record:
        record = Record(enveloped(placed()), offset=offset)
        record.value = b"{"
        return record

    to = Delivery({OrderPlaced: handle}, service="ranking", livemode=False, dead_letters=producer)
    await to.deliver([broken(1), Record(enveloped(placed()), offset=2), broken(3), broken(4)])
    assert to.halted is None
    assert len(done) == 1
    await to.deliver([broken(5)])
    assert "3 messages in a row" in str(to.halted)
    work = asyncio.create_task(to.deliver([Record(enveloped(placed()), offset=6)]))
    await asyncio.sleep(0.3)
    assert not work.done()
    assert len(done) == 1
    work.cancel()


async def test_a_header_without_a_value_is_no_harm_and_no_end(producer: Any, infra: Infra) -> None:
    done = []

    async def handle(batch: Sequence[Envelope[Any]]) -> None:
        done.extend(batch)

    events = [enveloped(placed()) for _ in range(2)]
    foreign, ours = Record(events[0], offset=1), Record(events[1], offset=2)
    foreign.headers = [*foreign.headers, ("trace-of-others", None)]
    ours.headers = [(name, None if name == "ce_id" else text) for name, text in ours.headers]
    to = Delivery({OrderPlaced: handle}, service="registry", livemode=False, dead_letters=producer)
    await to.deliver([foreign, ours])
    assert [event.subject for event in done] == [events[0].subject]
    reasons = [
        dict(record.headers)["dead_reason"]
        for record in await dead_letters(infra, "registry")
        if dict(record.headers).get("ce_subject") == events[1].subject.encode()
    ]
    assert reasons == [b"MalformedEvent: header 'ce_id' is missing"]


async def test_a_message_near_the_limit_is_dead_lettered_whole(producer: Any, infra: Infra) -> None:
    event = enveloped(placed())
    record = Record(event)
    record.value = b"[" + b" " * 1_048_000 + b"]"
    to = Delivery({OrderPlaced: _taken}, service="registry", livemode=False, dead_letters=producer)
    await asyncio.wait_for(to.deliver([record]), 20)
    letters = [letter for letter in await dead_letters(infra, "registry") if letter.value == record.value]
    assert len(letters) >= 1


async def _taken(_: Sequence[Any]) -> None:
    """Take anything."""


async def test_the_reason_of_a_name_that_failed_quotes_nothing(producer: Any, infra: Infra) -> None:
    secret = f"Lin Yue {secrets.token_hex(4)}"

    async def handle(_: Sequence[Envelope[Any]]) -> None:
        raise ValueError(f"cannot print {secret}")

    event = enveloped(named(secret))
    to = Delivery({BeneficiaryNamed: handle}, service="certificates", livemode=False, dead_letters=producer)
    await to.deliver([Record(event, topic="beneficiary.named")])
    letters = await dead_letters(infra, "certificates")
    assert not [letter for letter in letters if secret.encode() in repr((letter.value, letter.headers)).encode()]


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


def named(name: str) -> BeneficiaryNamed:
    return BeneficiaryNamed(
        beneficiary_id=id_of("ben", secrets.token_hex(8)),
        name=name,
        alias="Quiet Bamboo 27",
        kind="person",
        board="alias",
        profile_hash="0" * 64,
    )


async def test_names_leave_no_bytes_in_dead_letters(infra: Infra, producer: Any) -> None:
    person = named("Lin Yue (demo)")

    async def handle(_: Sequence[Envelope[Any]]) -> None:
        raise ValueError("no")

    to = Delivery({BeneficiaryNamed: handle}, service="certificates", livemode=False, dead_letters=producer)
    await to.deliver([Record(enveloped(person), topic="beneficiary.named")])
    (mine,) = [
        record for record in await dead_letters(infra, "certificates") if record.key == person.beneficiary_id.encode()
    ]
    assert mine.value == b""


async def test_what_is_replayed_reaches_the_handler_of_its_own_topic(producer: Any) -> None:
    done = []

    async def handle(batch: Sequence[Envelope[Any]]) -> None:
        done.extend(batch)

    event = enveloped(placed())
    record = Record(event, topic="replay.registry")
    record.headers = [*record.headers, ("dead_topic", b"order.placed")]
    to = Delivery({OrderPlaced: handle}, service="registry", livemode=False, dead_letters=producer)
    await to.deliver([record])
    assert [found.data for found in done] == [event.data]


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


async def test_the_settings_that_decide_whether_money_is_lost_are_in_the_running_objects(
    settings: Callable[..., Settings],
) -> None:
    given = settings("registry")
    mongodb = database(given)
    messaging = Messaging(given, service="registry", database=mongodb)

    async def handle(_: Sequence[Any]) -> None:
        """Take it."""

    messaging.consume({OrderPlaced: handle})
    async with messaging.running():
        subscriber = messaging.subscriber
        assert subscriber is not None

        async def consuming() -> Any:
            return subscriber.consumer

        consumer = await until(consuming)

        async def joined() -> Any:
            return consumer._coordinator

        coordinator = await until(joined)
        assert coordinator.group_id == "registry"
        assert coordinator._group_instance_id == given.replica
        assert coordinator._enable_auto_commit is False
        assert consumer._fetcher._default_reset_strategy is not None
        assert consumer._auto_offset_reset == "earliest"
        assert subscriber.ack_policy.name == "NACK_ON_ERROR"

        async def connected() -> Any:
            return messaging._producer._connection

        sender = (await until(connected)).producer._sender
        assert sender._acks == -1
        assert sender._txn_manager is not None
    mongodb.client.close()
    assert mongodb.write_concern.document == {"w": "majority", "j": True}
    assert mongodb.read_concern.level == "majority"


async def test_a_service_refuses_to_start_on_a_topic_that_differs(infra: Infra) -> None:
    assert await create(infra.kafka) == 0
    changed = (TOPICS[0], *TOPICS[1:])
    admin = AIOKafkaAdminClient(bootstrap_servers=infra.kafka)
    await admin.start()
    try:
        odd = NewTopic(f"odd.{secrets.token_hex(3)}", 3, 1)
        await admin.create_topics([odd])
    finally:
        await admin.close()
    wrong = TOPICS[0].__class__(name=odd.name, key="-", settings=(("retention.ms", "-1"),))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(broker, "TOPICS", (*changed, wrong))

        async def named() -> str:
            try:
                await broker.verify_topics(infra.kafka)
            except broker.TopicDiffers as differs:
                return str(differs)
            return ""

        assert f"{odd.name} has 3 partitions, not 12" in await until(named)
