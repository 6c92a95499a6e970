"""What ranking does beside reading: it keeps snapshots, and folds the whole log again when that is requested."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Mapping

from aiokafka import AIOKafkaConsumer

from services.ranking.domain.fold import Fold, Partition
from services.ranking.handlers import Handlers
from services.ranking.stream.reader import Reader
from shared.contracts.event import Envelope, Event
from shared.messaging import broker
from shared.settings import Settings

POLL_TIMEOUT_MS = 200
PROGRESS_EVERY_SECONDS = 0.5


class Upkeep:
    """Keeps snapshots of the live fold, and replaces it when a rebuild is requested. It begins when that is ready."""

    def __init__(self, settings: Settings, reader: Reader, handlers: Handlers) -> None:
        self._settings, self._reader, self._handlers = settings, reader, handlers

    async def acknowledge(self) -> None:
        """Write at once that this replica has seen a rebuild, for it may have to wait. Raises MongoError."""
        if (number := await self._handlers.rebuild_due()) is not None:
            await self._handlers.acknowledge(number)

    async def work(self) -> None:
        """Do what is due. Raises KafkaError and MongoError; the next time it begins anew then."""
        if await self._reader.health() is not None:
            return
        self._handlers.let_go()
        # If the database was away when the rebuild ended.
        await self._handlers.write_result()
        if (number := await self._handlers.rebuild_due()) is not None:
            await self._rebuild(number)
        await self._handlers.keep()

    async def _rebuild(self, number: int) -> None:
        fold = Fold(number)
        consumer = AIOKafkaConsumer(
            bootstrap_servers=self._settings.kafka_bootstrap_servers.split(","),
            client_id=f"{self._settings.replica}-rebuild",
            enable_auto_commit=False,
            auto_offset_reset="earliest",
            max_poll_records=broker.BATCH_RECORDS_MAX,
            max_partition_fetch_bytes=broker.PARTITION_FETCH_BYTES_MAX,
        )
        consumer.assign(self._reader.partitions)
        try:
            await consumer.start()
            fold.passed(await consumer.beginning_offsets(self._reader.partitions))
            replay = _Replay(self._reader, self._handlers, consumer, fold)
            await replay.read(dict(self._handlers.live.offsets))
            await self._handlers.build(fold)
            # The rest is little. What comes from now on goes into both folds, so they meet.
            await replay.read(await self._handlers.feed(fold))
            await self._handlers.swap(fold, replay.folded)
        finally:
            self._handlers.feed_live_alone()
            await consumer.stop()


class _Replay:
    """Reads every partition into a fold, up to given offsets and no further, and writes now and then how far it is."""

    def __init__(self, reader: Reader, handlers: Handlers, consumer: AIOKafkaConsumer, fold: Fold) -> None:
        self._reader, self._handlers, self._consumer, self._fold = reader, handlers, consumer, fold
        self._written_at = -PROGRESS_EVERY_SECONDS
        self.folded = 0

    async def read(self, upto: Mapping[Partition, int]) -> None:
        """Return when all before these offsets is folded."""
        offsets = self._fold.offsets
        self._consumer.resume(*self._reader.partitions)
        while True:
            behind = {partition: end - offsets[partition] for partition, end in upto.items()}
            done = [partition for partition in self._reader.partitions if behind.get(partition, 0) <= 0]
            await self._write_progress(sum(max(0, count) for count in behind.values()))
            if len(done) == len(self._reader.partitions):
                return
            self._consumer.pause(*done)
            for partition, records in (await self._consumer.getmany(timeout_ms=POLL_TIMEOUT_MS)).items():
                inside = [record for record in records if record.offset < upto[partition]]
                await self._reader.folding.fold(inside, self._take)
                # A compacted topic has gaps: a record beyond the end says as well that the end is reached.
                offsets[partition] = min(upto[partition], records[-1].offset + 1)
                if len(inside) < len(records):
                    self._consumer.seek(partition, offsets[partition])
                self.folded += len(inside)
            # Records that lie ready are handed over at once, and guests wait meanwhile.
            await asyncio.sleep(0)

    async def _write_progress(self, behind: int) -> None:
        if time.monotonic() - self._written_at >= PROGRESS_EVERY_SECONDS:
            await self._handlers.write_progress(self._fold.rebuild, self.folded, self.folded + behind)
            self._written_at = time.monotonic()

    async def _take(self, event: Envelope[Event]) -> None:
        self._fold.boards.fold(event)
