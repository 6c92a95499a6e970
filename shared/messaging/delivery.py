"""How a batch of records reaches its handlers: at least once, in order, and past the guilty message.

Two classes of failure. *Infrastructure* (database or broker away, a lost race): wait and try again without limit,
nothing is dropped. *Message* (undecodable, against its contract, any other exception): a few tries, then aggregate by
aggregate, then message by message, so that only the guilty one goes to `dead.<service>` with its bytes and the reason.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import structlog
from aiokafka import AIOKafkaConsumer, ConsumerRecord
from aiokafka.errors import KafkaError
from prometheus_client import Counter
from pymongo.errors import ExecutionTimeout, OperationFailure, PyMongoError, WTimeoutError

from shared.contracts import BeneficiaryNamed, Envelope, Event, MalformedEvent, from_record
from shared.messaging.broker import Producer

Handler = Callable[[Sequence[Any]], Awaitable[None]]
Hears = Mapping[type[Event], Handler]

ATTEMPTS_MAX = 3
DEAD_IN_A_ROW_MAX = 100
RETRY_DELAY_SECONDS = 0.05
RETRY_DELAY_SECONDS_MAX = 2.0

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


def is_infrastructure(failure: BaseException) -> bool:
    """Say whether the failure is of the surroundings and may pass by itself, whatever the message says."""
    if isinstance(failure, OperationFailure):
        return isinstance(failure, ExecutionTimeout | WTimeoutError) or failure.has_error_label("RetryableWriteError")
    return isinstance(failure, PyMongoError | KafkaError | LostRace | OSError | TimeoutError)


class Delivery:
    """The way from a poll of one service to its handlers; `halted` says why it stopped, if it did."""

    def __init__(self, hears: Hears, *, service: str, livemode: bool, dead_letters: Producer) -> None:
        self._hears = hears
        self._contracts = {event.topic: event for event in hears}
        self._service = service
        self._livemode = livemode
        self._dead_letters = dead_letters
        self._dead_in_a_row = 0
        self.halted: str | None = None

    @property
    def topics(self) -> tuple[str, ...]:
        """The topics to read: what the service hears, and what is replayed to it alone."""
        return (*self._contracts, f"replay.{self._service}")

    async def deliver(self, records: Iterable[ConsumerRecord], consumer: AIOKafkaConsumer | None = None) -> None:
        """Return when every record has taken effect or lies on the dead letter topic."""
        by_handler: dict[Handler, list[_Heard]] = {}
        for record in records:
            # A null is a compacted topic's deletion or heartbeat: it tells nothing.
            if record.value is None:
                continue
            try:
                contract, envelope = self._read(record)
            except MalformedEvent as wrong:
                await self._bury(record, wrong, attempts=1, consumer=consumer)
                continue
            by_handler.setdefault(self._hears[contract], []).append(_Heard(record, envelope))
        for handler, heard in by_handler.items():
            await self._hand(handler, heard, consumer)

    def _read(self, record: ConsumerRecord) -> tuple[type[Event], Envelope[Event]]:
        topic = _topic_of(record)
        contract = self._contracts.get(topic)
        if contract is None or record.value is None:
            raise MalformedEvent(f"{self._service} does not hear {topic!r}")
        return contract, from_record(contract, record.value, list(record.headers), livemode=self._livemode)

    async def _hand(self, handler: Handler, heard: Sequence[_Heard], consumer: AIOKafkaConsumer | None) -> None:
        failure = await self._attempt(handler, heard, consumer)
        if failure is None:
            self._dead_in_a_row = 0
            for one in heard:
                DELIVERED.labels(one.record.topic).inc()
            return
        parts = _smaller(heard)
        if len(parts) == 1:
            await self._bury(heard[0].record, failure, attempts=ATTEMPTS_MAX, consumer=consumer)
            return
        for part in parts:
            await self._hand(handler, part, consumer)

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
                await _rest(0 if isinstance(failure, LostRace) else delays, consumer)
            else:
                return None

    async def _bury(
        self, record: ConsumerRecord, reason: Exception, *, attempts: int, consumer: AIOKafkaConsumer | None
    ) -> None:
        topic = _topic_of(record)
        log.error(
            "message buried",
            service=self._service,
            topic=topic,
            at=[record.partition, record.offset],
            reason=repr(reason)[:500],
        )
        place = {"topic": topic, "partition": record.partition, "offset": record.offset, "attempts": attempts}
        # Names leave the log when they are erased, so their bytes may not live on in a dead letter.
        value = b"" if topic == BeneficiaryNamed.topic else record.value
        headers = [
            *((name, text) for name, text in record.headers if not name.startswith("dead_")),
            *((f"dead_{name}", str(text).encode()) for name, text in place.items()),
            ("dead_reason", _reason(reason).encode()),
        ]
        delays = 0
        while True:
            try:
                await (await self._dead_letters.send(f"dead.{self._service}", (record.key, value, headers)))
                break
            except KafkaError:
                delays += 1
                await _rest(delays, consumer)
        DEAD.labels(topic).inc()
        self._dead_in_a_row += 1
        if self._dead_in_a_row >= DEAD_IN_A_ROW_MAX:
            self.halted = f"{self._dead_in_a_row} messages in a row failed, the last: {_reason(reason)}"
            log.critical("consumer halted", service=self._service, reason=self.halted)
            while self.halted:
                await _rest(RETRY_DELAY_SECONDS_MAX, consumer)


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
        told = dict(record.headers).get("dead_topic", b"")
        return bytes(told).decode(errors="replace")
    return str(record.topic)


def _reason(failure: Exception) -> str:
    return f"{type(failure).__name__}: {failure}"[:1000]


async def _rest(delays: float, consumer: AIOKafkaConsumer | None) -> None:
    """Wait before another try, and keep polling meanwhile, so that the group does not take the partitions away."""
    delay = min(RETRY_DELAY_SECONDS * 2 ** min(delays, 10), RETRY_DELAY_SECONDS_MAX)
    if consumer is None or delay < 1:
        await asyncio.sleep(delay)
        return
    consumer.pause(*consumer.assignment())
    try:
        # Partitions that a rebalance brings in the meantime are not paused: what they bring is read again.
        for partition, records in (await consumer.getmany(timeout_ms=int(delay * 1000))).items():
            consumer.seek(partition, records[0].offset)
        await asyncio.sleep(RETRY_DELAY_SECONDS)
    finally:
        consumer.resume(*consumer.assignment())
