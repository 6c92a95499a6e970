"""A null to every partition of a compacted topic, at the start and once a day.

Kafka cleans no segment that is still written to, and begins another one only when a message comes. So on a quiet topic
an erased name would stay for ever; with a message a day it leaves within 48 hours.
"""

from __future__ import annotations

import asyncio

import structlog
from aiokafka.errors import KafkaError

from shared.contracts.event import PARTITIONS, Record
from shared.messaging.broker import Producer

DAY_SECONDS = 24 * 3600
AGAIN_SECONDS = 10

log = structlog.get_logger()


async def heartbeat(producer: Producer, topic: str) -> None:
    """Put a null under a key of its own on every partition. Raises KafkaError."""
    for partition in range(PARTITIONS):
        nothing: Record = (f"heartbeat-{partition}".encode(), None, [])
        await (await producer.send(topic, nothing, partition=partition))


async def heartbeat_daily(producer: Producer, topic: str) -> None:
    """Do so for ever; while Kafka does not take it, try again soon rather than tomorrow."""
    while True:
        try:
            await heartbeat(producer, topic)
        except (KafkaError, OSError) as failure:
            log.warning("heartbeat waits", topic=topic, failure=repr(failure)[:200])
            await asyncio.sleep(AGAIN_SECONDS)
        else:
            await asyncio.sleep(DAY_SECONDS)
