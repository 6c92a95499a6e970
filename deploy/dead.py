"""Dead letters: what lies there and why, and giving it back to the service that could not take it."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from deploy.log import whole
from shared.messaging import broker


@dataclass(frozen=True)
class DeadLetter:
    """A message that a service could not take: where it stood, why it failed, and its own bytes."""

    place: str
    buried_at: datetime
    topic: str
    subject: str
    reason: str
    attempts: int
    key: bytes | None
    value: bytes
    headers: tuple[tuple[str, bytes], ...]

    @property
    def can_be_replayed(self) -> bool:
        """Names are not kept in dead letters, so their messages come again from the service that told them."""
        return bool(self.value)


async def dead_letters(bootstrap_servers: str, service: str) -> AsyncIterator[DeadLetter]:
    """Yield the dead letters of a service, partition by partition."""
    async for record in whole(bootstrap_servers, f"dead.{service}"):
        yield _letter(record)


async def replay(bootstrap_servers: str, service: str, places: set[str]) -> int:
    """Give the letters at these places (all when none is named) to the service again; return how many.

    They go to its replay topic, not to where they came from: a compacted topic would take an old message for the
    newest, and every other service would hear it once more.
    """
    producer = broker.Producer(bootstrap_servers, replica="diandian-dead")
    count = 0
    try:
        await producer.start()
        async for letter in dead_letters(bootstrap_servers, service):
            if letter.can_be_replayed and (not places or letter.place in places):
                await (await producer.send(f"replay.{service}", (letter.key, letter.value, list(letter.headers))))
                count += 1
    finally:
        await producer.stop()
    return count


def _letter(record: Any) -> DeadLetter:
    headers = dict(record.headers)

    def text(name: str) -> str:
        return bytes(headers.get(name) or b"").decode(errors="replace")

    return DeadLetter(
        place=f"{record.partition}/{record.offset}",
        buried_at=datetime.fromtimestamp(record.timestamp / 1000, UTC),
        topic=text("dead_topic"),
        subject=text("ce_subject"),
        reason=text("dead_reason"),
        attempts=int(text("dead_attempts") or 0),
        key=record.key,
        value=record.value,
        headers=tuple(record.headers),
    )
