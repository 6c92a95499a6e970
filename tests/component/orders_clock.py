"""A clock that a test sets, for a replica of orders and for its sandbox."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from datetime import datetime, timedelta

from shared.messaging import outbox


class Clock:
    """A clock that can be put forward, and stand still; it begins behind, since no consumer takes a future event."""

    def __init__(self) -> None:
        self._ahead = timedelta(hours=-2)
        self._stands_at: datetime | None = None

    def __call__(self) -> datetime:
        return (self._stands_at or outbox.clock()) + self._ahead

    @contextlib.contextmanager
    def standing(self) -> Iterator[None]:
        """Let no time pass, so that nothing falls due while a test looks at what is there before."""
        self._stands_at = outbox.clock()
        try:
            yield
        finally:
            self._stands_at = None

    def forward(self, **by: float) -> None:
        self._ahead += timedelta(**by)
