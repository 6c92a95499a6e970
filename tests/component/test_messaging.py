"""Delivery, outbox and relay against a real Kafka and a real MongoDB protocol server."""

from __future__ import annotations

import asyncio
import secrets
import time
from collections.abc import Callable, Sequence
from typing import Any

import pytest
from aiokafka.admin import AIOKafkaAdminClient, NewTopic

from deploy.log import whole
from deploy.topics import create
from shared.contracts.event import Cause, Envelope, to_record
from shared.contracts.orders import BeneficiaryNamed, OffsetPurchased, OrderPlaced
from shared.contracts.topics import TOPICS
from shared.messaging import broker, delivery
from shared.messaging.delivery import Delivery
from shared.messaging.failures import LostRace
from shared.messaging.service import Messaging
from shared.mongodb import AutoReconnect, OperationFailure
from shared.settings import Settings
from shared.web.app import database
from shared.web.idempotency import id_of
from tests.component.test_registry import purchased
from tests.conftest import Infra, enveloped, until

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
