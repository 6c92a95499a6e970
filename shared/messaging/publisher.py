"""How the events of a round go to Kafka: all at once, and one by one where a topic refuses some.

An event waits for the one before of its own subject only. A batch that is refused does not say which of its records
was meant, so each of them is sent once more alone, by a producer of its own.
"""

from __future__ import annotations

import asyncio
from collections import Counter as Counting
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime

import structlog
from aiokafka.errors import KafkaConnectionError
from prometheus_client import Counter

from shared.contracts.event import Envelope, Event, to_record
from shared.messaging.breaker import Breaker, delay
from shared.messaging.broker import LOST_COUNT, Producer, is_refusal
from shared.messaging.failures import is_infrastructure
from shared.messaging.source import Pending, Refusal

# A producer that was made anew loses count once more only if others are refused at the same time.
REPEATS_MAX = 10

log = structlog.get_logger()
PUBLISHED = Counter("diandian_published_total", "Events acknowledged by Kafka", ["topic"])
REFUSED = Counter("diandian_refused_total", "Events that Kafka refused when they were sent alone", ["topic"])


class _Line:
    """Events of one subject, to be sent one after the other."""

    __slots__ = ("_envelopes", "_position", "pending")

    def __init__(self, pending: Pending) -> None:
        self.pending = pending
        self._envelopes: list[Envelope[Event]] = []
        self._position = 0

    def add(self, envelope: Envelope[Event]) -> None:
        self._envelopes.append(envelope)

    @property
    def goes_on(self) -> bool:
        return self._position < len(self._envelopes) and self.pending.refusal is None

    @property
    def next(self) -> Envelope[Event]:
        return self._envelopes[self._position]

    def acknowledge(self) -> None:
        self.pending.acknowledged.add(self.next.id)
        self._position += 1


class Publisher:
    """Sends events and notes in what was given what became of them."""

    def __init__(self, producer: Producer, *, site: str = "") -> None:
        self._producer = producer
        self._site = site
        self._trials: Producer | None = None
        self._breakers: dict[str, Breaker] = {}

    async def publish(self, pending: Sequence[Pending]) -> None:
        """Return when every event is acknowledged, or its aggregate has a refusal.

        Raises what is of the surroundings; what was acknowledged until then is noted.
        """
        lines, repeats = list(_lines(pending)), 0
        while lines:
            together: list[_Line] = []
            alone: list[_Line] = []
            for line in lines:
                (together if self._goes_with_others(line) else alone).append(line)
            refused, lost_count = await self._send_together(together)
            repeats = repeats + 1 if lost_count else 0
            if repeats > REPEATS_MAX:
                raise KafkaConnectionError("producers lose count again and again")
            for line in (*refused, *alone):
                await self._send_alone(line)
            lines = [line for line in lines if line.goes_on]

    async def abandon(self) -> None:
        """Send nothing more of what is under way."""
        await self._producer.abandon()
        if self._trials:
            await self._trials.abandon()

    async def stop(self) -> None:
        """Close the producer of trials."""
        if self._trials:
            await self._trials.stop()

    def _breaker(self, topic: str) -> Breaker:
        if topic not in self._breakers:
            self._breakers[topic] = Breaker(topic)
        return self._breakers[topic]

    def _goes_with_others(self, line: _Line) -> bool:
        envelope = line.next
        return envelope.id not in line.pending.refused and not self._breaker(envelope.data.topic).is_open

    async def _send_together(self, lines: Sequence[_Line]) -> tuple[list[_Line], bool]:
        """Return the lines whose event was refused, and whether the producer has lost count, so that some go again."""
        under_way: dict[asyncio.Future[object], _Line] = {}
        failed: list[tuple[_Line, BaseException]] = []
        try:
            for line in lines:
                try:
                    under_way[
                        await self._producer.send(line.next.data.topic, to_record(line.next, site=self._site))
                    ] = line
                except Exception as failure:
                    failed.append((line, failure))
                    if not _is_of_the_record(failure):
                        break
            if under_way:
                await asyncio.wait(under_way)
        finally:
            # Also when this is broken off: what is acknowledged is not to be sent again.
            failed += _note(under_way)
        of_others = [failure for _, failure in failed if not _is_of_the_record(failure)]
        for other in of_others:
            if not isinstance(other, LOST_COUNT):
                raise other
        return [line for line, failure in failed if _is_of_the_record(failure)], bool(of_others)

    async def _send_alone(self, line: _Line) -> None:
        envelope, pending = line.next, line.pending
        topic = envelope.data.topic
        breaker = self._breaker(topic)
        async with breaker.trial:
            now = datetime.now(UTC)
            if not breaker.lets_through(now):
                assert breaker.retry_at is not None
                pending.refusal = Refusal(topic, breaker.failure, retry_at=breaker.retry_at)
                return
            try:
                await (await (await self._for_trials()).send(topic, to_record(envelope, site=self._site)))
            except Exception as failure:
                if not _is_of_the_record(failure):
                    raise
                REFUSED.labels(topic).inc()
                again = envelope.id in pending.refused
                if not again:
                    log.critical("event refused", aggregate=pending.aggregate_id, event_id=envelope.id, topic=topic,
                                 failure=repr(failure)[:300])  # fmt: skip
                pending.refused.add(envelope.id)
                pending.tries += 1
                pending.refusal = Refusal(topic, type(failure).__name__, retry_at=now + delay(pending.tries))
                breaker.note_refusal(failure, again=again, now=now)
            else:
                PUBLISHED.labels(topic).inc()
                line.acknowledge()
                breaker.note_success()

    async def _for_trials(self) -> Producer:
        if self._trials is None:
            trials = self._producer.for_trials()
            await trials.start()
            self._trials = trials
        return self._trials


def _note(under_way: Mapping[asyncio.Future[object], _Line]) -> list[tuple[_Line, BaseException]]:
    """Note which events are acknowledged, and return those that failed."""
    acknowledged: Counting[str] = Counting()
    failed = []
    for sent, line in under_way.items():
        if not sent.done() or sent.cancelled():
            continue
        if failure := sent.exception():
            failed.append((line, failure))
        else:
            acknowledged[line.next.data.topic] += 1
            line.acknowledge()
    for topic, events in acknowledged.items():
        PUBLISHED.labels(topic).inc(events)
    return failed


def _is_of_the_record(failure: BaseException) -> bool:
    return isinstance(failure, Exception) and (is_refusal(failure) or not is_infrastructure(failure))


def _lines(pending: Sequence[Pending]) -> Iterator[_Line]:
    for each in pending:
        by_subject: dict[str, _Line] = {}
        for envelope in each.envelopes:
            if envelope.id not in each.acknowledged:
                if envelope.subject not in by_subject:
                    by_subject[envelope.subject] = _Line(each)
                by_subject[envelope.subject].add(envelope)
        yield from by_subject.values()
