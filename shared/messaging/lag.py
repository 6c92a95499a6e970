"""How far consumers are behind the ends of their topics, as a figure for an alarm and for scaling."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Callable, Mapping

import structlog
from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.errors import ConsumerStoppedError, KafkaError
from prometheus_client import Gauge

# One request to each broker that leads a partition.
LOOK_SECONDS = 5.0

log = structlog.get_logger()
LAG = Gauge("diandian_consumer_lag", "Records of this replica's partitions that have not taken effect", ["topic"])


async def observe_lag(
    consumer: Callable[[], AIOKafkaConsumer | None], in_progress: Mapping[TopicPartition, int]
) -> None:
    """Keep the figure for ever; `in_progress` tells where the batch begins that has not taken effect yet."""
    shown: set[str] = set()
    while True:
        found = consumer()
        try:
            lag = await lag_of(found, in_progress) if found is not None else {}
        except (KafkaError, ConsumerStoppedError) as failure:
            # The last figures stay: whether Kafka answers is told elsewhere.
            log.debug("lag unknown", failure=type(failure).__name__)
        else:
            for topic in shown - lag.keys():
                LAG.remove(topic)
            for topic, records in lag.items():
                LAG.labels(topic).set(records)
            shown = set(lag)
        await asyncio.sleep(LOOK_SECONDS)


async def lag_of(consumer: AIOKafkaConsumer, in_progress: Mapping[TopicPartition, int]) -> dict[str, int]:
    """Return by topic how many records of the assigned partitions have not taken effect. Raises KafkaError."""
    lag: Counter[str] = Counter()
    for partition, end in (await consumer.end_offsets(consumer.assignment())).items():
        # What was polled is behind the position at once, and takes effect when its batch is done.
        begins = in_progress.get(partition)
        lag[partition.topic] += max(0, end - (await consumer.position(partition) if begins is None else begins))
    return dict(lag)
