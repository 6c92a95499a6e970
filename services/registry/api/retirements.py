"""What was retired for an order, and what a serial stands for: by a few reads, however long the ledger is."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Annotated

from fastapi import Path
from pydantic import BaseModel, Field

from services.registry.domain.claims import end_of, grams_of, is_cancelled, is_retired, touches
from services.registry.domain.ledger import Entry, Page
from services.registry.domain.registrar import identity_key
from services.registry.domain.serials import parse
from services.registry.store.store import Store
from shared.contracts.registry import Allocation
from shared.refusal import Refusal
from shared.sentence import Sentence
from shared.web.lists import ListResponse, cursor_of, place_of
from shared.web.livemode import Livemode

GRAM_PLACE = re.compile(r"([0-9]{1,15})")
OrderIdPath = Annotated[str, Path(max_length=200, description="the id of the order, `ord_` and 26 characters")]


class NothingThere(Refusal):
    """Nothing is known under this id (404)."""

    code = "not_found"


class Retirement(BaseModel):
    """What was cancelled for good: of a serial, or for an order. Gram ranges are half-open."""

    livemode: Livemode
    project_id: Annotated[str, Field(description="the project whose credits these are")]
    page: Annotated[int, Field(description="the sequence of the ledger's page that retired them")]
    page_hash: Annotated[str, Field(description="the hash of that page")]
    day: Annotated[str, Field(description="the day of that page, in Asia/Shanghai")]
    order_id: Annotated[str, Field(description="the order that claims them")]
    allocations: Annotated[tuple[Allocation, ...], Field(description="the grams that it claims, by batch")]


class RetirementOfOrder(BaseModel):
    """What was retired for an order, once for all: one entry of the ledger with up to 20 allocations."""

    data: Annotated[list[Retirement], Field(description="the one retirement of the order")]
    retired: Annotated[bool, Field(description="always true: what is not retired is 404")]
    claimed_g: Annotated[int, Field(description="the mass of all its allocations, in grams")]


class Retirements(ListResponse[Retirement]):
    """The claims that a serial or a range stands for, in the order of their grams."""

    retired: Annotated[
        bool, Field(description="whether the serial, or the whole range, is cancelled for good for claims")
    ]
    cancelled: Annotated[bool, Field(description="whether it is cancelled without a claim, for another reason")]
    claimed_g: Annotated[int, Field(description="how many of its grams are claimed, on all pages of the list")]


async def retirement_of_order(store: Store, order_id: str, *, livemode: bool) -> RetirementOfOrder:
    """Return what was retired for an order. Raises NothingThere when nothing was."""
    page = await store.page_with(f"end:{order_id}")
    mine = [entry for entry in page.entries if entry.order_id == order_id and entry.allocations] if page else []
    if page is None or not mine:
        raise NothingThere(Sentence("Nothing is retired for the order {order}.", order=order_id))
    claimed = sum(part.to_gram - part.from_gram for entry in mine for part in entry.allocations or ())
    return RetirementOfOrder(data=_of_page(page, mine, livemode=livemode), retired=True, claimed_g=claimed)


async def retirement_of_serial(
    store: Store, text: str, *, livemode: bool, cursor: str | None = None, limit: int
) -> Retirements:
    """Return the claims that touch a serial, or a range, from the gram of the batch's line on that a cursor holds.

    Raises CursorUnknown, NotASerial, or NothingThere for one never issued.
    """
    (first,) = place_of(cursor, GRAM_PLACE) if cursor else ("0",)
    serials = parse(text)
    last = await store.head_of_identity(identity_key(serials.standard, serials.place, serials.project))
    batch = next((batch for batch in last.batches if batch.prefix == serials.prefix), None) if last else None
    grams = grams_of(batch, serials) if batch else None
    if last is None or batch is None or grams is None:
        raise NothingThere(Sentence("The serial {serial} was never issued here.", serial=text))
    claimed = range(grams.start, max(grams.start, min(grams.stop, batch.allocated)))
    left = range(max(claimed.start, int(first)), claimed.stop)
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
        next_cursor=cursor_of(str(left.start)) if left else None,
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
