"""How a service reads and writes Kafka: every setting that decides whether a message is lost stands here."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Iterable
from itertools import chain
from typing import TYPE_CHECKING, Any

import structlog
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, ConsumerRecord
from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.admin.config_resource import ConfigResource, ConfigResourceType
from aiokafka.errors import (
    BrokerResponseError,
    DuplicateSequenceNumber,
    InvalidProducerEpoch,
    InvalidProducerIdMapping,
    KafkaConnectionError,
    MessageSizeTooLargeError,
    OutOfOrderSequenceNumber,
    ProducerFenced,
    UnknownProducerId,
)
from aiokafka.record.default_records import DefaultRecordBatchBuilder
from faststream import AckPolicy
from faststream.kafka import KafkaBroker
from faststream.kafka.message import KafkaAckableMessage

from shared.contracts.event import Record
from shared.contracts.topics import RECORD_BYTES_MAX, TOPICS
from shared.messaging.aiokafka_internals import Connection
from shared.messaging.undecodable import read_past_undecodable_batches

if TYPE_CHECKING:
    from faststream.kafka.subscriber.usecase import BatchSubscriber

BATCH_RECORDS_MAX = 500
POLL_MS = 1_000
PARTITION_FETCH_BYTES_MAX = 4 * 1024 * 1024
REQUEST_TIMEOUT_MS = 10_000
# A hot key fills one partition's batch; while that is under way, whoever sends waits.
BATCH_BYTES_MAX = 128 * 1024
# A stop sends what is under way, but does not wait for a Kafka that is away: what was not acknowledged is sent again.
FLUSH_SECONDS = 5.0
# They say that the producer has lost count, and nothing of the record.
LOST_COUNT = (
    OutOfOrderSequenceNumber,
    DuplicateSequenceNumber,
    UnknownProducerId,
    InvalidProducerEpoch,
    InvalidProducerIdMapping,
    ProducerFenced,
)
BYTES_MAX = {topic.name: topic.record_bytes_max for topic in TOPICS}
Deliver = Callable[[tuple[ConsumerRecord, ...], AIOKafkaConsumer | None], Awaitable[None]]


log = structlog.get_logger()


class TopicDiffers(RuntimeError):
    """A topic is missing or is not as the table of topics says; the message names each difference."""


def reader(bootstrap_servers: str, *, replica: str) -> KafkaBroker:
    """Return the broker that a service reads with: it acknowledges nothing before it is done."""
    read_past_undecodable_batches()
    return KafkaBroker(
        bootstrap_servers.split(","),
        client_id=replica,
        request_timeout_ms=REQUEST_TIMEOUT_MS,
        ack_policy=AckPolicy.NACK_ON_ERROR,
        allow_auto_create_topics=False,
        consumer_only=True,
        apply_types=False,
        graceful_timeout=3.0,
        logger=_Log(),
    )


class _Log:
    """What FastStream logs to: its errors, in our form. All else that it says is of every message."""

    def log(self, level: int, message: Any, /, *_: Any, exc_info: Any = None, **__: Any) -> None:
        # A stop that cuts off a batch is no error.
        if level >= logging.ERROR and not isinstance(exc_info, asyncio.CancelledError):
            log.error("faststream", reason=str(message)[:300], exc_info=exc_info)


def is_refusal(failure: BaseException) -> bool:
    """Say whether the broker does not take a record as its topic is set now, however often it is sent."""
    return isinstance(failure, BrokerResponseError) and not failure.retriable and not isinstance(failure, LOST_COUNT)


class Producer:
    """What a service writes with: acknowledged by all replicas, idempotent; it connects when it is started.

    A record that fails has used up a number of its partition, and the broker takes nothing behind the gap. So after a
    failure the next record goes by a new producer of aiokafka; what the old one still has on other partitions it sends.
    """

    def __init__(self, bootstrap_servers: str, *, replica: str, linger_ms: int = 5) -> None:
        self._bootstrap_servers, self._replica, self._linger_ms = bootstrap_servers, replica, linger_ms
        self._connection: Connection | None = None
        self._started = False
        self._connecting = asyncio.Lock()
        self._stopping: set[asyncio.Task[None]] = set()

    def for_trials(self) -> Producer:
        """Return another one, by which a record that may be refused is sent alone and disturbs no other."""
        return Producer(self._bootstrap_servers, replica=self._replica, linger_ms=0)

    async def start(self) -> None:
        """Connect. Raises KafkaError when Kafka does not answer; it may be called again then."""
        await self.stop()
        self._started = True
        await self._connected()

    async def stop(self) -> None:
        """Send what is under way and disconnect."""
        self._started = False
        if self._connection is not None:
            self._retire(self._connection)
        await asyncio.gather(*self._stopping)

    async def abandon(self) -> None:
        """Send nothing more of what has been handed over: its futures fail, and requests under way have ended."""
        if self._connection is not None:
            self._retire(self._connection, flush_seconds=0)
        await asyncio.gather(*self._stopping)

    async def send(self, topic: str, record: Record, *, partition: int | None = None) -> asyncio.Future[Any]:
        """Hand a record over; the future is done when it is acknowledged. Raises KafkaError.

        Without a partition the key decides it.
        """
        key, value, headers = record
        _check_size(topic, record)
        connection = self._connection or await self._connected()
        return await connection.send(topic, value=value, key=key, headers=headers, partition=partition)

    async def _connected(self) -> Connection:
        async with self._connecting:
            if not self._started:
                raise KafkaConnectionError("the producer is not connected")
            if self._connection is None:
                producer = AIOKafkaProducer(
                    bootstrap_servers=self._bootstrap_servers.split(","),
                    client_id=self._replica,
                    acks="all",
                    enable_idempotence=True,
                    linger_ms=self._linger_ms,
                    max_batch_size=BATCH_BYTES_MAX,
                    request_timeout_ms=REQUEST_TIMEOUT_MS,
                    max_request_size=RECORD_BYTES_MAX,
                )
                try:
                    await producer.start()
                except BaseException:
                    await producer.stop()
                    raise
                self._connection = Connection(producer, self._retire)
            return self._connection

    def _retire(self, connection: Connection, *, flush_seconds: float = FLUSH_SECONDS) -> None:
        if self._connection is connection:
            self._connection = None
            stopping = asyncio.create_task(connection.stop(flush_seconds=flush_seconds))
            self._stopping.add(stopping)
            stopping.add_done_callback(self._stopping.discard)


def _check_size(topic: str, record: Record) -> None:
    """Compare with the topic's own limit: what its broker would refuse uses up no number of the producer."""
    key, value, headers = record
    bytes_max = BYTES_MAX.get(topic, RECORD_BYTES_MAX)
    if value is None or 2 * len(value) < bytes_max:
        return
    size = DefaultRecordBatchBuilder.estimate_size_in_bytes(key, value, headers)
    if size > bytes_max:
        raise MessageSizeTooLargeError(f"{size} bytes are more than the {bytes_max} of {topic}")


def subscribe(to: KafkaBroker, topics: Iterable[str], deliver: Deliver, *, group: str, replica: str) -> BatchSubscriber:
    """Let one consumer of the group read all topics in batches and hand each batch to `deliver`.

    One consumer a service, because several of one group would rebalance each other.
    """
    subscriber = to.subscriber(
        *topics,
        batch=True,
        group_id=group,
        group_instance_id=replica,
        auto_offset_reset="earliest",
        max_partition_fetch_bytes=PARTITION_FETCH_BYTES_MAX,
        no_reply=True,
        # Nothing is decoded before `deliver` sees it: bytes that break a parser would be read again for ever.
        parser=_untouched(lambda: subscriber.consumer),
        decoder=_records,
    )

    @subscriber
    async def consume(records: tuple[ConsumerRecord, ...]) -> None:
        await deliver(records, subscriber.consumer)

    poll_without_pauses(subscriber)
    return subscriber


def poll_without_pauses(subscriber: BatchSubscriber) -> None:
    """Poll anew at once when nothing came: FastStream sleeps then, whatever comes meanwhile."""

    async def poll(consumer: AIOKafkaConsumer) -> tuple[ConsumerRecord, ...]:
        found = await consumer.getmany(timeout_ms=POLL_MS, max_records=BATCH_RECORDS_MAX)
        return tuple(chain.from_iterable(found.values()))

    subscriber.get_msg = poll  # type: ignore[method-assign]


def _untouched(consumer: Callable[[], AIOKafkaConsumer | None]) -> Any:
    async def parse(records: Any, _default: Any) -> KafkaAckableMessage:
        return KafkaAckableMessage(body=b"", raw_message=records, consumer=consumer())

    return parse


async def _records(message: KafkaAckableMessage, _default: Any) -> Any:
    return message.raw_message


async def verify_topics(bootstrap_servers: str) -> None:
    """Compare every topic with the table of topics.

    Raises TopicDiffers when one is missing or differs, KafkaError when Kafka does not answer.
    """
    admin = AIOKafkaAdminClient(bootstrap_servers=bootstrap_servers.split(","), request_timeout_ms=REQUEST_TIMEOUT_MS)
    try:
        await admin.start()
        found = {topic["topic"]: topic for topic in await admin.describe_topics([topic.name for topic in TOPICS])}
        answers = await admin.describe_configs(
            [ConfigResource(ConfigResourceType.TOPIC, topic.name) for topic in TOPICS if topic.name in found]
        )
    finally:
        await admin.close()
    settings = {
        resource[3]: {entry[0]: entry[1] for entry in resource[4]}
        for answer in answers
        for resource in answer.resources
    }
    differences = []
    for topic in TOPICS:
        partitions = len(found.get(topic.name, {}).get("partitions", ()))
        if partitions != topic.partitions:
            differences.append(f"{topic.name} has {partitions} partitions, not {topic.partitions}")
            continue
        differences.extend(
            f"{topic.name} has {name}={settings[topic.name].get(name)}, not {value}"
            for name, value in topic.settings
            if settings[topic.name].get(name) != value
        )
    if differences:
        raise TopicDiffers("; ".join(differences) + ". Run `python -m deploy.topics`, or mend the topic.")
