"""The relay: publishes what lies in outboxes, at once when it is woken, and by a sweep what a crash has left.

Several rounds of a source are under way at once. A source gives out nothing of what it has given out and not got back,
so no event of a subject is sent before the one ahead of it is acknowledged.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

import structlog
from prometheus_client import Gauge, Histogram

from shared.messaging.breaker import delay
from shared.messaging.broker import Producer
from shared.messaging.lease import LEASE_SECONDS, LeaseLost
from shared.messaging.publisher import Publisher
from shared.messaging.source import Pending, Refusal, Source

SWEEP_SECONDS = 1.0
BACK_OFF_SECONDS = 0.5
ROUNDS_MAX = 4
MEASURE_SECONDS = 2.0
# What is younger lies in a round of some replica; what is older is looked for where it lies.
YOUNG = timedelta(seconds=5)
NAMED_MAX = 3

log = structlog.get_logger()
AGE = Histogram(
    "diandian_publish_age_seconds",
    "Age of events when Kafka acknowledged them, of the oldest of each round",
    buckets=(0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10, 30, 60, 300, 3600),
)
OLDEST = Gauge("diandian_outbox_oldest_seconds", "Age of the oldest event that is not published, wherever it lies")
RETRIED = Gauge("diandian_outbox_retried", "Aggregates whose events Kafka refuses or that cannot be read")


class Relay:
    """Publishes the events of one replica's sources; several replicas may work on the same sources."""

    def __init__(self, producer: Producer, *, owner: str, site: str = "") -> None:
        self._publisher = Publisher(producer, site=site)
        self._owner = owner
        self._woken: dict[Source, asyncio.Event] = {}
        self._under_way: dict[asyncio.Task[None], datetime | None] = {}
        # By aggregate: what was not published to its end, with what is known of it.
        self._unfinished: dict[str, Pending] = {}
        # By source the aggregate whose event is the oldest, as it was found where it lies.
        self._oldest: dict[Source, tuple[str, datetime]] = {}
        OLDEST.set_function(self._oldest_seconds)
        RETRIED.set_function(lambda: len(self._refusals()))

    def add(self, source: Source) -> None:
        """Have the source's events published."""
        source.lease.owner = self._owner
        self._woken[source] = asyncio.Event()

    def wake(self) -> None:
        """Say that there is something new to publish."""
        for woken in self._woken.values():
            woken.set()

    async def health(self) -> str | None:
        """Return none while everything can be published, else which events are not, and why."""
        refusals = self._refusals()
        if not refusals:
            return None
        some = sorted(refusals.items())[:NAMED_MAX]
        named = ", ".join(f"{aggregate} ({one.topic}: {one.failure})" for aggregate, one in some)
        return f"{len(refusals)} aggregates have events that cannot be published; they are tried again: {named}"

    async def run(self) -> None:
        """Publish for ever; the producer is started already."""
        try:
            async with asyncio.TaskGroup() as tasks:
                for source in self._woken:
                    tasks.create_task(self._tend(source))
                await asyncio.Event().wait()
        finally:
            await self._publisher.stop()

    async def measure(self) -> None:
        """Look for ever how old what is not published is, also while nothing can be."""
        while True:
            for source in self._woken:
                try:
                    found = await source.oldest()
                except Exception as failure:
                    log.debug("oldest event unknown", failure=repr(failure)[:200])
                    continue
                self._oldest.pop(source, None)
                if found and found[1] < datetime.now(UTC) - YOUNG:
                    self._oldest[source] = found
            await asyncio.sleep(MEASURE_SECONDS)

    def _oldest_seconds(self) -> float:
        times = [*self._under_way.values(), *(pending.since for pending in self._unfinished.values())]
        times += [since for _, since in self._oldest.values()]
        oldest = min((since for since in times if since), default=None)
        return (datetime.now(UTC) - oldest).total_seconds() if oldest else 0.0

    def _refusals(self) -> dict[str, Refusal]:
        """Return why events of aggregates are tried again; one that is long overdue was taken by another replica."""
        gone = datetime.now(UTC) - timedelta(seconds=LEASE_SECONDS)
        for aggregate_id, pending in list(self._unfinished.items()):
            if (pending.refusal.retry_at if pending.refusal else pending.until) < gone:
                del self._unfinished[aggregate_id]
        return {each: pending.refusal for each, pending in self._unfinished.items() if pending.refusal}

    async def _tend(self, source: Source) -> None:
        while True:
            try:
                # What lies under leases of this name is from before a restart, or Kafka was away.
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
                while pending := await source.take(now=datetime.now(UTC)):
                    rounds.add(self._begin(source, pending))
                    while len(rounds := _still_under_way(rounds)) == ROUNDS_MAX:
                        await asyncio.wait(rounds, return_when=asyncio.FIRST_COMPLETED)
                # Not by wait_for: that swallows a cancellation which comes at the moment of waking.
                with contextlib.suppress(TimeoutError):
                    async with asyncio.timeout(SWEEP_SECONDS):
                        await woken.wait()
                rounds = _still_under_way(rounds)
        except asyncio.CancelledError:
            for round_ in rounds:
                round_.cancel()
            raise
        finally:
            await asyncio.gather(*rounds, return_exceptions=True)

    def _begin(self, source: Source, pending: Sequence[Pending]) -> asyncio.Task[None]:
        def end(round_: asyncio.Task[None]) -> None:
            del self._under_way[round_]
            # What has been added to these outboxes meanwhile can be taken now.
            self._woken[source].set()

        round_ = asyncio.create_task(self._round(source, pending))
        self._under_way[round_] = _oldest(pending)
        round_.add_done_callback(end)
        return round_

    async def _round(self, source: Source, pending: Sequence[Pending]) -> None:
        """Publish, and settle what was acknowledged whatever became of the rest. Raises what is of the surroundings."""
        for each in pending:
            if earlier := self._unfinished.get(each.aggregate_id):
                each.go_on_from(earlier)
        readable = [each for each in pending if each.unreadable is None]
        failure: Exception | None = None
        if readable:
            try:
                ids = [each.aggregate_id for each in readable]
                async with source.lease.kept(ids, until=min(each.until for each in readable)):
                    await self._publisher.publish(readable)
            except LeaseLost as lost:
                # Another publishes these now: nothing older may come to lie on top of what it sends.
                await self._publisher.abandon()
                failure = lost
            except Exception as raised:
                failure = raised
        await self._settle(source, [each for each in readable if each.is_published])
        if isinstance(failure, LeaseLost):
            for each in readable:
                self._unfinished.pop(each.aggregate_id, None)
        else:
            await self._retry_later(source, [each for each in pending if not each.is_published])
        if failure:
            raise failure

    async def _settle(self, source: Source, published: Sequence[Pending]) -> None:
        if not published:
            return
        if since := _oldest(published):
            AGE.observe((datetime.now(UTC) - since).total_seconds())
        await source.settle(published)
        for each in published:
            if (earlier := self._unfinished.pop(each.aggregate_id, None)) and earlier.refusal:
                log.warning("published after a refusal", aggregate=each.aggregate_id, topic=earlier.refusal.topic)
        done = {each.aggregate_id for each in published}
        self._oldest = {place: found for place, found in self._oldest.items() if found[0] not in done}

    async def _retry_later(self, source: Source, unpublished: Sequence[Pending]) -> None:
        """Give back what Kafka refuses or what cannot be read until it is tried again, so that all others go on."""
        for each in unpublished:
            if each.unreadable:
                if each.aggregate_id not in self._unfinished:
                    log.critical("outbox unreadable", aggregate=each.aggregate_id, failure=repr(each.unreadable)[:300])
                each.refusal = Refusal("unreadable", type(each.unreadable).__name__, datetime.now(UTC) + delay(10))
            self._unfinished[each.aggregate_id] = each
        by_time: dict[datetime, list[Pending]] = {}
        for each in unpublished:
            if each.refusal:
                by_time.setdefault(each.refusal.retry_at, []).append(each)
        for retry_at, refused in by_time.items():
            await source.retry_later(refused, until=retry_at)


def _oldest(pending: Sequence[Pending]) -> datetime | None:
    return min((each.since for each in pending if each.since), default=None)


def _still_under_way(rounds: set[asyncio.Task[None]]) -> set[asyncio.Task[None]]:
    """Return those that have not ended; raise what one that has ended raised."""
    for round_ in rounds:
        if round_.done():
            round_.result()
    return {round_ for round_ in rounds if not round_.done()}
