"""Dead letters: what lies there and why, and giving it back to the service that could not take it."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Collection, Iterable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from deploy.log import whole
from shared.contracts.event import Record
from shared.contracts.topics import EVENTS
from shared.messaging import broker

COMPACTED = frozenset(event.topic for event in EVENTS if event.kept == "compacted")
PUBLISHED = frozenset(event.topic for event in EVENTS)
PLACE = ("dead_topic", "dead_partition", "dead_offset")
# Topic, partition, offset.
Place = tuple[str, int, int]


@dataclass(frozen=True)
class DeadLetter:
    """A message that a service could not take: where it stood, why it failed, and its own bytes."""

    place: str
    dead_lettered_at: datetime
    topic: str
    stood_at: Place
    subject: str
    reason: str
    attempts: int
    key: bytes | None
    value: bytes
    headers: tuple[tuple[str, bytes], ...]

    @property
    def has_bytes(self) -> bool:
        """Of a name, which may be erased, and of what was too large for a letter, only the place is kept."""
        return bool(self.value)


@dataclass
class Replayed:
    """How many letters were given to the service again, and by place why others could not be."""

    sent: int = 0
    left: dict[str, str] = field(default_factory=dict)


async def dead_letters(bootstrap_servers: str, service: str) -> AsyncIterator[DeadLetter]:
    """Yield the dead letters of a service, partition by partition."""
    async for record in whole(bootstrap_servers, f"dead.{service}"):
        yield _letter(record)


async def replay(bootstrap_servers: str, service: str, places: Collection[str] = ()) -> Replayed:
    """Give the letters at these places (all when none is named) to the service again.

    They go to its replay topic, not to where they came from: a compacted topic would take an old message for the
    newest, and every other service would consume it once more. A letter without bytes is read where it stood.
    """

    async def letters() -> AsyncIterator[DeadLetter]:
        async for letter in dead_letters(bootstrap_servers, service):
            if not places or letter.place in places:
                yield letter

    standing = await _standing(bootstrap_servers, [letter async for letter in letters() if not letter.has_bytes])
    replayed = Replayed()
    producer = broker.Producer(bootstrap_servers, replica="diandian-dead")
    try:
        await producer.start()
        async for letter in letters():
            if not letter.has_bytes and (why := standing.why_not(letter)):
                replayed.left[letter.place] = why
                continue
            record = (letter.key, letter.value, list(letter.headers)) if letter.has_bytes else standing.record(letter)
            await (await producer.send(f"replay.{service}", record))
            replayed.sent += 1
    finally:
        await producer.stop()
    return replayed


@dataclass
class _Standing:
    """What stands on the topics of letters without bytes: at their places, and the newest of their keys."""

    at: dict[Place, Any] = field(default_factory=dict)
    newest: dict[tuple[str, bytes], Any] = field(default_factory=dict)

    def why_not(self, letter: DeadLetter) -> str | None:
        """Return none when the letter's message stands there still and is the newest of its key."""
        found = self.at.get(letter.stood_at)
        newest = found if letter.key is None else self.newest.get((letter.topic, letter.key), found)
        if newest is None:
            return "nothing stands there any more"
        if letter.topic in COMPACTED and newest is not found:
            what = "an erasure" if _erases(newest.value) else "a newer one"
            return f"{what} stands on {letter.topic} at {newest.partition}/{newest.offset}"
        return None if found is not None and found.value else "nothing stands there any more"

    def record(self, letter: DeadLetter) -> Record:
        """Return the letter's message as it stands there, with its place."""
        found = self.at[letter.stood_at]
        place = [(name, text) for name, text in letter.headers if name in PLACE]
        return found.key, found.value, [*((name, text) for name, text in found.headers if name not in PLACE), *place]


async def _standing(bootstrap_servers: str, letters: Iterable[DeadLetter]) -> _Standing:
    places = {letter.stood_at for letter in letters}
    keys = {(letter.topic, letter.key) for letter in letters}
    found = _Standing()
    topics = PUBLISHED & {letter.topic for letter in letters}
    if topics:
        async for record in whole(bootstrap_servers, *topics):
            if (place := (record.topic, record.partition, record.offset)) in places:
                found.at[place] = record
            if record.key is not None and (record.topic, record.key) in keys:
                found.newest[record.topic, record.key] = record
    return found


def _erases(value: bytes | None) -> bool:
    try:
        return value is None or json.loads(value).get("erased") is True
    except (ValueError, AttributeError, RecursionError):
        return False


def _letter(record: Any) -> DeadLetter:
    headers = dict(record.headers)

    def text(name: str) -> str:
        return bytes(headers.get(name) or b"").decode(errors="replace")

    def number(name: str) -> int:
        digits = text(name)
        return int(digits) if digits.isascii() and digits.isdigit() and len(digits) < 20 else 0

    return DeadLetter(
        place=f"{record.partition}/{record.offset}",
        dead_lettered_at=datetime.fromtimestamp(max(record.timestamp, 0) / 1000, UTC),
        topic=text("dead_topic"),
        stood_at=(text("dead_topic"), number("dead_partition"), number("dead_offset")),
        subject=text("ce_subject"),
        reason=text("dead_reason"),
        attempts=number("dead_attempts"),
        key=record.key,
        value=record.value or b"",
        headers=tuple((name, text) for name, text in record.headers if text is not None),
    )
