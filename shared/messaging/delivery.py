"""How a batch of records reaches its handlers: at least once, in order, and past a message that cannot be taken.

Two classes of failure. *Infrastructure* (database or broker away, a lost race): wait and try again without limit,
nothing is dropped. *Message* (undecodable, against its contract, any other exception): a few tries, then aggregate by
aggregate, then message by message, so that only the one that fails goes to `dead.<service>` with its bytes and the
reason.
"""

from __future__ import annotations

import asyncio
import time
from collections import Counter as Counting
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import structlog
from aiokafka import AIOKafkaConsumer, ConsumerRecord, TopicPartition
from aiokafka.errors import KafkaError
from prometheus_client import Counter
from tenacity import AsyncRetrying, RetryCallState, retry_if_exception, retry_if_exception_type

from shared.contracts.event import Envelope, Event, MalformedEvent, from_record
from shared.messaging.broker import Producer
from shared.messaging.dead_letters import letter_of, place_of, reason_of, topic_of
from shared.messaging.failures import LostRace, is_infrastructure, kind_of, unavailable
from shared.messaging.retries import AFTER_LOST_RACE, BACK_OFF, RETRY_DELAY_SECONDS_MAX

Handler = Callable[[Sequence[Any]], Awaitable[None]]
Subscriptions = Mapping[type[Event], Handler]

ATTEMPTS_MAX = 3
DEAD_IN_A_ROW_MAX = 100
# Far below the consumer's max.poll.interval, which is five minutes; each poll drops what was fetched ahead.
POLL_SECONDS = 2.0
# Of tries again, one in so many is logged.
LOGGED_TRIES = 20

log = structlog.get_logger()
DELIVERED = Counter("diandian_delivered_total", "Messages handed to their handler", ["topic"])
DEAD = Counter("diandian_dead_total", "Messages put on the dead letter topic", ["topic"])
RETRIED = Counter("diandian_retried_total", "Batches tried again", ["failure"])


@dataclass(frozen=True)
class _Message:
    """A record together with the envelope that it carries."""

    record: ConsumerRecord
    envelope: Envelope[Event]


@dataclass(frozen=True)
class _Rejected:
    """A record that cannot be taken, and why."""

    record: ConsumerRecord
    failure: Exception
    attempts: int


class Delivery:
    """The way from a poll of one service to its handlers; `halted` says why it stopped, if it did."""

    def __init__(self, subscriptions: Subscriptions, *, service: str, livemode: bool, dead_letters: Producer) -> None:
        self._subscriptions = subscriptions
        self._contracts = {event.topic: event for event in subscriptions}
        self._service = service
        self._livemode = livemode
        self._dead_letters = dead_letters
        self._dead_in_a_row = 0
        self._polled_at = 0.0
        # Where the batch in progress begins: before it lies what has taken effect.
        self.in_progress: dict[TopicPartition, int] = {}
        self.halted: str | None = None

    @property
    def topics(self) -> tuple[str, ...]:
        """The topics to read: what the service consumes, and what is replayed to it alone."""
        return (*self._contracts, f"replay.{self._service}")

    async def deliver(self, records: Iterable[ConsumerRecord], consumer: AIOKafkaConsumer | None = None) -> None:
        """Return when every record has taken effect or lies on the dead letter topic."""
        records = tuple(records)
        for record in records:
            self.in_progress.setdefault(TopicPartition(record.topic, record.partition), record.offset)
        try:
            await self._deliver(records, consumer)
        finally:
            self.in_progress.clear()

    async def _deliver(self, records: Sequence[ConsumerRecord], consumer: AIOKafkaConsumer | None) -> None:
        self._polled_at = time.monotonic()
        while self.halted:
            await self._rest(RETRY_DELAY_SECONDS_MAX, consumer)
        by_handler: dict[Handler, list[_Message]] = {}
        rejected: list[_Rejected] = []
        # A null is a compacted topic's deletion or heartbeat: it is no event.
        events = [record for record in records if record.value is not None]
        for record in events:
            try:
                contract, envelope = self._read(record)
            except Exception as failure:
                rejected.append(_Rejected(record, failure, attempts=1))
            else:
                by_handler.setdefault(self._subscriptions[contract], []).append(_Message(record, envelope))
        for handler, messages in by_handler.items():
            rejected += await self._handle(handler, messages, consumer)
        for one in rejected:
            await self._dead_letter(one, consumer)
        self._count_in_a_row(events, rejected)

    def _count_in_a_row(self, records: Sequence[ConsumerRecord], rejected: Sequence[_Rejected]) -> None:
        """Halt before the next batch when too many have failed without one in between that did not.

        This batch is acknowledged all the same: its letters are written, and a restart goes on behind them.
        """
        failures = {id(one.record): one.failure for one in rejected}
        for record in records:
            failure = failures.get(id(record))
            self._dead_in_a_row = 0 if failure is None else self._dead_in_a_row + 1
            if failure is not None and self._dead_in_a_row >= DEAD_IN_A_ROW_MAX:
                self.halted = f"{self._dead_in_a_row} messages in a row failed, the last: {reason_of(record, failure)}"
                log.critical("consumer halted", service=self._service, reason=self.halted)

    def _read(self, record: ConsumerRecord) -> tuple[type[Event], Envelope[Event]]:
        topic = topic_of(record)
        contract = self._contracts.get(topic)
        if contract is None or record.value is None:
            raise MalformedEvent(f"{self._service} does not consume {topic!r}")
        return contract, from_record(
            contract, record.value, record.headers, livemode=self._livemode, timestamp_ms=record.timestamp
        )

    async def _handle(
        self, handler: Handler, messages: Sequence[_Message], consumer: AIOKafkaConsumer | None
    ) -> list[_Rejected]:
        """Let the handler take the messages, in ever smaller parts if it must be, and return those it cannot take."""
        failure = await self._attempt(handler, messages, consumer)
        if failure is None:
            for topic, count in Counting(one.record.topic for one in messages).items():
                DELIVERED.labels(topic).inc(count)
            return []
        parts = _smaller(messages)
        if len(parts) == 1:
            return [_Rejected(messages[0].record, failure, attempts=ATTEMPTS_MAX)]
        return [rejected for part in parts for rejected in await self._handle(handler, part, consumer)]

    async def _attempt(
        self, handler: Handler, messages: Sequence[_Message], consumer: AIOKafkaConsumer | None
    ) -> Exception | None:
        """Return none when the handler took the messages, else the failure that is theirs."""
        attempts = 0

        def enough(state: RetryCallState) -> bool:
            nonlocal attempts
            attempts += 0 if is_infrastructure(_failure(state)) else 1
            return attempts == ATTEMPTS_MAX

        async def rest(seconds: float) -> None:
            await self._rest(seconds, consumer)

        trying = AsyncRetrying(
            retry=retry_if_exception_type(Exception),
            stop=enough,
            wait=_back_off,
            sleep=rest,
            before_sleep=self._note_retry,
            reraise=True,
        )

        # Tenacity awaits what is declared as a coroutine, which not every callable that returns one is.
        async def handle() -> None:
            await handler([one.envelope for one in messages])

        try:
            await trying(handle)
        except Exception as failure:
            return failure
        return None

    def _note_retry(self, state: RetryCallState) -> None:
        failure = _failure(state)
        RETRIED.labels("infrastructure" if is_infrastructure(failure) else "message").inc()
        if state.attempt_number % LOGGED_TRIES == 1 and not isinstance(failure, LostRace):
            what = f"retrying: {unavailable(failure)}" if is_infrastructure(failure) else "retrying: handler failed"
            log.warning(what, service=self._service, attempt=state.attempt_number, failure=kind_of(failure))

    async def _dead_letter(self, rejected: _Rejected, consumer: AIOKafkaConsumer | None) -> None:
        record, failure = rejected.record, rejected.failure
        place = place_of(record)
        log.error("dead-lettered", service=self._service, **place, reason=reason_of(record, failure))
        value, own, why = letter_of(record, failure, attempts=rejected.attempts)

        async def rest(seconds: float) -> None:
            await self._rest(seconds, consumer)

        async def send(key: bytes | None, value: bytes, headers: list[tuple[str, bytes]]) -> None:
            await (await self._dead_letters.send(f"dead.{self._service}", (key, value, headers)))

        trying = AsyncRetrying(retry=retry_if_exception(is_infrastructure), wait=BACK_OFF, sleep=rest, reraise=True)
        try:
            await trying(send, record.key, value, [*own, *why])
        except KafkaError:
            # With the reason it is larger than a record may be: its place is kept, where it can still be read.
            await trying(send, None, b"", why)
        DEAD.labels(place["topic"]).inc()

    async def _rest(self, seconds: float, consumer: AIOKafkaConsumer | None) -> None:
        """Wait before another try, and poll now and then, so that the group does not take the partitions away."""
        await asyncio.sleep(seconds)
        if consumer is None or time.monotonic() < self._polled_at + POLL_SECONDS:
            return
        consumer.pause(*consumer.assignment())
        try:
            # Partitions that a rebalance brings at this moment are not paused: what they bring is read again.
            for partition, records in (await consumer.getmany(timeout_ms=0)).items():
                consumer.seek(partition, records[0].offset)
        except KafkaError as failure:
            # Whatever became of the assignment: the batch in progress has to take effect, here or where it is read
            # again.
            log.warning("polling failed while waiting", service=self._service, failure=repr(failure)[:300])
        finally:
            self._polled_at = time.monotonic()
            consumer.resume(*consumer.assignment())


def _smaller(messages: Sequence[_Message]) -> list[list[_Message]]:
    """Split by aggregate; one aggregate alone, by message."""
    parts: dict[str, list[_Message]] = {}
    for one in messages:
        parts.setdefault(one.envelope.subject, []).append(one)
    if len(parts) > 1:
        return list(parts.values())
    return [[one] for one in messages]


def _failure(state: RetryCallState) -> BaseException:
    failure = state.outcome.exception() if state.outcome else None
    assert failure is not None, "asked after a failure only"
    return failure


def _back_off(state: RetryCallState) -> float:
    return (AFTER_LOST_RACE if isinstance(_failure(state), LostRace) else BACK_OFF)(state)
