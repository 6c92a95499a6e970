"""The state while one page is being decided: what is known, what the batches have, what will stand on the page."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from services.registry.domain.ledger import Entry, Page
from shared.contracts import Cause


@dataclass(frozen=True)
class Known:
    """An entry that is written, and where: keys are unique over all projects."""

    project_id: str
    sequence: int
    entry: Entry


class Book:
    """The state of one project; it lives for one call of `next_page`."""

    def __init__(self, project_id: str, last: Page | None, known: Mapping[str, Known]) -> None:
        self.project_id = project_id
        self.known = {key: found.entry for key, found in known.items()}
        self.elsewhere = {key: found.project_id for key, found in known.items() if found.project_id != project_id}
        self.entries: list[Entry] = []
        self.listing = last.listing if last else None
        self.batches = {batch.batch_id: batch for batch in last.batches} if last else {}

    def has_made(self, key: str, content_hash: str) -> bool:
        """Whether this project and this very content made the entry of the key."""
        first = self.known.get(key)
        return first is not None and first.content_hash == content_hash and key not in self.elsewhere

    def move(self, batch_id: str, **grams: int) -> None:
        """Add to figures of a batch."""
        batch = self.batches[batch_id]
        figures = {figure: getattr(batch, figure) + change for figure, change in grams.items()}
        assert min(figures.values()) >= 0, f"batch {batch_id} cannot come to {figures}"
        self.batches[batch_id] = batch.model_copy(update=figures)

    def say(self, cause: Cause, *, order_id: str, **content: object) -> None:
        """Record an entry that is told; the order's events count from 1."""
        told = (self.known.get(f"{key}:{order_id}") for key in ("hold", "end", "postrefused"))
        sequence = 1 + sum(1 for entry in told if entry is not None and entry.sequence is not None)
        self.record(cause, sequence, order_id=order_id, **content)

    def record(self, cause: Cause, sequence: int | None, **content: object) -> None:
        """Put an entry on the page, with the sequence of the event that it tells."""
        entry = Entry.model_validate(
            {**content, "sequence": sequence, "cause": cause.id, "traceparent": cause.traceparent}
        )
        self.known[entry.key] = entry
        self.entries.append(entry)
