"""Lets aiokafka read past a batch in which a header's name is not UTF-8.

Kafka takes any bytes for a header's name, and aiokafka 0.14 decodes them while it unpacks: it raises UnicodeDecodeError
out of every poll from then on, so one such record ends the consumer of whoever reads its topic. A batch is of one
producer, so what is passed over with it is of the same sender.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from importlib.metadata import version
from typing import Any

import structlog
from aiokafka.consumer.fetcher import PartitionRecords
from prometheus_client import Counter

from shared.messaging.aiokafka_internals import VERSIONS_KNOWN

log = structlog.get_logger()
SKIPPED = Counter(
    "diandian_undecodable_batches_total", "Batches passed over, which Kafka's client cannot decode", ["topic"]
)


class _Batches:
    """The batches of a fetch, which know where the one ends that was unpacked last."""

    def __init__(self, records: Any) -> None:
        self._records = records
        self.last: Any = None

    def has_next(self) -> bool:
        return bool(self._records.has_next())

    def next_batch(self) -> Any:
        self.last = self._records.next_batch()
        return self.last


_unpack: Callable[[Any], Iterator[Any]] = PartitionRecords._unpack_records


def read_past_undecodable_batches() -> None:
    """Have every consumer of this process go on behind such a batch; may be called again."""
    # In another version its inner parts may be others; a test says what to look at then.
    if version("aiokafka") in VERSIONS_KNOWN:
        PartitionRecords._unpack_records = _unpack_records


def _unpack_records(self: Any) -> Iterator[Any]:
    self._records = batches = _Batches(self._records)
    while True:
        try:
            yield from _unpack(self)
        except UnicodeDecodeError:
            topic, partition = self._tp
            log.critical("batch skipped", topic=topic, partition=partition, offset=self.next_fetch_offset)
            SKIPPED.labels(topic).inc()
            self.next_fetch_offset = batches.last.next_offset
        else:
            return
