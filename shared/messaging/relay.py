"""The relay: publishes what lies in outboxes, at once when it is woken, and by a sweep what a crash has left.

Several rounds of a source are under way at once. A source gives out nothing of what it has given out and not got back
as settled, so no event of a subject is sent before the one ahead of it is acknowledged.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections import Counter as Counting
from collections.abc import AsyncIterator, Awaitable, Iterable, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import structlog
from aiokafka.errors import MessageSizeTooLargeError
from prometheus_client import Counter, Gauge, Histogram

from shared.contracts.event import Envelope, Event, to_record
from shared.messaging.broker import REQUEST_TIMEOUT_MS, Producer
from shared.messaging.failures import is_infrastructure
from shared.messaging.outbox import LEASE_SECONDS, Parcel, Source

SWEEP_SECONDS = 0.2
BACK_OFF_SECONDS = 0.5
ROUNDS_MAX = 4

log = structlog.get_logger()
PUBLISHED = Counter("diandian_published_total", "Events acknowledged by Kafka", ["topic"])
AGE = Histogram(
    "diandian_publish_age_seconds",
    "Age of events when Kafka acknowledged them, of the oldest of each round",
    buckets=(0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10, 30, 60, 300, 3600),
)
OLDEST = Gauge("diandian_outbox_oldest_seconds", "Age of the oldest event that is being published and not acknowledged")


class Relay:
    """Carries the events of one replica's sources to Kafka; several replicas may work on the same sources."""

    def __init__(self, producer: Producer, *, owner: str) -> None:
        self._producer = producer
        self._woken: dict[Source, asyncio.Event] = {}
        self._owner = owner
        self._aside: set[str] = set()
        self._under_way: dict[asyncio.Task[None], datetime | None] = {}

    def add(self, source: Source) -> None:
        """Have the source's events published."""
        source.adopt(self._owner)
        self._woken[source] = asyncio.Event()

    def wake(self) -> None:
        """Say that there is something new to publish."""
        for woken in self._woken.values():
            woken.set()

    async def health(self) -> str | None:
        """Return none while everything can be published, else how much has been set aside."""
        return f"{len(self._aside)} outboxes cannot be published: {sorted(self._aside)[:3]}" if self._aside else None

    async def run(self) -> None:
        """Publish for ever; the producer is started already."""
        OLDEST.set_function(self._oldest_seconds)
        await asyncio.gather(asyncio.Event().wait(), *map(self._tend, self._woken))

    def _oldest_seconds(self) -> float:
        oldest = min((since for since in self._under_way.values() if since), default=None)
        return (datetime.now(UTC) - oldest).total_seconds() if oldest else 0.0

    async def _tend(self, source: Source) -> None:
        while True:
            try:
                # What lies under leases of this name is from before a restart, or Kafka has just refused it.
                await source.release()
                await self._publish_all(source)
            except Exception as failure:
                log.warning("relay waits", failure=repr(failure)[:300])
                await asyncio.sleep(BACK_OFF_SECONDS)

    async def _publish_all(self, source: Source) -> None:
        """Start round after round; when one fails, raise what it raised once no other is under way."""
        woken, rounds = self._woken[source], set[asyncio.Task[None]]()
        try:
            while True:
                woken.clear()
                while parcels := await source.take(now=datetime.now(UTC)):
                    rounds.add(self._begin(source, parcels))
                    while len(rounds := _still_under_way(rounds)) == ROUNDS_MAX:
                        await asyncio.wait(rounds, return_when=asyncio.FIRST_COMPLETED)
                with contextlib.suppress(TimeoutError):
                    await asyncio.wait_for(woken.wait(), SWEEP_SECONDS)
                rounds = _still_under_way(rounds)
        except asyncio.CancelledError:
            for round_ in rounds:
                round_.cancel()
            raise
        finally:
            await asyncio.gather(*rounds, return_exceptions=True)

    def _begin(self, source: Source, parcels: Sequence[Parcel]) -> asyncio.Task[None]:
        def ended(round_: asyncio.Task[None]) -> None:
            del self._under_way[round_]
            # What has been added to these outboxes meanwhile can be taken now.
            self._woken[source].set()

        round_ = asyncio.create_task(self._round(source, parcels))
        self._under_way[round_] = _oldest(parcels)
        round_.add_done_callback(ended)
        return round_

    async def _round(self, source: Source, parcels: Sequence[Parcel]) -> None:
        for parcel in parcels:
            if parcel.failure:
                await self._set_aside(source, parcel, parcel.failure)
        await self._carry(source, [parcel for parcel in parcels if not parcel.failure])

    async def _carry(self, source: Source, parcels: Sequence[Parcel]) -> None:
        """Publish and settle; of parcels that Kafka will never take, only these are set aside."""
        if not parcels:
            return
        lease = _Lease(parcels)
        renewing = asyncio.create_task(lease.renew(source, parcels))
        try:
            await self.publish(parcels, lease)
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
        if since := _oldest(parcels):
            AGE.observe((datetime.now(UTC) - since).total_seconds())
        await source.settle(parcels)
        self._aside.difference_update(str(parcel.mark) for parcel in parcels)

    async def _set_aside(self, source: Source, parcel: Parcel, failure: Exception) -> None:
        log.critical("outbox cannot be published", place=str(parcel.mark), failure=type(failure).__name__)
        self._aside.add(str(parcel.mark))
        await source.set_aside(parcel)

    async def publish(self, parcels: Sequence[Parcel], lease: _Lease | None = None) -> None:
        """Return when all events are acknowledged; an event waits for the one before of its own subject only.

        Raises TimeoutError rather than hand anything over when the lease is about to end: after that another relay may
        have taken over, and a late message would lie on top of its newer ones.
        """
        lease = lease or _Lease(parcels)
        by_subject: dict[str, list[Envelope[Event]]] = {}
        for parcel in parcels:
            for envelope in parcel.envelopes:
                by_subject.setdefault(envelope.subject, []).append(envelope)
        for turn in range(max(map(len, by_subject.values()), default=0)):
            sent: list[asyncio.Future[Any]] = []
            topics: Counting[str] = Counting()
            try:
                async with lease.holds():
                    for line in by_subject.values():
                        if len(line) > turn:
                            topic = line[turn].data.topic
                            sent.append(await self._producer.send(topic, to_record(line[turn])))
                            topics[topic] += 1
            finally:
                await _all(sent)
            for topic, events in topics.items():
                PUBLISHED.labels(topic).inc(events)


class _Lease:
    """Until when records may be handed over: a request that begins then ends before another relay may take over."""

    def __init__(self, parcels: Sequence[Parcel]) -> None:
        self._until = min(parcel.until for parcel in parcels) - timedelta(milliseconds=REQUEST_TIMEOUT_MS)
        self._limit: asyncio.Timeout | None = None

    @contextlib.asynccontextmanager
    async def holds(self) -> AsyncIterator[None]:
        """Break off what is inside when the lease is about to end. Raises TimeoutError."""
        if self._seconds_left() <= 0:
            raise TimeoutError("the lease is about to end")
        async with asyncio.timeout(self._seconds_left()) as self._limit:
            yield
        self._limit = None

    async def renew(self, source: Source, parcels: Sequence[Parcel]) -> None:
        """Keep the leases while sends are under way: an idempotent producer tries for as long as Kafka is away."""
        while True:
            await asyncio.sleep(LEASE_SECONDS / 3)
            began = datetime.now(UTC)
            await source.renew(parcels)
            self._until = began + timedelta(seconds=LEASE_SECONDS, milliseconds=-REQUEST_TIMEOUT_MS)
            if self._limit and not self._limit.expired():
                self._limit.reschedule(asyncio.get_running_loop().time() + self._seconds_left())

    def _seconds_left(self) -> float:
        return (self._until - datetime.now(UTC)).total_seconds()


def _oldest(parcels: Sequence[Parcel]) -> datetime | None:
    return min((parcel.since for parcel in parcels if parcel.since), default=None)


def _still_under_way(rounds: set[asyncio.Task[None]]) -> set[asyncio.Task[None]]:
    """Return those that have not ended; raise what one that has ended raised."""
    for round_ in rounds:
        if round_.done():
            round_.result()
    return {round_ for round_ in rounds if not round_.done()}


async def _all(under_way: Iterable[Awaitable[Any]]) -> None:
    """Wait until all have ended, then raise the first failure: leases are given up with nothing left in flight."""
    for ended in await asyncio.gather(*under_way, return_exceptions=True):
        if isinstance(ended, BaseException):
            raise ended
