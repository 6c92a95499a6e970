"""How far the log goes, and how far each service has read of what it consumes."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator
from dataclasses import dataclass

from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.errors import KafkaError

from deploy.generate.cards import consumed_by
from shared.contracts.event import PARTITIONS

Offsets = dict[TopicPartition, int]


@dataclass(frozen=True)
class Log:
    """The log of one Kafka, seen from outside any group."""

    admin: AIOKafkaAdminClient
    consumer: AIOKafkaConsumer

    async def ends(self, *topics: str) -> Offsets:
        """Return the offset after the last record of each partition."""
        partitions = [TopicPartition(topic, number) for topic in topics for number in range(PARTITIONS)]
        return dict(await self.consumer.end_offsets(partitions))

    async def is_read_by(self, service: str, *topics: str) -> bool:
        """Whether the group of the service has taken all that lies on what it consumes, and on these topics."""
        try:
            committed = await self.admin.list_consumer_group_offsets(service)
        except KafkaError as failure:
            # A broker that has just started has yet to decide who keeps the groups.
            if failure.retriable:
                return False
            raise
        read = {partition: place.offset for partition, place in committed.items()}
        return has_passed(read, await self.ends(*topics, *(event.topic for event in consumed_by(service))))


@contextlib.asynccontextmanager
async def opened(kafka: str) -> AsyncIterator[Log]:
    """Connect, and disconnect in the end."""
    admin, consumer = AIOKafkaAdminClient(bootstrap_servers=kafka), AIOKafkaConsumer(bootstrap_servers=kafka)
    await admin.start()
    await consumer.start()
    try:
        yield Log(admin, consumer)
    finally:
        await consumer.stop()
        await admin.close()


def has_passed(read: Offsets, ends: Offsets) -> bool:
    """Whether a reader is past all these ends; of a partition where nothing was ever published nothing is read."""
    return all(read.get(partition, 0) >= end for partition, end in ends.items())
