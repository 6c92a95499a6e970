"""Where ranking puts messages that boards cannot take: on `dead.ranking`, each place of the log once."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

import structlog
from aiokafka import AIOKafkaConsumer, ConsumerRecord, TopicPartition
from aiokafka.errors import KafkaError
from tenacity import AsyncRetrying, RetryCallState, retry_if_exception

from shared.contracts.event import PARTITIONS
from shared.messaging.broker import Producer
from shared.messaging.dead_letters import letter_of, place_of, reason_of
from shared.messaging.delivery import DEAD
from shared.messaging.failures import is_infrastructure
from shared.messaging.retries import BACK_OFF

TOPIC = "dead.ranking"
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
        trying = AsyncRetrying(
            retry=retry_if_exception(is_infrastructure), wait=BACK_OFF, before_sleep=_note_retry, reraise=True
        )
        await trying(self._put, rejected)

    async def _put(self, rejected: Sequence[Rejected]) -> None:
        async with self._lock:
            await self._read()
            for record, reason in rejected:
                if (place := _place(record)) not in self._places:
                    await self._publish(place, record, reason)

    async def _publish(self, place: bytes, record: ConsumerRecord, reason: Exception) -> None:
        value, own, why = letter_of(record, reason, attempts=1)
        try:
            await (await self._producer.send(TOPIC, (place, value, [*own, *why])))
        except KafkaError as failure:
            if is_infrastructure(failure):
                raise
            # With the reason it is larger than a record may be: its place is kept, where it can still be read.
            await (await self._producer.send(TOPIC, (place, b"", why)))
        self._places.add(place)
        DEAD.labels(record.topic).inc()
        log.error("dead-lettered", service="ranking", **place_of(record), reason=reason_of(record, reason))

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


def _note_retry(state: RetryCallState) -> None:
    failure = state.outcome.exception() if state.outcome else None
    log.warning("dead letters are retried", failure=repr(failure)[:200])
