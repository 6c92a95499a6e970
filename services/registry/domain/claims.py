"""Which grams of a batch's line serials stand for, and which serials the grams of a claim lie in."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from services.registry.domain.ledger import Batch, Entry
from services.registry.domain.serials import GRAMS_PER_TONNE, Serials, serial_text
from shared.contracts.registry import Allocation


@dataclass(frozen=True)
class Share:
    """The part of an allocation inside one serial; half-open, in grams of the batch's line."""

    serial: str
    from_gram: int
    to_gram: int


def grams_of(batch: Batch, serials: Serials) -> range | None:
    """Return the grams that the serials stand for; none when the batch does not have them all."""
    if not batch.serial_start <= serials.first <= serials.last <= batch.serial_end:
        return None
    first, beyond = serials.first - batch.serial_start, serials.last - batch.serial_start + 1
    return range(first * GRAMS_PER_TONNE, beyond * GRAMS_PER_TONNE)


def is_retired(batch: Batch, grams: range) -> bool:
    """Whether each of the serials is retired: a tonne is, whole, as soon as one of its grams is allocated."""
    return batch.allocated > grams.stop - GRAMS_PER_TONNE


def is_cancelled(batch: Batch, grams: range) -> bool:
    """Whether each of the serials is cancelled without a claim: those at the end of the line are."""
    issued = batch.available + batch.held + batch.allocated + batch.cancelled
    return grams.start >= issued - batch.cancelled


def touches(entry: Entry, batch: Batch, grams: range) -> bool:
    """Whether the entry allocates some of these grams."""
    return any(
        part.batch_id == batch.batch_id and part.from_gram < grams.stop and part.to_gram > grams.start
        for part in entry.allocations or ()
    )


def end_of(entry: Entry, batch: Batch) -> int:
    """Return the gram of the batch's line behind those that the entry allocates."""
    return next(part.to_gram for part in entry.allocations or () if part.batch_id == batch.batch_id)


def shares(batch: Batch, allocation: Allocation) -> Iterator[Share]:
    """Split an allocation of the batch into the serials that it touches, in order."""
    gram = allocation.from_gram
    while gram < allocation.to_gram:
        end = min(allocation.to_gram, (gram // GRAMS_PER_TONNE + 1) * GRAMS_PER_TONNE)
        yield Share(serial_text(batch.prefix, batch.serial_start, gram), gram, end)
        gram = end
