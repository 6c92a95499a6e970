"""What the relay publishes: the unpublished events of one aggregate, and the places where such events lie."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Protocol

from shared.contracts.event import Envelope, Event
from shared.messaging.lease import Lease


@dataclass(frozen=True)
class Refusal:
    """Why events of an aggregate are not published, and when that is tried again."""

    topic: str
    failure: str
    retry_at: datetime


@dataclass(eq=False)
class Pending:
    """Unpublished events of one aggregate, in order, under a lease that ends at `until`; and what became of them."""

    aggregate_id: str
    envelopes: tuple[Envelope[Event], ...]
    until: datetime
    # When the oldest of them happened, or was first seen here.
    since: datetime | None = None
    # Why they cannot be read from where they lie.
    unreadable: Exception | None = None
    # Ids of events that Kafka has acknowledged, and of those that it refused while it took others of their topic.
    acknowledged: set[str] = field(default_factory=set)
    refused: set[str] = field(default_factory=set)
    tries: int = 0
    refusal: Refusal | None = None

    @property
    def published(self) -> int:
        """How many of the events are acknowledged without one before them that is not."""
        for index, envelope in enumerate(self.envelopes):
            if envelope.id not in self.acknowledged:
                return index
        return len(self.envelopes)

    @property
    def is_published(self) -> bool:
        """Whether all are acknowledged."""
        return self.unreadable is None and self.published == len(self.envelopes)

    def go_on_from(self, earlier: Pending) -> None:
        """Take over what is known of these events from an earlier try under a lease of this process."""
        self.acknowledged, self.refused, self.tries = earlier.acknowledged, earlier.refused, earlier.tries
        self.since = earlier.since or self.since


class Source(Protocol):
    """A place where unpublished events lie; it reads the lease, and the relay keeps it while it publishes."""

    lease: Lease

    async def take(self, *, now: datetime) -> list[Pending]:
        """Return what is to be published and nobody else is publishing; an empty list when there is nothing."""

    async def settle(self, published: Sequence[Pending]) -> None:
        """Forget what was published, now or soon; what was added meanwhile is taken next."""

    async def retry_later(self, refused: Sequence[Pending], *, until: datetime) -> None:
        """Forget of each the leading part that was published, and let the rest be taken again then."""

    async def oldest(self) -> tuple[str, datetime] | None:
        """Return the aggregate whose unpublished event is the oldest, and since when; whoever publishes it."""

    async def release(self) -> None:
        """End all leases of this owner, as after its restart or when Kafka is away."""
