"""The messaging of one replica: consumes and publishes for its service, and says how it is."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator

import structlog
from faststream.kafka.subscriber.usecase import BatchSubscriber

from shared.contracts.event import Event
from shared.messaging import broker
from shared.messaging.connecting import check_topics, connect
from shared.messaging.delivery import Delivery, Subscriptions
from shared.messaging.heartbeat import heartbeat_daily
from shared.messaging.lag import observe_lag
from shared.messaging.lease import LeaseLost
from shared.messaging.relay import Relay
from shared.messaging.replica import Replica
from shared.messaging.source import Source
from shared.mongodb import Database
from shared.settings import Settings

log = structlog.get_logger()


class Messaging:
    """Starts and stops reading and publishing; commands are accepted while Kafka is away, so nothing waits for it."""

    def __init__(self, settings: Settings, *, service: str, database: Database) -> None:
        self._settings, self._service = settings, service
        self._producer = broker.Producer(settings.kafka_bootstrap_servers, replica=settings.replica)
        self._broker = broker.reader(settings.kafka_bootstrap_servers, replica=settings.replica)
        self._replica = Replica(database, settings.replica)
        self.relay = Relay(self._producer, owner=settings.replica, site=settings.public_url)
        self.delivery: Delivery | None = None
        self.subscriber: BatchSubscriber | None = None
        self._heartbeats: list[str] = []
        # Why nothing is read and published, if that is not because Kafka is away.
        self._reason: str | None = None
        self._stopping = False

    def wake(self) -> None:
        """Say that there is something new to publish."""
        self.relay.wake()

    def consume(self, table: Subscriptions) -> None:
        """Read these topics, each batch to its handler."""
        self.delivery = Delivery(
            table, service=self._service, livemode=self._settings.livemode, dead_letters=self._producer
        )
        self.subscriber = broker.subscribe(
            self._broker,
            self.delivery.topics,
            self.delivery.deliver,
            group=self._service,
            replica=self._settings.replica,
        )

    def publish(self, *sources: Source) -> None:
        """Publish what lies in these sources."""
        for source in sources:
            self.relay.add(source)

    def heartbeat(self, contract: type[Event]) -> None:
        """Keep the contract's topic from standing still, so that it is compacted even if no event comes."""
        self._heartbeats.append(contract.topic)

    async def health(self) -> str | None:
        """Return none while all goes on, else why messages are not read or not published.

        Kafka's absence is no reason: commands are accepted meanwhile.
        """
        halted = self.delivery.halted if self.delivery else None
        return self._reason or halted or await self.relay.health()

    @contextlib.asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """Read and publish until the context ends. Raises TopicDiffers when Kafka answers with other topics."""
        # While Kafka is away commands are accepted.
        await check_topics(self._settings.kafka_bootstrap_servers, service=self._service)
        work = asyncio.create_task(self._work(), name=f"{self._service} messaging")
        work.add_done_callback(self._ended)
        try:
            yield
        finally:
            self._stopping = True
            work.cancel()
            await asyncio.wait([work])

    def _ended(self, work: asyncio.Task[None]) -> None:
        """It works until it is cancelled; whatever else ends it must not end it unseen."""
        if not work.cancelled() and (failure := work.exception()):
            self._reason = f"messaging has ended: {'; '.join(map(repr, _causes(failure)))}"[:500]
            log.critical("messaging has ended", service=self._service, reason=self._reason, exc_info=failure)

    async def _work(self) -> None:
        """Work under the replica's name; when another process takes it, wait until it is free again."""
        # Before Python 3.13 a TaskGroup that ends with a failure forgets that it was cancelled meanwhile.
        while not self._stopping:
            await self._replica.wait(self._wait)
            self._reason = None
            try:
                await self._work_under_name()
            except* LeaseLost as lost:
                log.critical("lost the replica's name", replica=self._settings.replica, reason=repr(_causes(lost)))

    async def _work_under_name(self) -> None:
        try:
            async with asyncio.TaskGroup() as tasks:
                tasks.create_task(self._replica.keep())
                tasks.create_task(self.relay.measure())
                tasks.create_task(self._read_and_publish())
        finally:
            await self._broker.stop()
            await self._producer.stop()
            await self._replica.release()

    def _wait(self, reason: str) -> None:
        self._reason = reason

    async def _read_and_publish(self) -> None:
        await connect(
            self._settings.kafka_bootstrap_servers, service=self._service, start=self._start, stop=self._broker.stop
        )
        log.info("reading and publishing", service=self._service, replica=self._settings.replica)
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self.relay.run())
            tasks.create_task(self._observe_lag())
            for topic in self._heartbeats:
                tasks.create_task(heartbeat_daily(self._producer, topic))

    async def _observe_lag(self) -> None:
        if self.delivery is not None and (subscriber := self.subscriber) is not None:
            in_progress = self.delivery.in_progress
            await observe_lag(lambda: subscriber.consumer, lambda: in_progress)

    async def _start(self) -> None:
        await self._producer.start()
        await self._broker.start()


def _causes(failure: BaseException) -> list[BaseException]:
    if isinstance(failure, BaseExceptionGroup):
        return [cause for one in failure.exceptions for cause in _causes(one)]
    return [failure]
