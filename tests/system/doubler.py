"""Puts every message once more on its topic, as a sender does that did not hear its acknowledgement."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator

from aiokafka import AIOKafkaConsumer, TopicPartition

from shared.contracts.event import PARTITIONS
from shared.contracts.topics import EVENTS
from shared.messaging import broker
from tests.offsets import Offsets

MARK = ("doubled", b"yes")
POLL_TIMEOUT_MS = 100


class Doubler:
    """Reads all topics of events from their beginning; `passed` says up to where each message lies there twice."""

    def __init__(self, kafka: str) -> None:
        self._consumer = AIOKafkaConsumer(
            bootstrap_servers=kafka, enable_auto_commit=False, auto_offset_reset="earliest"
        )
        self._producer = broker.Producer(kafka, replica="doubler")
        self.passed: Offsets = {}

    @contextlib.asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """Double until the context ends."""
        await self._producer.start()
        await self._consumer.start()
        self._consumer.assign([TopicPartition(event.topic, number) for event in EVENTS for number in range(PARTITIONS)])
        work = asyncio.create_task(self._work(), name="doubler")
        try:
            yield
        finally:
            work.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await work
            await self._consumer.stop()
            await self._producer.stop()

    async def _work(self) -> None:
        while True:
            polled = await self._consumer.getmany(timeout_ms=POLL_TIMEOUT_MS)
            sent = [
                await self._producer.send(record.topic, (record.key, record.value, [*record.headers, MARK]))
                for records in polled.values()
                for record in records
                if MARK not in record.headers
            ]
            await asyncio.gather(*sent)
            self.passed |= {partition: records[-1].offset + 1 for partition, records in polled.items()}
