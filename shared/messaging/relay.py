"""The relay: publishes what lies in outboxes, at once when it is woken, and by a sweep what a crash has left."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Awaitable, Callable, Iterable, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import structlog
from aiokafka.errors import MessageSizeTooLargeError
from prometheus_client import Counter

from shared.contracts import Envelope, Event, to_record
from shared.messaging.broker import REQUEST_TIMEOUT_MS, Producer
from shared.messaging.delivery import is_infrastructure
from shared.messaging.outbox import LEASE_SECONDS, Parcel, Source

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
        self._aside: set[str] = set()

    def add(self, source: Source) -> None:
        """Take a source into the round."""
        source.adopt(self._owner)
        self._sources.append(source)

    def wake(self) -> None:
        """Say that there is something new to publish."""
        self._woken.set()

    async def fares(self) -> str | None:
        """Return none while everything can be published, else how much has been set aside."""
        return f"{len(self._aside)} outboxes cannot be published: {sorted(self._aside)[:3]}" if self._aside else None

    async def run(self) -> None:
        """Publish for ever; the producer is started already."""
        # What lies under leases of this name is from before a restart, or Kafka has just refused it.
        begins = True
        while True:
            try:
                for source in self._sources:
                    if begins:
                        await source.release()
                begins = False
                await _all(map(self._drain, self._sources))
            except Exception as failure:
                log.warning("relay waits", failure=repr(failure)[:300])
                begins = True
                await asyncio.sleep(BACK_OFF_SECONDS)
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._woken.wait(), SWEEP_SECONDS)
            self._woken.clear()

    async def _drain(self, source: Source) -> None:
        while parcels := await source.take(now=datetime.now(UTC)):
            for parcel in parcels:
                if parcel.failure:
                    await self._set_aside(source, parcel, parcel.failure)
            await self._carry(source, [parcel for parcel in parcels if not parcel.failure])

    async def _carry(self, source: Source, parcels: Sequence[Parcel]) -> None:
        """Publish and settle; of parcels that Kafka will never take, only these are set aside."""
        if not parcels:
            return
        renewing = asyncio.create_task(_renew(source, parcels))
        try:
            await self.publish(parcels, leased=lambda: not renewing.done())
        except Exception as failure:
            if is_infrastructure(failure) and not isinstance(failure, MessageSizeTooLargeError):
                raise
            if len(parcels) == 1:
                await self._set_aside(source, parcels[0], failure)
            else:
                for parcel in parcels:
                    await self._carry(source, [parcel])
            return
        finally:
            renewing.cancel()
        await source.settle(parcels)
        self._aside.difference_update(str(parcel.mark) for parcel in parcels)

    async def _set_aside(self, source: Source, parcel: Parcel, failure: Exception) -> None:
        log.critical("outbox cannot be published", place=str(parcel.mark), failure=type(failure).__name__)
        self._aside.add(str(parcel.mark))
        await source.set_aside(parcel)

    async def publish(self, parcels: Sequence[Parcel], *, leased: Callable[[], bool] = lambda: True) -> None:
        """Return when all events are acknowledged; an event waits for the one before of its own subject only.

        Raises TimeoutError rather than send anything when the lease is about to end or can no longer be renewed: by
        then another relay may have taken over, and a late message would lie on top of its newer ones.
        """
        until = min(parcel.until for parcel in parcels) - timedelta(milliseconds=REQUEST_TIMEOUT_MS)
        if datetime.now(UTC) > until:
            raise TimeoutError("the lease is about to end")
        by_subject: dict[str, list[Envelope[Event]]] = {}
        for parcel in parcels:
            for envelope in parcel.envelopes:
                by_subject.setdefault(envelope.subject, []).append(envelope)
        for round_ in range(max(map(len, by_subject.values()), default=0)):
            if not leased():
                raise TimeoutError("the lease cannot be renewed")
            sent: list[asyncio.Future[Any]] = []
            try:
                for line in (line for line in by_subject.values() if len(line) > round_):
                    sent.append(await self._send(line[round_]))  # noqa: PERF401 -- what is sent must be known if one fails
            finally:
                await _all(sent)

    async def _send(self, envelope: Envelope[Event]) -> asyncio.Future[Any]:
        PUBLISHED.labels(envelope.data.topic).inc()
        return await self._producer.send(envelope.data.topic, to_record(envelope))


async def _all(under_way: Iterable[Awaitable[Any]]) -> None:
    """Wait until all have ended, then raise the first failure: leases are given up with nothing left in flight."""
    for ended in await asyncio.gather(*under_way, return_exceptions=True):
        if isinstance(ended, BaseException):
            raise ended


async def _renew(source: Source, parcels: Sequence[Parcel]) -> None:
    """Keep the leases while sends are under way: an idempotent producer tries for as long as Kafka is away."""
    while True:
        await asyncio.sleep(LEASE_SECONDS / 3)
        await source.renew(parcels)
