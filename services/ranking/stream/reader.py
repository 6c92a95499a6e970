"""How ranking reads Kafka: every partition of its topics, from where its snapshot ends, without a consumer group."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Coroutine
from typing import Any

import structlog
from aiokafka import ConsumerRecord
from aiokafka import TopicPartition as Assigned
from aiokafka.admin import AIOKafkaAdminClient
from faststream import AckPolicy
from faststream.kafka import TopicPartition
from faststream.kafka.message import KafkaMessage
from tenacity import AsyncRetrying, RetryCallState, retry_if_exception_type

from services.ranking.domain.fold import Partition
from services.ranking.handlers import Handlers
from services.ranking.stream.dead_letters import DeadLetters
from services.ranking.stream.folding import Folding
from shared.contracts.event import PARTITIONS, Envelope, Event
from shared.messaging import broker
from shared.messaging.connecting import check_topics, connect
from shared.messaging.delivery import DELIVERED, Subscriptions
from shared.messaging.lag import observe_lag
from shared.messaging.replica import Replica
from shared.messaging.retries import BACK_OFF
from shared.settings import Settings

CONNECTING = "ranking connects"

log = structlog.get_logger()


class Reader:
    """Reads what the boards follow from, and says when they hold all that had happened before this replica started.

    Each replica reads everything, so there is no group to divide the partitions, and nothing to acknowledge: the
    offsets lie with the boards.
    """

    def __init__(self, settings: Settings, table: Subscriptions, handlers: Handlers, replica: Replica) -> None:
        self._settings = settings
        self._replica = replica
        self._table = table
        self._handlers = handlers
        self.partitions = [Assigned(event.topic, number) for event in table for number in range(PARTITIONS)]
        self._ends: dict[Partition, int] | None = None
        self._waits_for: str | None = "Kafka does not answer"
        self._retrying: str | None = None
        self._ended: str | None = None
        self._closing = False
        self._producer = broker.Producer(settings.kafka_bootstrap_servers, replica=settings.replica)
        self.folding = Folding(
            table, DeadLetters(settings.kafka_bootstrap_servers, self._producer), livemode=settings.livemode
        )
        self._broker = broker.reader(settings.kafka_bootstrap_servers, replica=settings.replica)
        self._subscriber = self._broker.subscriber(
            partitions=[TopicPartition(topic, number) for topic, number in self.partitions],
            batch=True,
            group_id=None,
            ack_policy=AckPolicy.MANUAL,
            auto_offset_reset="earliest",
            max_partition_fetch_bytes=broker.PARTITION_FETCH_BYTES_MAX,
            no_reply=True,
            # Nothing is decoded before `_take` sees it: bytes that break a parser would be lost without a word.
            parser=self._untouched,
            decoder=_records,
        )
        self._subscriber(self._take)
        broker.poll_without_pauses(self._subscriber)
        self._work: set[asyncio.Task[None]] = set()

    async def health(self) -> str | None:
        """Return none once the end offsets seen at the start are passed; Kafka may be away after that."""
        if self._ended or self._retrying:
            return self._ended or self._retrying
        if self._ends is None:
            return self._waits_for
        offsets = self._handlers.live.offsets
        behind = sum(max(0, end - offsets.get(partition, 0)) for partition, end in self._ends.items())
        return f"{behind} messages to fold" if behind else None

    @contextlib.asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """Read until the context ends. Raises TopicDiffers when Kafka answers with other topics."""
        await check_topics(self._settings.kafka_bootstrap_servers, service="ranking")
        connecting = asyncio.create_task(self._connect(), name=CONNECTING)
        self._watch(connecting)
        try:
            yield
        finally:
            self._closing = True
            connecting.cancel()
            for task in self._work:
                task.cancel()
            await asyncio.gather(connecting, return_exceptions=True)
            await self._broker.stop()
            await asyncio.gather(*self._work, return_exceptions=True)
            await self._producer.stop()
            await self._replica.release()

    async def _connect(self) -> None:
        """Start reading as soon as Kafka answers; from then on the consumer finds its way back by itself."""
        # Another process under this name would write over what this one does.
        await self._replica.wait(self._wait)
        self._waits_for = "Kafka does not answer"
        self._work_on(self._replica.keep(), name="ranking keeps its name")
        await connect(
            self._settings.kafka_bootstrap_servers, service="ranking", start=self._start, stop=self._broker.stop
        )
        for task in self._subscriber.tasks:
            self._watch(task)
        self._work_on(
            observe_lag(lambda: self._subscriber.consumer, lambda: self._handlers.live.offsets), name="ranking's lag"
        )

    async def _start(self) -> None:
        await self._producer.start()
        # What is fetched before the fold has found where it begins, waits.
        async with self._handlers.lock:
            await self._broker.start()
            await self._begin()

    def _wait(self, reason: str) -> None:
        self._waits_for = reason

    def _work_on(self, work: Coroutine[Any, Any, None], *, name: str) -> None:
        task = asyncio.create_task(work, name=name)
        self._work.add(task)
        self._watch(task)

    def _watch(self, task: asyncio.Task[None]) -> None:
        task.add_done_callback(self._end)

    def _end(self, task: asyncio.Task[None]) -> None:
        """Say why a task ended that was to run as long as the service, and read no more: a part would be left out."""
        failure = None if task.cancelled() else task.exception()
        connected = task.get_name() == CONNECTING and self._ends is not None and failure is None
        if self._closing or connected:
            return
        self._ended = f"reading has ended: {failure!r}"[:300] if failure else "reading was ended"
        log.critical("reading has ended", service="ranking", reason=self._ended, exc_info=failure)
        # FastStream starts its task anew, at the same place and with the same end.
        stopping = asyncio.create_task(self._broker.stop(), name="ranking stops reading")
        self._work.add(stopping)
        stopping.add_done_callback(self._work.discard)

    async def _begin(self) -> None:
        consumer = self._subscriber.consumer
        assert consumer is not None, "the broker has started"
        first, ends = await consumer.beginning_offsets(self.partitions), await consumer.end_offsets(self.partitions)
        log_id, self._waits_for = await self._log_id(), "a snapshot is being read"
        await self._handlers.begin(log_id, ends)
        # What was before the beginning of the log cannot be folded any more: it counts as passed.
        self._handlers.live.passed(first)
        for partition in self.partitions:
            consumer.seek(partition, self._handlers.live.offsets[partition])
        self._ends = dict(ends)

    async def _log_id(self) -> str:
        """Return the name that Kafka gave itself when its log was new."""
        admin = AIOKafkaAdminClient(bootstrap_servers=self._settings.kafka_bootstrap_servers.split(","))
        try:
            await admin.start()
            return str((await admin.describe_cluster())["cluster_id"])
        finally:
            await admin.close()

    async def _take(self, records: tuple[ConsumerRecord, ...]) -> None:
        """Fold a batch, as often as it must be tried: FastStream would go on behind one that failed."""
        trying = AsyncRetrying(
            retry=retry_if_exception_type(Exception), wait=BACK_OFF, before_sleep=self._note_retry, reraise=True
        )
        await trying(self._fold_locked, records)
        self._retrying = None

    def _note_retry(self, state: RetryCallState) -> None:
        failure = state.outcome.exception() if state.outcome else None
        self._retrying = f"folding is retried: {failure!r}"[:300]
        log.warning("folding is retried", service="ranking", failure=repr(failure)[:300])

    async def _fold_locked(self, records: tuple[ConsumerRecord, ...]) -> None:
        async with self._handlers.lock:
            await self._fold(records)

    async def _fold(self, records: tuple[ConsumerRecord, ...]) -> None:
        offsets = self._handlers.live.offsets
        # The first fetches begin at offset zero, before the place to go on from is found.
        ahead = [record for record in records if record.offset >= offsets.get((record.topic, record.partition), 0)]
        await self.folding.fold(ahead, self._deliver)
        self._handlers.live.passed({(record.topic, record.partition): record.offset + 1 for record in records})

    async def _deliver(self, event: Envelope[Event]) -> None:
        await self._table[type(event.data)]([event])
        DELIVERED.labels(event.data.topic).inc()

    async def _untouched(self, records: Any, _default: Any) -> KafkaMessage:
        consumer: Any = self._subscriber.consumer
        return KafkaMessage(body=b"", raw_message=records, consumer=consumer)


async def _records(message: KafkaMessage, _default: Any) -> Any:
    return message.raw_message
