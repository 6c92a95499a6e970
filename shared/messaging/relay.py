"""The relay: publishes what lies in outboxes, at once when it is woken, and by a sweep what a crash has left."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

import structlog
from aiokafka.errors import KafkaError
from prometheus_client import Counter
from pymongo.errors import PyMongoError

from shared.contracts import Envelope, Event, to_record
from shared.messaging.broker import REQUEST_TIMEOUT_MS, Producer
from shared.messaging.outbox import Parcel, Source

# Long enough that a request of a relay that lost its lease has ended before another one takes over.
LEASE_SECONDS = 3 * REQUEST_TIMEOUT_MS / 1000
SWEEP_SECONDS = 0.2
BACK_OFF_SECONDS = 0.5

log = structlog.get_logger()
PUBLISHED = Counter("diandian_published_total", "Events acknowledged by Kafka", ["topic"])


class Relay:
    """Carries the events of one replica's sources to Kafka; several replicas may work on the same sources."""

    def __init__(self, producer: Producer, *, owner: str) -> None:
        self._producer = producer
        self._sources: list[Source] = []
        self._owner = owner
        self._woken = asyncio.Event()

    def add(self, source: Source) -> None:
        """Take a source into the round."""
        self._sources.append(source)

    def wake(self) -> None:
        """Say that there is something new to publish."""
        self._woken.set()

    async def run(self) -> None:
        """Publish for ever; the producer is started already."""
        released: set[int] = set()
        while True:
            try:
                for source in self._sources:
                    if id(source) not in released:
                        await source.release(self._owner)
                        released.add(id(source))
                    await self._drain(source)
            except (KafkaError, PyMongoError, OSError, TimeoutError) as failure:
                log.warning("relay waits", failure=repr(failure)[:300])
                released.clear()
                await asyncio.sleep(BACK_OFF_SECONDS)
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._woken.wait(), SWEEP_SECONDS)
            self._woken.clear()

    async def _drain(self, source: Source) -> None:
        while parcels := await source.claim(self._owner, now=datetime.now(UTC), lease_seconds=LEASE_SECONDS):
            await self.publish(parcels, until=time.monotonic() + LEASE_SECONDS - REQUEST_TIMEOUT_MS / 1000)
            await source.settle(parcels)

    async def publish(self, parcels: Sequence[Parcel], *, until: float) -> None:
        """Return when all events are acknowledged; an event waits for the one before of its own subject only.

        Raises TimeoutError rather than send anything after `until` (monotonic): by then another relay may have taken
        over, and a late message would lie on top of its newer ones.
        """
        by_subject: dict[str, list[Envelope[Event]]] = {}
        for parcel in parcels:
            for envelope in parcel.envelopes:
                by_subject.setdefault(envelope.subject, []).append(envelope)
        for round_ in range(max(map(len, by_subject.values()), default=0)):
            if time.monotonic() > until:
                raise TimeoutError("the lease is about to end")
            sent = [await self._send(line[round_]) for line in by_subject.values() if len(line) > round_]
            await asyncio.gather(*sent)

    async def _send(self, envelope: Envelope[Event]) -> asyncio.Future[Any]:
        PUBLISHED.labels(envelope.data.topic).inc()
        return await self._producer.send(envelope.data.topic, to_record(envelope))
