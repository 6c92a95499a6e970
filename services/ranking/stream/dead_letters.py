"""Where ranking puts messages that it cannot read: on `dead.ranking`, each place of the log once."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

import structlog
from aiokafka import AIOKafkaConsumer, ConsumerRecord, TopicPartition
from aiokafka.errors import KafkaError

from shared.contracts.event import PARTITIONS
from shared.contracts.orders import BeneficiaryNamed
from shared.messaging.broker import Producer
from shared.messaging.delivery import DEAD

TOPIC = "dead.ranking"
RETRY_SECONDS = 1.0
POLL_TIMEOUT_MS = 500

log = structlog.get_logger()
Guilty = tuple[ConsumerRecord, Exception]


class DeadLetters:
    """The dead letters of all replicas.

    A fold meets the same guilty message at every start, so the topic itself is asked which places lie on it already.
    Two replicas that meet one within the same moment may both put it there, under the same key.
    """

    def __init__(self, bootstrap_servers: str, producer: Producer) -> None:
        self._bootstrap_servers = bootstrap_servers
        self._producer = producer
        self._next = {TopicPartition(TOPIC, number): 0 for number in range(PARTITIONS)}
        self._buried: set[bytes] = set()

    async def bury(self, guilty: Sequence[Guilty]) -> None:
        """Return when every one of them lies on the topic, however long Kafka is away."""
        for record, reason in guilty:
            DEAD.labels(record.topic).inc()
            log.error("message skipped", topic=record.topic, at=[record.partition, record.offset], reason=_text(reason))
        while True:
            try:
                await self._read()
                for record, reason in guilty:
                    if (place := _place(record)) not in self._buried:
                        await self._put(place, record, reason)
            except (KafkaError, OSError) as failure:
                log.warning("dead letters wait", failure=repr(failure)[:200])
                await asyncio.sleep(RETRY_SECONDS)
            else:
                return

    async def _put(self, place: bytes, record: ConsumerRecord, reason: Exception) -> None:
        headers = [
            *record.headers,
            ("dead_topic", record.topic.encode()),
            ("dead_partition", str(record.partition).encode()),
            ("dead_offset", str(record.offset).encode()),
            ("dead_attempts", b"1"),
            ("dead_reason", _text(reason).encode()),
        ]
        # Names leave the log when they are erased, so their bytes may not live on in a dead letter.
        value = b"" if record.topic == BeneficiaryNamed.topic else record.value
        await (await self._producer.send(TOPIC, (place, value, headers)))
        self._buried.add(place)

    async def _read(self) -> None:
        """Learn what has come onto the topic since it was last read."""
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
                    self._buried.update(record.key for record in records if record.key is not None)
                    self._next[partition] = records[-1].offset + 1
        finally:
            await consumer.stop()


def _place(record: ConsumerRecord) -> bytes:
    return f"{record.topic}-{record.partition}-{record.offset}".encode()


def _text(reason: Exception) -> str:
    return f"{type(reason).__name__}: {reason}"[:1000]
