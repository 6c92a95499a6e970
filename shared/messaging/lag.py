"""How far consumers are behind the ends of their topics, as a figure for an alarm and for scaling."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Callable, Mapping

import structlog
from aiokafka import AIOKafkaConsumer
from aiokafka.errors import ConsumerStoppedError, KafkaError
from prometheus_client import Gauge

# One request to each broker that leads a partition.
LOOK_SECONDS = 5.0

log = structlog.get_logger()
LAG = Gauge("diandian_consumer_lag", "Records of this replica's partitions that have not taken effect", ["topic"])


async def observe_lag(
    consumer: Callable[[], AIOKafkaConsumer | None], begins: Callable[[], Mapping[tuple[str, int], int]]
) -> None:
    """Keep the figure for ever; `begins` returns by partition the first offset that has not taken effect.

    A partition that it does not name has nothing polled in progress.
    """
    shown: set[str] = set()
    while True:
        found = consumer()
        try:
            lag = await lag_of(found, begins()) if found is not None else {}
        except (KafkaError, ConsumerStoppedError) as failure:
            # The last figures stay: whether Kafka answers is shown elsewhere.
            log.debug("lag unknown", failure=type(failure).__name__)
        else:
            for topic in shown - lag.keys():
                LAG.remove(topic)
            for topic, records in lag.items():
                LAG.labels(topic).set(records)
            shown = set(lag)
        await asyncio.sleep(LOOK_SECONDS)


async def lag_of(consumer: AIOKafkaConsumer, begins: Mapping[tuple[str, int], int]) -> dict[str, int]:
    """Return by topic how many records of the assigned partitions have not taken effect. Raises KafkaError."""
    lag: Counter[str] = Counter()
    for partition, end in (await consumer.end_offsets(consumer.assignment())).items():
        # What was polled is behind the position at once, and takes effect when its batch is done.
        first = begins.get(partition)
        lag[partition.topic] += max(0, end - (await consumer.position(partition) if first is None else first))
    return dict(lag)
