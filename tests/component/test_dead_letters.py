"""Dead letters on a real Kafka: what comes back from them, what is too large for one, and what no client can decode."""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import AsyncIterator, Sequence
from typing import Any

import pytest
import pytest_asyncio
from aiokafka import AIOKafkaProducer, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.admin.config_resource import ConfigResource, ConfigResourceType
from aiokafka.errors import MessageSizeTooLargeError
from aiokafka.record.default_records import _DefaultRecordBatchBuilderPy

from deploy.dead import DeadLetter, dead_letters, replay
from deploy.log import whole
from deploy.topics import create
from shared.contracts.event import Envelope, to_record
from shared.contracts.orders import BeneficiaryNamed, OrderPlaced
from shared.contracts.topics import RECORD_BYTES_MAX
from shared.messaging import broker
from shared.messaging.delivery import Delivery
from tests.component.test_messaging import Record, named, placed
from tests.conftest import Infra, enveloped, until

SERVICE = "certificates"


class Names:
    """A consumer of names that refuses all until it is mended; and what it has taken since."""

    def __init__(self, infra: Infra, producer: broker.Producer) -> None:
        self._infra, self._producer = infra, producer
        self.mended = False
        self.taken: list[Envelope[Any]] = []
        self._delivery = Delivery(
            {BeneficiaryNamed: self._take}, service=SERVICE, livemode=False, dead_letters=producer
        )

    async def _take(self, events: Sequence[Envelope[Any]]) -> None:
        if not self.mended:
            raise RuntimeError("not mended yet")
        self.taken += events

    async def publish(self, event: BeneficiaryNamed, *, sequence: int = 1) -> Any:
        """Put a name on its topic; return where it stands."""
        sent = await self._producer.send(event.topic, to_record(enveloped(event, sequence=sequence)))
        return await sent

    async def consume(self, topic: str, stands: Any) -> None:
        """Take the record that stands there."""
        async for record in whole(self._infra.kafka, topic):
            if (record.partition, record.offset) == (stands.partition, stands.offset):
                await self._delivery.deliver([record])

    async def replayed(self, beneficiary_id: str) -> None:
        """Take what lies on the replay topic of this beneficiary."""
        key = beneficiary_id.encode()
        records = [record async for record in whole(self._infra.kafka, f"replay.{SERVICE}") if record.key == key]
        await self._delivery.deliver(records[-1:])

    async def letters(self, beneficiary_id: str) -> list[DeadLetter]:
        """Return the dead letters of the beneficiary."""
        key = beneficiary_id.encode()
        return [letter async for letter in dead_letters(self._infra.kafka, SERVICE) if letter.key == key]


@pytest_asyncio.fixture
async def names(infra: Infra, producer: broker.Producer) -> AsyncIterator[Names]:
    yield Names(infra, producer)


async def test_the_dead_letter_of_a_name_is_read_again_from_its_compacted_topic(infra: Infra, names: Names) -> None:
    person = named("Lin Yue (demo)")
    await names.consume(person.topic, await names.publish(person))
    (letter,) = await names.letters(person.beneficiary_id)
    assert not letter.has_bytes
    # What fails again is a letter of the same place, and comes back from there a second time.
    assert (await replay(infra.kafka, SERVICE, {letter.place})).sent == 1
    await names.replayed(person.beneficiary_id)
    first, second = await names.letters(person.beneficiary_id)
    assert first.stood_at == second.stood_at
    names.mended = True
    replayed = await replay(infra.kafka, SERVICE, {second.place})
    await names.replayed(person.beneficiary_id)
    assert (replayed.sent, replayed.left) == (1, {})
    assert [event.data for event in names.taken] == [person]


@pytest.mark.parametrize("erased", [False, True], ids=["a newer one", "an erasure"])
async def test_a_name_that_was_changed_or_erased_since_does_not_come_back_from_a_dead_letter(
    infra: Infra, names: Names, erased: bool
) -> None:
    person = named("Lin Yue (demo)")
    await names.consume(person.topic, await names.publish(person))
    (letter,) = await names.letters(person.beneficiary_id)
    gone = {"name": None, "alias": None, "profile_hash": None, "erased": True}
    later = await names.publish(person.model_copy(update=gone if erased else {"name": "Lin"}), sequence=2)
    replayed = await replay(infra.kafka, SERVICE, {letter.place})
    what = "an erasure" if erased else "a newer one"
    stands = f"{what} stands on beneficiary.named at {later.partition}/{later.offset}"
    assert (replayed.sent, replayed.left) == (0, {letter.place: stands})


async def test_an_erasure_that_failed_comes_back(infra: Infra, names: Names) -> None:
    person = named("Lin Yue (demo)").model_copy(
        update={"name": None, "alias": None, "profile_hash": None, "erased": True}
    )
    await names.consume(person.topic, await names.publish(person))
    (letter,) = await names.letters(person.beneficiary_id)
    names.mended = True
    await replay(infra.kafka, SERVICE, {letter.place})
    await names.replayed(person.beneficiary_id)
    assert [event.data.erased for event in names.taken] == [True]


async def test_a_letter_that_is_larger_than_a_record_may_be_keeps_its_place(
    infra: Infra, producer: broker.Producer
) -> None:
    record, done = Record(enveloped(placed()), topic="replay.registry", offset=7), list[Any]()
    # It came just below the limit, and why it failed is added to it.
    record.value = b"[" * (RECORD_BYTES_MAX - 500)
    record.headers = [*record.headers, ("dead_topic", b"order.placed"), ("dead_offset", b"1795912")]
    good = Record(enveloped(placed()))

    async def take(events: Sequence[Envelope[Any]]) -> None:
        done.extend(events)

    to = Delivery({OrderPlaced: take}, service="registry", livemode=False, dead_letters=producer)
    await asyncio.wait_for(to.deliver([record, good]), 20)
    assert len(done) == 1
    (letter,) = [one async for one in dead_letters(infra.kafka, "registry") if one.stood_at[2] == 1795912]
    assert (letter.topic, letter.has_bytes, letter.attempts) == ("order.placed", False, 1)
    assert letter.reason.startswith("MalformedEvent")


async def test_the_client_s_own_limit_is_what_refuses_it(producer: broker.Producer) -> None:
    with pytest.raises(MessageSizeTooLargeError):
        await (await producer.send("dead.registry", (b"k", b"x" * RECORD_BYTES_MAX, [])))


class _NoText(str):
    """A name that goes on the wire as bytes that are no UTF-8."""

    __slots__ = ()

    def encode(self, *_: Any) -> bytes:  # type: ignore[override]
        return b"\xff\xfe"


async def undecodable(kafka: str, topic: str, partition: int) -> int:
    """Put a record there whose header has a name that is no text, as only a hostile client does; return its offset."""
    producer = AIOKafkaProducer(bootstrap_servers=kafka)
    await producer.start()
    try:
        batch = producer.create_batch()
        batch._builder = _DefaultRecordBatchBuilderPy(2, 0, False, -1, -1, -1, 100_000)
        batch._builder.append(0, timestamp=1, key=b"k", value=b"{}", headers=[(_NoText("x"), b"1")])
        batch._relative_offset = 1
        return int((await (await producer.send_batch(batch, topic, partition=partition))).offset)
    finally:
        await producer.stop()


async def test_a_header_s_name_that_is_no_text_ends_no_consumer_and_no_tool(
    infra: Infra, producer: broker.Producer
) -> None:
    topic, group = "replay.ranking", f"undecodable-{secrets.token_hex(4)}"
    before = enveloped(placed())
    await (await producer.send(topic, to_record(before), partition=0))
    hostile = await undecodable(infra.kafka, topic, 0)
    reader, polled = broker.reader(infra.kafka, replica=group), list[Any]()

    class Noting(Delivery):
        async def deliver(self, records: Any, consumer: Any = None) -> None:
            polled.extend(records)

    to = Noting({}, service="ranking", livemode=False, dead_letters=producer)
    subscriber = broker.subscribe(reader, [topic], to.deliver, group=group, replica=group)
    await reader.start()
    try:

        async def at_the_end() -> bool:
            consumer = subscriber.consumer
            return (
                bool(consumer and consumer.assignment()) and await consumer.position(TopicPartition(topic, 0)) > hostile
            )

        # It is the last one there is: what comes after it is read too.
        await until(at_the_end)
        after = enveloped(placed())
        await (await producer.send(topic, to_record(after), partition=0))

        async def read_on() -> bool:
            return {before.key.encode(), after.key.encode()} <= {record.key for record in polled} and any(
                record.offset > hostile for record in polled if record.partition == 0
            )

        await until(read_on)
    finally:
        await reader.stop()
    assert [record.offset async for record in whole(infra.kafka, topic) if record.partition == 0][-1] > hostile


async def test_a_topic_of_an_older_version_gets_the_settings_of_the_table(infra: Infra) -> None:
    admin = AIOKafkaAdminClient(bootstrap_servers=infra.kafka)
    await admin.start()
    replays = ConfigResource(ConfigResourceType.TOPIC, "replay.ranking", configs={"retention.ms": "604800000"})
    try:
        await admin.alter_configs([replays])
        await create(infra.kafka)
        (answer,) = await admin.describe_configs([ConfigResource(ConfigResourceType.TOPIC, "replay.ranking")])
    finally:
        await admin.close()
    found = {entry[0]: entry[1] for entry in answer.resources[0][4]}
    # A name must have left it within 48 hours.
    assert int(found["retention.ms"]) + int(found["segment.ms"]) < 48 * 3_600_000
