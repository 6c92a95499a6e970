"""What was retired for an order, and what a serial stands for: by a few reads, however long the ledger is."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Annotated

from fastapi import Query
from pydantic import BaseModel, Field

from services.registry.domain.claims import end_of, grams_of, is_cancelled, is_retired, touches
from services.registry.domain.ledger import Entry, Page
from services.registry.domain.registrar import identity_key
from services.registry.domain.serials import parse
from services.registry.store.store import Store
from shared.contracts.registry import Allocation
from shared.refusal import Refusal
from shared.sentence import Sentence

FromGram = Annotated[int, Query(ge=0, le=10**15, description="`next_cursor` of the answer before")]


class NothingThere(Refusal):
    """Nothing is known under this id (404)."""

    code = "not_found"


class Retirement(BaseModel):
    """What was cancelled for good: of a serial, or for an order. Gram ranges are half-open."""

    livemode: bool
    project_id: str
    page: int
    page_hash: str
    day: str
    order_id: str
    allocations: tuple[Allocation, ...]


class Retirements(BaseModel):
    """The claims that a serial, or an order, stands for, in the order of their grams."""

    data: list[Retirement]
    retired: bool
    cancelled: Annotated[bool, Field(description="without a claim, for another reason")] = False
    claimed_g: Annotated[int, Field(description="grams of the serial, range or order that are claimed, on all pages")]
    has_more: bool = False
    next_cursor: str | None = None


async def retirement_of_order(store: Store, order_id: str, *, livemode: bool) -> Retirements:
    """Return what was retired for an order. Raises NothingThere when nothing was."""
    page = await store.page_with(f"end:{order_id}")
    mine = [entry for entry in page.entries if entry.order_id == order_id and entry.allocations] if page else []
    if page is None or not mine:
        raise NothingThere(Sentence("Nothing is retired for the order {order}.", order=order_id))
    claimed = sum(part.to_gram - part.from_gram for entry in mine for part in entry.allocations or ())
    return Retirements(data=_of_page(page, mine, livemode=livemode), retired=True, claimed_g=claimed)


async def retirement_of_serial(store: Store, text: str, *, livemode: bool, cursor: int = 0, limit: int) -> Retirements:
    """Return the claims that touch a serial, or a range, from a gram of the batch's line on.

    Raises NotASerial, or NothingThere for one never issued.
    """
    serials = parse(text)
    last = await store.head_of_identity(identity_key(serials.standard, serials.place, serials.project))
    batch = next((batch for batch in last.batches if batch.prefix == serials.prefix), None) if last else None
    grams = grams_of(batch, serials) if batch else None
    if last is None or batch is None or grams is None:
        raise NothingThere(Sentence("The serial {serial} was never issued here.", serial=text))
    claimed = range(grams.start, max(grams.start, min(grams.stop, batch.allocated)))
    left = range(max(claimed.start, cursor), claimed.stop)
    data: list[Retirement] = []
    seen = 0
    while left and len(data) < limit:
        page = await store.page_allocating(last.project_id, batch.batch_id, left.start, after=seen)
        assert page is not None, "what is allocated was allocated by a page"
        found = [entry for entry in page.entries if touches(entry, batch, left)][: limit - len(data)]
        data += _of_page(page, found, livemode=livemode)
        seen, left = page.sequence, range(end_of(found[-1], batch), left.stop)
    return Retirements(
        data=data,
        retired=is_retired(batch, grams),
        cancelled=is_cancelled(batch, grams),
        claimed_g=len(claimed),
        has_more=bool(left),
        next_cursor=str(left.start) if left else None,
    )


def _of_page(page: Page, entries: Iterable[Entry], *, livemode: bool) -> list[Retirement]:
    return [
        Retirement(
            livemode=livemode,
            project_id=page.project_id,
            page=page.sequence,
            page_hash=page.hash,
            day=page.day,
            order_id=entry.order_id or "",
            allocations=entry.allocations or (),
        )
        for entry in entries
    ]
