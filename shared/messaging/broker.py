"""How a service reads and writes Kafka: every setting that decides whether a message is lost stands here."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Any

from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, ConsumerRecord
from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.admin.config_resource import ConfigResource, ConfigResourceType
from aiokafka.client import AIOKafkaClient
from aiokafka.errors import KafkaConnectionError
from faststream import AckPolicy
from faststream.kafka import KafkaBroker
from faststream.kafka.message import KafkaAckableMessage

from shared.contracts.event import Record
from shared.contracts.topics import RECORD_BYTES_MAX, TOPICS
from shared.messaging.undecodable import read_past_undecodable_batches

if TYPE_CHECKING:
    from faststream.kafka.subscriber.usecase import BatchSubscriber

    from shared.messaging.delivery import Delivery

BATCH_RECORDS_MAX = 500
BATCH_TIMEOUT_MS = 20
# While a fetch waits for partitions that have nothing, one whose records are used up since is not asked for: a hot
# partition would stand still for so long after each of its fetches. So these are short, and bring much.
FETCH_WAIT_MS_MAX = 100
PARTITION_FETCH_BYTES_MAX = 4 * 1024 * 1024
REQUEST_TIMEOUT_MS = 10_000
# A hot key fills one partition's batch; while that is under way, whoever sends waits.
BATCH_BYTES_MAX = 128 * 1024
BOOTSTRAP_GRACE_SECONDS = 1.0


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
        logger=None,
    )


class Producer:
    """What a service writes with: acknowledged by all replicas, idempotent; it connects when it is started."""

    def __init__(self, bootstrap_servers: str, *, replica: str) -> None:
        self._bootstrap_servers, self._replica = bootstrap_servers.split(","), replica
        self._producer: AIOKafkaProducer | None = None

    async def start(self) -> None:
        """Connect. Raises KafkaError when Kafka does not answer; it may be called again then."""
        await self.stop()
        self._producer = AIOKafkaProducer(
            bootstrap_servers=self._bootstrap_servers,
            client_id=self._replica,
            acks="all",
            enable_idempotence=True,
            linger_ms=5,
            max_batch_size=BATCH_BYTES_MAX,
            request_timeout_ms=REQUEST_TIMEOUT_MS,
            max_request_size=RECORD_BYTES_MAX,
        )
        await self._producer.start()

    async def stop(self) -> None:
        """Send what is under way and disconnect."""
        if self._producer is not None:
            await self._producer.stop()
            self._producer = None

    async def send(self, topic: str, record: Record, *, partition: int | None = None) -> asyncio.Future[Any]:
        """Hand a record over; the future is done when it is acknowledged. Raises KafkaError.

        Without a partition the key decides it.
        """
        if self._producer is None:
            raise KafkaConnectionError("the producer is not connected")
        key, value, headers = record
        sent: asyncio.Future[Any] = await self._producer.send(
            topic, value=value, key=key, headers=headers, partition=partition
        )
        return sent


def subscribe(
    to: KafkaBroker, topics: Iterable[str], delivery: Delivery, *, group: str, replica: str
) -> BatchSubscriber:
    """Let one consumer of the group read all topics in batches and hand each batch to `delivery`.

    One consumer a service, because several of one group would rebalance each other.
    """
    subscriber = to.subscriber(
        *topics,
        batch=True,
        group_id=group,
        group_instance_id=replica,
        auto_offset_reset="earliest",
        max_records=BATCH_RECORDS_MAX,
        batch_timeout_ms=BATCH_TIMEOUT_MS,
        fetch_max_wait_ms=FETCH_WAIT_MS_MAX,
        max_partition_fetch_bytes=PARTITION_FETCH_BYTES_MAX,
        no_reply=True,
        # Nothing is decoded before `delivery` sees it: bytes that break a parser would be read again for ever.
        parser=_untouched(lambda: subscriber.consumer),
        decoder=_records,
    )

    @subscriber
    async def consume(records: tuple[ConsumerRecord, ...]) -> None:
        await delivery.deliver(records, subscriber.consumer)

    return subscriber


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


async def _bootstrap(client: AIOKafkaClient, bootstrap: Callable[..., Any] = AIOKafkaClient.bootstrap) -> None:
    """Find the brokers, to the end even if this is cancelled meanwhile, but for no longer than a second then."""
    finding = asyncio.ensure_future(bootstrap(client))
    try:
        await asyncio.shield(finding)
    except asyncio.CancelledError:
        await asyncio.wait({finding}, timeout=BOOTSTRAP_GRACE_SECONDS)
        finding.cancel()
        await asyncio.gather(finding, return_exceptions=True)
        raise


# aiokafka 0.14 forgets the connection that it is opening when a start is cut off, and then nobody closes that one.
AIOKafkaClient.bootstrap = _bootstrap
