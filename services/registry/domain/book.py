"""The state while one page is being decided: what is written, what the batches have, what will stand on the page."""

from __future__ import annotations

import functools
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from services.registry.domain.ledger import Batch, Entry, Page
from shared.contracts.event import Cause


@dataclass(frozen=True)
class WrittenEntry:
    """An entry that is written, and where: keys are unique over all projects."""

    project_id: str
    sequence: int
    entry: Entry


@dataclass(slots=True)
class Line:
    """A batch while a page is being decided: its figures move with every entry."""

    batch: Batch
    available: int
    held: int
    allocated: int
    cancelled: int

    @classmethod
    def of(cls, batch: Batch) -> Line:
        """Begin with the figures of a batch."""
        return cls(batch, batch.available, batch.held, batch.allocated, batch.cancelled)

    def move(self, *, available: int = 0, held: int = 0, allocated: int = 0, cancelled: int = 0) -> None:
        """Add grams to the figures; together that adds nothing, and none becomes negative."""
        self.available += available
        self.held += held
        self.allocated += allocated
        self.cancelled += cancelled
        assert available + held + allocated + cancelled == 0, "grams are moved, not made"
        assert min(self.available, self.held, self.allocated, self.cancelled) >= 0, f"it cannot come to {self}"

    @property
    def after(self) -> Batch:
        """The batch with the figures as they are now."""
        figures = {name: getattr(self, name) for name in ("available", "held", "allocated", "cancelled")}
        return self.batch.model_copy(update=figures)


class Book:
    """The state of one project; it lives for one call of `next_page`."""

    def __init__(self, project_id: str, last: Page | None, written: Mapping[str, WrittenEntry]) -> None:
        self.project_id = project_id
        self.written = {key: found.entry for key, found in written.items()}
        self.elsewhere = {key: found.project_id for key, found in written.items() if found.project_id != project_id}
        self.entries: list[Entry] = []
        self.listing = last.listing if last else None
        self.lines = {batch.batch_id: Line.of(batch) for batch in last.batches} if last else {}

    @property
    def available(self) -> int:
        """Grams of all batches that nobody holds."""
        return sum([line.available for line in self.lines.values()])

    def has_made(self, key: str, content_hash: str) -> bool:
        """Whether this project and this very content made the entry of the key."""
        first = self.written.get(key)
        return first is not None and first.content_hash == content_hash and key not in self.elsewhere

    def add(self, batch: Batch) -> None:
        """Put a batch beside the others."""
        self.lines[batch.batch_id] = Line.of(batch)
        self.__dict__.pop("oldest_first", None)

    @functools.cached_property
    def oldest_first(self) -> list[Line]:
        """The batches in the order in which holds take of them."""
        return sorted(self.lines.values(), key=lambda line: (line.batch.vintage, line.batch.number))

    def record_event(self, cause: Cause, *, order_id: str, **content: object) -> None:
        """Record an entry that has an event; the events of an order count from 1."""
        sequence = 1
        for key in ("hold", "end", "postrefused"):
            entry = self.written.get(f"{key}:{order_id}")
            sequence += entry is not None and entry.sequence is not None
        self.record(cause, sequence, order_id=order_id, **content)

    def record(self, cause: Cause, sequence: int | None, **content: Any) -> None:
        """Put an entry on the page, with the sequence of its event."""
        entry = Entry(**content, sequence=sequence, cause=cause.id, traceparent=cause.traceparent)
        self.written[entry.key] = entry
        self.entries.append(entry)
