"""Where ranking puts messages that boards cannot take: on `dead.ranking`, each place of the log once."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

import structlog
from aiokafka import AIOKafkaConsumer, ConsumerRecord, TopicPartition

from shared.contracts.event import PARTITIONS
from shared.contracts.orders import BeneficiaryNamed
from shared.messaging.broker import Producer
from shared.messaging.delivery import DEAD
from shared.messaging.failures import is_infrastructure

TOPIC = "dead.ranking"
RETRY_SECONDS, RETRY_SECONDS_MAX = 0.2, 5.0
POLL_TIMEOUT_MS = 500

log = structlog.get_logger()
Rejected = tuple[ConsumerRecord, Exception]


class DeadLetters:
    """The dead letters of all replicas.

    A fold meets the same message at every start and every rebuild, so the topic itself is read for the places that lie
    on it already. Two replicas that meet one within the same moment may both put it there, under the same key.
    """

    def __init__(self, bootstrap_servers: str, producer: Producer) -> None:
        self._bootstrap_servers = bootstrap_servers
        self._producer = producer
        self._next = {TopicPartition(TOPIC, number): 0 for number in range(PARTITIONS)}
        self._places: set[bytes] = set()
        # The live reader and a rebuild may meet the same message at once.
        self._lock = asyncio.Lock()

    async def put(self, rejected: Sequence[Rejected]) -> None:
        """Return when every one of them lies on the topic, however long Kafka is away."""
        seconds = RETRY_SECONDS
        while True:
            try:
                async with self._lock:
                    await self._read()
                    for record, reason in rejected:
                        if (place := _place(record)) not in self._places:
                            await self._publish(place, record, reason)
            except Exception as failure:
                if not is_infrastructure(failure):
                    raise
                log.warning("dead letters are retried", count=len(rejected), failure=repr(failure)[:200])
                await asyncio.sleep(seconds)
                seconds = min(2 * seconds, RETRY_SECONDS_MAX)
            else:
                return

    async def _publish(self, place: bytes, record: ConsumerRecord, reason: Exception) -> None:
        headers = [
            *((name, text) for name, text in record.headers if text is not None and not name.startswith("dead_")),
            ("dead_topic", record.topic.encode()),
            ("dead_partition", str(record.partition).encode()),
            ("dead_offset", str(record.offset).encode()),
            ("dead_attempts", b"1"),
            ("dead_reason", _text(record, reason).encode(errors="replace")),
        ]
        # Names leave the log when they are erased, so their bytes may not live on in a dead letter.
        value = b"" if record.topic == BeneficiaryNamed.topic else record.value
        await (await self._producer.send(TOPIC, (place, value, headers)))
        self._places.add(place)
        DEAD.labels(record.topic).inc()
        log.error(
            "message dead-lettered",
            service="ranking",
            topic=record.topic,
            at=[record.partition, record.offset],
            reason=_text(record, reason),
        )

    async def _read(self) -> None:
        """Read the places that have come onto the topic since the last time."""
        consumer = AIOKafkaConsumer(
            bootstrap_servers=self._bootstrap_servers.split(","), enable_auto_commit=False, auto_offset_reset="earliest"
        )
        consumer.assign(list(self._next))
        try:
            await consumer.start()
            first, ends = await consumer.beginning_offsets(self._next), await consumer.end_offsets(self._next)
            for partition, offset in self._next.items():
                self._next[partition] = max(offset, first[partition])
                consumer.seek(partition, self._next[partition])
            while any(self._next[partition] < end for partition, end in ends.items()):
                for partition, records in (await consumer.getmany(timeout_ms=POLL_TIMEOUT_MS)).items():
                    self._places.update(record.key for record in records if record.key is not None)
                    self._next[partition] = records[-1].offset + 1
        finally:
            await consumer.stop()


def _place(record: ConsumerRecord) -> bytes:
    return f"{record.topic}-{record.partition}-{record.offset}".encode()


def _text(record: ConsumerRecord, reason: Exception) -> str:
    """Say why; of a name only the kind of failure, since a message may quote its input."""
    kind = type(reason).__name__
    return kind if record.topic == BeneficiaryNamed.topic else f"{kind}: {reason}"[:1000]
