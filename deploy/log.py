"""Reads topics from their beginning to their present end, as auditors and operators do: outside any group."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

from aiokafka import AIOKafkaConsumer, TopicPartition

from shared.contracts.event import PARTITIONS
from shared.messaging.undecodable import read_past_undecodable_batches


async def whole(bootstrap_servers: str, *topics: str) -> AsyncIterator[Any]:
    """Yield every record of the topics that was there when this began, in order within a partition."""
    read_past_undecodable_batches()
    consumer = AIOKafkaConsumer(
        bootstrap_servers=bootstrap_servers.split(","), enable_auto_commit=False, auto_offset_reset="earliest"
    )
    try:
        await consumer.start()
        partitions = [TopicPartition(topic, number) for topic in topics for number in range(PARTITIONS)]
        consumer.assign(partitions)
        ends = await consumer.end_offsets(partitions)
        while any([await consumer.position(partition) < end for partition, end in ends.items()]):
            for partition, records in (await consumer.getmany(timeout_ms=500)).items():
                for record in records:
                    if record.offset < ends[partition]:
                        yield record
    finally:
        await consumer.stop()
