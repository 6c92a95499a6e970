"""What orders command the ledger: to hold, to post, to release. Each branch is one cell of the table in domain.md."""

from __future__ import annotations

from services.registry.domain import commands
from services.registry.domain.book import Book
from services.registry.domain.ledger import Part
from services.registry.domain.serials import serial_text
from shared.contracts.registry import Allocation

BATCHES_PER_ORDER_MAX = 20
# No order can be for more, and no event can carry more.
AVAILABLE_GRAMS_MAX = 10**15


def hold(book: Book, command: commands.Hold) -> None:
    """Hold the grams, or record why not."""
    order = command.order_id
    if f"hold:{order}" in book.written:
        return
    if f"end:{order}" in book.written:
        _refuse_hold(book, command, "closed")
    elif reason := _why_no_hold(book, command):
        _refuse_hold(book, command, reason)
    elif (parts := _split(book, command.grams)) is None:
        _refuse_hold(book, command, "too_many_batches")
    else:
        for part in parts:
            book.lines[part.batch_id].move(available=-part.grams, held=part.grams)
        book.record_event(
            command.cause, key=f"hold:{order}", kind="hold", order_id=order, grams=command.grams, parts=parts
        )


def post(book: Book, command: commands.Post) -> None:
    """Retire and allocate what is held, or record that nothing is."""
    order = command.order_id
    end, hold = book.written.get(f"end:{order}"), book.written.get(f"hold:{order}")
    if (end and end.kind == "post") or f"postrefused:{order}" in book.written or (hold and hold.kind == "burn"):
        return
    if end:
        _refuse_post(book, command, f"postrefused:{order}", "post_refused", "hold_released")
    elif hold is None:
        _refuse_post(book, command, f"hold:{order}", "burn", "hold_not_found")
    elif hold.kind == "hold_refused":
        _refuse_post(book, command, f"postrefused:{order}", "post_refused", "hold_not_found")
    else:
        allocations = tuple(_allocate(book, part) for part in hold.parts or ())
        book.record_event(
            command.cause, key=f"end:{order}", kind="post", order_id=order, grams=hold.grams, allocations=allocations
        )


def release(book: Book, command: commands.Release) -> None:
    """Give back what is held; an order that never was held is closed all the same."""
    order = command.order_id
    hold = book.written.get(f"hold:{order}")
    if f"end:{order}" in book.written or (hold and hold.kind != "hold"):
        return
    for part in hold.parts or () if hold else ():
        book.lines[part.batch_id].move(available=part.grams, held=-part.grams)
    grams = hold.grams if hold else 0
    book.record(command.cause, None, key=f"end:{order}", kind="release", order_id=order, grams=grams)


def _why_no_hold(book: Book, command: commands.Hold) -> str | None:
    if book.listing is None:
        return "project_unknown"
    if book.listing.status != "listed":
        return f"project_{book.listing.status}"
    if book.listing.version != command.listing_version:
        return "price_changed"
    if command.grams > book.available:
        return "insufficient_stock"
    return None


def _split(book: Book, grams: int) -> tuple[Part, ...] | None:
    """Take the grams from the oldest vintage on, then by number; none when that needs too many batches."""
    parts: list[Part] = []
    for line in book.oldest_first:
        if grams == 0:
            break
        if line.available:
            taken = min(grams, line.available)
            parts.append(Part(batch_id=line.batch.batch_id, grams=taken))
            grams -= taken
    return tuple(parts) if len(parts) <= BATCHES_PER_ORDER_MAX else None


def _allocate(book: Book, part: Part) -> Allocation:
    line = book.lines[part.batch_id]
    batch, start, end = line.batch, line.allocated, line.allocated + part.grams
    line.move(held=-part.grams, allocated=part.grams)
    return Allocation(
        batch_id=part.batch_id,
        from_gram=start,
        to_gram=end,
        first_serial=serial_text(batch.prefix, batch.serial_start, start),
        last_serial=serial_text(batch.prefix, batch.serial_start, end - 1),
    )


def _refuse_hold(book: Book, command: commands.Hold, reason: str) -> None:
    listing = book.listing
    book.record_event(
        command.cause,
        key=f"hold:{command.order_id}",
        kind="hold_refused",
        order_id=command.order_id,
        grams=command.grams,
        reason=reason,
        available_grams=min(book.available, AVAILABLE_GRAMS_MAX),
        unit_price_fen=listing.unit_price_fen if listing else None,
        listing_version=listing.version if listing else None,
    )


def _refuse_post(book: Book, command: commands.Post, key: str, kind: str, reason: str) -> None:
    book.record_event(command.cause, key=key, kind=kind, order_id=command.order_id, reason=reason)
