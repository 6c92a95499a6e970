"""The circuit breaker of a topic: open while the broker refuses one record after the other, whichever they are.

Whether a refusal is of the record or of the topic's settings shows by what becomes of others. While the breaker is
closed, records of the topic go together. When it is open one record is tried now and then, alone, until one passes.
"""

from __future__ import annotations

import asyncio
import random
from datetime import datetime, timedelta

import structlog

# Of records that were not refused before: so many in a row are the topic's fault.
REFUSALS_MAX = 3
RETRY_SECONDS = 1.0
RETRY_SECONDS_MAX = 4.0

log = structlog.get_logger()


def delay(tries: int) -> timedelta:
    """Return how long to wait after so many tries: twice as long each time, up to a limit, with jitter."""
    seconds = min(RETRY_SECONDS * 2.0 ** min(tries, 10), RETRY_SECONDS_MAX)
    return timedelta(seconds=seconds * random.uniform(0.75, 1.25))  # noqa: S311 -- jitter is no secret


class Breaker:
    """Whether records of one topic may go together, and when the next one may be tried."""

    def __init__(self, topic: str) -> None:
        self._topic = topic
        self._refusals = self._tries = 0
        # One trial at a time.
        self.trial = asyncio.Lock()
        self.retry_at: datetime | None = None
        self.failure = ""

    @property
    def is_open(self) -> bool:
        """Whether the topic refuses whatever comes."""
        return self.retry_at is not None

    def lets_through(self, now: datetime) -> bool:
        """Say whether a record may be tried alone now."""
        return self.retry_at is None or now >= self.retry_at

    def note_refusal(self, failure: Exception, *, again: bool, now: datetime) -> None:
        """Count a refusal; one that comes again says nothing about the topic."""
        self._refusals += not again
        if self._refusals >= REFUSALS_MAX:
            if not self.is_open:
                self.failure = type(failure).__name__
                log.critical("topic refuses every record", topic=self._topic, failure=repr(failure)[:300])
            self.retry_at = now + delay(self._tries)
            self._tries += 1

    def note_success(self) -> None:
        """Close: the topic takes records."""
        if self.is_open:
            log.warning("topic takes records again", topic=self._topic)
        self._refusals = self._tries = 0
        self.retry_at, self.failure = None, ""
