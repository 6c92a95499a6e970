"""How a batch of records reaches its handlers: at least once, in order, and past the guilty message.

Two classes of failure. *Infrastructure* (database or broker away, a lost race): wait and try again without limit,
nothing is dropped. *Message* (undecodable, against its contract, any other exception): a few tries, then aggregate by
aggregate, then message by message, so that only the guilty one goes to `dead.<service>` with its bytes and the reason.
"""

from __future__ import annotations

import asyncio
import time
from collections import Counter as Counting
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import structlog
from aiokafka import AIOKafkaConsumer, ConsumerRecord
from aiokafka.errors import KafkaError
from prometheus_client import Counter

from shared.contracts.event import Envelope, Event, MalformedEvent, from_record
from shared.contracts.orders import BeneficiaryNamed
from shared.messaging.broker import Producer
from shared.mongodb import ExecutionTimeout, MongoError, OperationFailure, WTimeoutError

Handler = Callable[[Sequence[Any]], Awaitable[None]]
Subscriptions = Mapping[type[Event], Handler]

ATTEMPTS_MAX = 3
DEAD_IN_A_ROW_MAX = 100
RETRY_DELAY_SECONDS = 0.05
RETRY_DELAY_SECONDS_MAX = 2.0
# Far below the consumer's max.poll.interval, which is five minutes; each poll drops what was fetched ahead.
POLL_SECONDS = 2.0

log = structlog.get_logger()
DELIVERED = Counter("diandian_delivered_total", "Messages handed to their handler", ["topic"])
DEAD = Counter("diandian_dead_total", "Messages put on the dead letter topic", ["topic"])
RETRIED = Counter("diandian_retried_total", "Batches tried again", ["failure"])


class LostRace(RuntimeError):
    """Another writer was first: load again and decide again."""


@dataclass(frozen=True)
class _Heard:
    """A record together with what it says."""

    record: ConsumerRecord
    envelope: Envelope[Event]


@dataclass(frozen=True)
class _Guilty:
    """A record that cannot be taken, and why."""

    record: ConsumerRecord
    failure: Exception
    attempts: int


def is_infrastructure(failure: BaseException) -> bool:
    """Say whether the failure is of the surroundings and may pass by itself, whatever the message says."""
    if isinstance(failure, OperationFailure):
        return isinstance(failure, ExecutionTimeout | WTimeoutError) or failure.has_error_label("RetryableWriteError")
    return isinstance(failure, MongoError | KafkaError | LostRace | OSError | TimeoutError)


class Delivery:
    """The way from a poll of one service to its handlers; `halted` says why it stopped, if it did."""

    def __init__(self, hears: Subscriptions, *, service: str, livemode: bool, dead_letters: Producer) -> None:
        self._hears = hears
        self._contracts = {event.topic: event for event in hears}
        self._service = service
        self._livemode = livemode
        self._dead_letters = dead_letters
        self._dead_in_a_row = 0
        self._polled_at = 0.0
        self.halted: str | None = None

    @property
    def topics(self) -> tuple[str, ...]:
        """The topics to read: what the service hears, and what is replayed to it alone."""
        return (*self._contracts, f"replay.{self._service}")

    async def deliver(self, records: Iterable[ConsumerRecord], consumer: AIOKafkaConsumer | None = None) -> None:
        """Return when every record has taken effect or lies on the dead letter topic."""
        self._polled_at = time.monotonic()
        while self.halted:
            await self._rest(RETRY_DELAY_SECONDS_MAX, consumer)
        by_handler: dict[Handler, list[_Heard]] = {}
        guilty: list[_Guilty] = []
        # A null is a compacted topic's deletion or heartbeat: it tells nothing.
        telling = [record for record in records if record.value is not None]
        for record in telling:
            try:
                contract, envelope = self._read(record)
            except Exception as wrong:
                guilty.append(_Guilty(record, wrong, attempts=1))
            else:
                by_handler.setdefault(self._hears[contract], []).append(_Heard(record, envelope))
        for handler, heard in by_handler.items():
            guilty += await self._hand(handler, heard, consumer)
        for one in guilty:
            await self._bury(one, consumer)
        self._count_in_a_row(telling, guilty)

    def _count_in_a_row(self, records: Sequence[ConsumerRecord], guilty: Sequence[_Guilty]) -> None:
        """Halt before the next batch when too many have failed without one in between that did not.

        This batch is acknowledged all the same: its letters are written, and a restart goes on behind them.
        """
        failures = {id(one.record): one.failure for one in guilty}
        for record in records:
            failure = failures.get(id(record))
            self._dead_in_a_row = 0 if failure is None else self._dead_in_a_row + 1
            if failure is not None and self._dead_in_a_row >= DEAD_IN_A_ROW_MAX:
                self.halted = f"{self._dead_in_a_row} messages in a row failed, the last: {_reason(record, failure)}"
                log.critical("consumer halted", service=self._service, reason=self.halted)

    def _read(self, record: ConsumerRecord) -> tuple[type[Event], Envelope[Event]]:
        topic = _topic_of(record)
        contract = self._contracts.get(topic)
        if contract is None or record.value is None:
            raise MalformedEvent(f"{self._service} does not hear {topic!r}")
        return contract, from_record(contract, record.value, list(record.headers), livemode=self._livemode)

    async def _hand(
        self, handler: Handler, heard: Sequence[_Heard], consumer: AIOKafkaConsumer | None
    ) -> list[_Guilty]:
        """Let the handler take the messages, in ever smaller parts if it must be, and return those it cannot take."""
        failure = await self._attempt(handler, heard, consumer)
        if failure is None:
            for topic, messages in Counting(one.record.topic for one in heard).items():
                DELIVERED.labels(topic).inc(messages)
            return []
        parts = _smaller(heard)
        if len(parts) == 1:
            return [_Guilty(heard[0].record, failure, attempts=ATTEMPTS_MAX)]
        return [guilty for part in parts for guilty in await self._hand(handler, part, consumer)]

    async def _attempt(
        self, handler: Handler, heard: Sequence[_Heard], consumer: AIOKafkaConsumer | None
    ) -> Exception | None:
        """Return none when the handler took the messages, else the failure that is theirs."""
        attempts = delays = 0
        while True:
            try:
                await handler([one.envelope for one in heard])
            except Exception as failure:
                delays += 1
                if is_infrastructure(failure):
                    RETRIED.labels("infrastructure").inc()
                    if delays % 20 == 1 and not isinstance(failure, LostRace):
                        log.warning("waiting for the surroundings", service=self._service, failure=repr(failure)[:300])
                else:
                    RETRIED.labels("message").inc()
                    attempts += 1
                    if attempts == ATTEMPTS_MAX:
                        return failure
                # Who lost a race has nothing to wait for but the other's write.
                await self._rest(_delay_seconds(0 if isinstance(failure, LostRace) else delays), consumer)
            else:
                return None

    async def _bury(self, guilty: _Guilty, consumer: AIOKafkaConsumer | None) -> None:
        record = guilty.record
        topic, reason = _topic_of(record), _reason(record, guilty.failure)
        log.error(
            "message buried", service=self._service, topic=topic, at=[record.partition, record.offset], reason=reason
        )
        place = {"topic": topic, "partition": record.partition, "offset": record.offset, "attempts": guilty.attempts}
        # Names leave the log when they are erased, so their bytes may not live on in a dead letter.
        value = b"" if topic == BeneficiaryNamed.topic else record.value
        headers = [
            *((name, text) for name, text in record.headers if text is not None and not name.startswith("dead_")),
            *((f"dead_{name}", str(text).encode()) for name, text in place.items()),
            ("dead_reason", reason.encode()),
        ]
        delays = 0
        while True:
            try:
                await (await self._dead_letters.send(f"dead.{self._service}", (record.key, value, headers)))
                break
            except KafkaError:
                delays += 1
                await self._rest(_delay_seconds(delays), consumer)
        DEAD.labels(topic).inc()

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
            # Whatever became of the assignment: the batch at hand has to take effect, here or where it is read again.
            log.warning("polling failed while waiting", service=self._service, failure=repr(failure)[:300])
        finally:
            self._polled_at = time.monotonic()
            consumer.resume(*consumer.assignment())


def _smaller(heard: Sequence[_Heard]) -> list[list[_Heard]]:
    """Split by aggregate; one aggregate alone, by message."""
    parts: dict[str, list[_Heard]] = {}
    for one in heard:
        parts.setdefault(one.envelope.subject, []).append(one)
    if len(parts) > 1:
        return list(parts.values())
    return [[one] for one in heard]


def _topic_of(record: ConsumerRecord) -> str:
    """The topic that the message was told on; a replayed one carries it along."""
    if record.topic.startswith("replay."):
        told = next((text for name, text in record.headers if name == "dead_topic"), None)
        return bytes(told or b"").decode(errors="replace")
    return str(record.topic)


def _reason(record: ConsumerRecord, failure: Exception) -> str:
    """Say why a message failed; of one that tells a name only the kind, since a message may quote its input."""
    kind = type(failure).__name__
    return kind if _topic_of(record) == BeneficiaryNamed.topic else f"{kind}: {failure}"[:1000]


def _delay_seconds(delays: int) -> float:
    return min(RETRY_DELAY_SECONDS * 2.0 ** min(delays, 10), RETRY_DELAY_SECONDS_MAX)
