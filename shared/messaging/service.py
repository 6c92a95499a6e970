"""The messaging of one replica: reads what the service hears, publishes what it says, and says how it health."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
from collections.abc import AsyncIterator

import structlog
from aiokafka.errors import KafkaError
from faststream.kafka.subscriber.usecase import BatchSubscriber

from shared.contracts.event import Event
from shared.messaging import broker
from shared.messaging.delivery import Delivery, Subscriptions
from shared.messaging.heartbeat import heartbeat_daily
from shared.messaging.lag import observe_lag
from shared.messaging.outbox import Source
from shared.messaging.relay import Relay
from shared.settings import Settings

RECONNECT_SECONDS = 1.0
TOPIC_CHECK_SECONDS = 3.0

log = structlog.get_logger()


class Messaging:
    """Starts and stops reading and publishing; commands are accepted while Kafka is away, so nothing waits for it."""

    def __init__(self, settings: Settings, *, service: str) -> None:
        self._settings, self._service = settings, service
        self._producer = broker.Producer(settings.kafka_bootstrap_servers, replica=settings.replica)
        self._broker = broker.reader(settings.kafka_bootstrap_servers, replica=settings.replica)
        self.relay = Relay(self._producer, owner=settings.replica)
        self.delivery: Delivery | None = None
        self.subscriber: BatchSubscriber | None = None
        self._beating: list[str] = []
        self._work_task: asyncio.Task[None] | None = None

    def wake(self) -> None:
        """Say that there is something new to publish."""
        self.relay.wake()

    def consume(self, table: Subscriptions) -> None:
        """Read these topics, each batch to its handler."""
        self.delivery = Delivery(
            table, service=self._service, livemode=self._settings.livemode, dead_letters=self._producer
        )
        self.subscriber = broker.subscribe(
            self._broker, self.delivery.topics, self.delivery, group=self._service, replica=self._settings.replica
        )

    def publish(self, *sources: Source) -> None:
        """Publish what lies in these sources."""
        for source in sources:
            self.relay.add(source)

    def heartbeat(self, contract: type[Event]) -> None:
        """Keep the contract's topic from standing still, so that it is compacted even if nothing is told on it."""
        self._beating.append(contract.topic)

    async def health(self) -> str | None:
        """Return none while all goes on, else why messages are not read or not published.

        Kafka's absence is no reason: commands are accepted meanwhile.
        """
        if self._work_task is not None and self._work_task.done():
            return "messaging has ended; see the log"
        halted = self.delivery.halted if self.delivery else None
        return halted or await self.relay.health()

    @contextlib.asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """Read and publish until the context ends. Raises TopicDiffers when Kafka answers with other topics."""
        try:
            async with asyncio.timeout(TOPIC_CHECK_SECONDS):
                await broker.verify_topics(self._settings.kafka_bootstrap_servers)
        except (KafkaError, TimeoutError, OSError):
            log.warning("kafka does not answer yet; commands are accepted meanwhile", service=self._service)
        self._work_task = work = asyncio.create_task(self._work(), name=f"{self._service} messaging")
        try:
            yield
        finally:
            work.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await work
            await self._broker.stop()
            await self._producer.stop()

    async def _work(self) -> None:
        await self._connect()
        log.info("reading and publishing", service=self._service, replica=self._settings.replica)
        await asyncio.gather(
            self.relay.run(),
            self._observe_lag(),
            *(heartbeat_daily(self._producer, topic) for topic in self._beating),
        )

    async def _observe_lag(self) -> None:
        if self.delivery is not None and (subscriber := self.subscriber) is not None:
            await observe_lag(lambda: subscriber.consumer, self.delivery.in_progress)

    async def _connect(self) -> None:
        while True:
            try:
                await broker.verify_topics(self._settings.kafka_bootstrap_servers)
                await self._producer.start()
                await self._broker.start()
            except broker.TopicDiffers as differs:
                log.critical("refusing to run", service=self._service, reason=str(differs))
                os.kill(os.getpid(), signal.SIGTERM)
                await asyncio.Event().wait()
            except (KafkaError, OSError) as failure:
                log.warning("kafka does not answer", service=self._service, failure=repr(failure)[:200])
                await asyncio.sleep(RECONNECT_SECONDS)
            else:
                return
