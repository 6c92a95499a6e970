"""What the ledger answers: a pure function from the last page, known entries and commands to the next page."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from services.registry.domain import commands as ask
from services.registry.domain.ledger import NO_PAGE, Batch, Entry, Listing, Page, Part, sealed
from services.registry.domain.serials import GRAMS_PER_TONNE, Serials, serial_text
from shared.contracts import Allocation, Cause

BATCHES_PER_ORDER_MAX = 20


def keys_of(project_id: str, command: ask.Command) -> tuple[str, ...]:
    """Return the keys of all entries that can matter to the command."""
    match command:
        case ask.Hold() | ask.Post() | ask.Release():
            order = command.order_id
            return f"hold:{order}", f"end:{order}", f"postrefused:{order}"
        case ask.ChangeListing():
            return (f"listing:{project_id}:{command.seen + 1}",)
        case ask.Issue():
            return (f"batch:{command.report.report_hash}",)
        case ask.Cancel():
            return (f"cancel:{command.cancellation_id}",)


def next_page(
    project_id: str, last: Page | None, known: Mapping[str, Entry], commands: Iterable[ask.Command], *, day: str
) -> Page | None:
    """Decide the commands in their order and return the page that records them; none when there is nothing to record.

    `known` holds the entries of `keys_of` the commands, as far as they exist. A command that repeats another finds
    its entry and adds nothing. Raises a Refusal for a registrar's command that does not fit.
    """
    book = _Book(project_id, last, dict(known))
    for command in commands:
        match command:
            case ask.Hold():
                book.hold(command)
            case ask.Post():
                book.post(command)
            case ask.Release():
                book.release(command)
            case ask.ChangeListing():
                book.change_listing(command)
            case ask.Issue():
                book.issue(command)
            case ask.Cancel():
                book.cancel(command)
    if not book.entries:
        return None
    return sealed(
        project_id=project_id,
        sequence=last.sequence + 1 if last else 1,
        day=day,
        previous=last.hash if last else NO_PAGE,
        entries=tuple(book.entries),
        listing=book.listing,
        batches=tuple(book.batches.values()),
    )


class _Book:
    """The state while one page is being decided; it lives for one call of `next_page`."""

    def __init__(self, project_id: str, last: Page | None, known: dict[str, Entry]) -> None:
        self.project_id = project_id
        self.known = known
        self.entries: list[Entry] = []
        self.listing = last.listing if last else None
        self.batches = {batch.batch_id: batch for batch in last.batches} if last else {}

    # What orders ask. Each branch is one cell of the table in domain.md.

    def hold(self, asked: ask.Hold) -> None:
        order = asked.order_id
        if f"hold:{order}" in self.known:
            return
        if f"end:{order}" in self.known:
            self._refuse_hold(asked, "closed")
        elif reason := self._why_no_hold(asked):
            self._refuse_hold(asked, reason)
        elif (parts := self._split(asked.grams)) is None:
            self._refuse_hold(asked, "too_many_batches")
        else:
            for part in parts:
                self._move(part.batch_id, available=-part.grams, held=part.grams)
            self._say(asked.cause, key=f"hold:{order}", kind="hold", order_id=order, grams=asked.grams, parts=parts)

    def post(self, asked: ask.Post) -> None:
        order = asked.order_id
        end, hold = self.known.get(f"end:{order}"), self.known.get(f"hold:{order}")
        if (end and end.kind == "post") or f"postrefused:{order}" in self.known or (hold and hold.kind == "burn"):
            return
        if end:
            self._refuse_post(asked, f"postrefused:{order}", "post_refused", "hold_released")
        elif hold is None:
            self._refuse_post(asked, f"hold:{order}", "burn", "hold_not_found")
        elif hold.kind == "hold_refused":
            self._refuse_post(asked, f"postrefused:{order}", "post_refused", "hold_not_found")
        else:
            allocations = tuple(self._allocate(part) for part in hold.parts or ())
            self._say(
                asked.cause, key=f"end:{order}", kind="post", order_id=order, grams=hold.grams, allocations=allocations
            )

    def release(self, asked: ask.Release) -> None:
        order = asked.order_id
        hold = self.known.get(f"hold:{order}")
        if f"end:{order}" in self.known or (hold and hold.kind != "hold"):
            return
        for part in hold.parts or () if hold else ():
            self._move(part.batch_id, available=part.grams, held=-part.grams)
        grams = hold.grams if hold else 0
        self._record(asked.cause, None, key=f"end:{order}", kind="release", order_id=order, grams=grams)

    def _why_no_hold(self, asked: ask.Hold) -> str | None:
        if self.listing is None:
            return "project_unknown"
        if self.listing.status != "listed":
            return f"project_{self.listing.status}"
        if self.listing.version != asked.listing_version:
            return "price_changed"
        if asked.grams > sum(batch.available for batch in self.batches.values()):
            return "insufficient_stock"
        return None

    def _split(self, grams: int) -> tuple[Part, ...] | None:
        """Take the grams from the oldest vintage on, then by number; none when that needs too many batches."""
        parts: list[Part] = []
        for batch in sorted(self.batches.values(), key=lambda batch: (batch.vintage, batch.number)):
            if grams and batch.available:
                taken = min(grams, batch.available)
                parts.append(Part(batch_id=batch.batch_id, grams=taken))
                grams -= taken
        return tuple(parts) if len(parts) <= BATCHES_PER_ORDER_MAX else None

    def _allocate(self, part: Part) -> Allocation:
        batch = self.batches[part.batch_id]
        start, end = batch.allocated, batch.allocated + part.grams
        self._move(part.batch_id, held=-part.grams, allocated=part.grams)
        return Allocation(
            batch_id=part.batch_id,
            from_gram=start,
            to_gram=end,
            first_serial=serial_text(batch.prefix, batch.serial_start, start),
            last_serial=serial_text(batch.prefix, batch.serial_start, end - 1),
        )

    def _refuse_hold(self, asked: ask.Hold, reason: str) -> None:
        listing = self.listing
        self._say(
            asked.cause,
            key=f"hold:{asked.order_id}",
            kind="hold_refused",
            order_id=asked.order_id,
            grams=asked.grams,
            reason=reason,
            available_grams=sum(batch.available for batch in self.batches.values()),
            unit_price_fen=listing.unit_price_fen if listing else None,
            listing_version=listing.version if listing else None,
        )

    def _refuse_post(self, asked: ask.Post, key: str, kind: str, reason: str) -> None:
        self._say(asked.cause, key=key, kind=kind, order_id=asked.order_id, reason=reason)

    # What the registrar asks.

    def change_listing(self, asked: ask.ChangeListing) -> None:
        version = self.listing.version if self.listing else 0
        content = asked.content
        key = f"listing:{self.project_id}:{asked.seen + 1}"
        if (first := self.known.get(key)) and first.content_hash == content.content_hash:
            return
        if asked.seen != version:
            raise ask.ListingChanged(f'The listing is at version {version}. Look at it and send If-Match: "{version}".')
        listing = Listing(version=version + 1, **content.model_dump())
        if self.batches and self.listing and _identity(listing) != _identity(self.listing):
            raise ask.IdentityFixed("Standard, place and code stand in serial numbers already and stay as they are.")
        self.listing = listing
        self._record(
            asked.cause,
            version + 1,
            key=key,
            kind="listing",
            listing_version=version + 1,
            unit_price_fen=listing.unit_price_fen,
            content_hash=content.content_hash,
        )

    def issue(self, asked: ask.Issue) -> None:
        report, listing = asked.report, self.listing
        key = f"batch:{report.report_hash}"
        if first := self.known.get(key):
            if first.content_hash == report.content_hash:
                return
            raise ask.ReportIssuedOtherwise(
                f"The report {report.report} was issued as batch {first.batch_id} already.", field="report"
            )
        if listing is None:
            raise ask.ListingMissing("List the project before a batch is issued for it.")
        if report.tonnes > report.verified_tonnes:
            raise ask.ExceedsVerifiedAmount(
                f"The report verifies {report.verified_tonnes} t; issue at most that, not {report.tonnes} t.",
                field="tonnes",
            )
        start = report.serial_start or 1 + max((batch.serial_end for batch in self.batches.values()), default=0)
        end = start + report.tonnes - 1
        for other in self.batches.values():
            if start <= other.serial_end and other.serial_start <= end:
                raise ask.SerialsOverlap(
                    f"Serials {start} to {end} overlap batch {other.batch_id}, which has {other.serial_start} to"
                    f" {other.serial_end}.",
                    field="serial_start",
                )
            if report.external_serial is not None and report.external_serial == other.external_serial:
                raise ask.SerialsOverlap(f"Batch {other.batch_id} has this external serial.", field="external_serial")
        number = len(self.batches) + 1
        serials = Serials(listing.standard, listing.place, listing.code, report.vintage, number, start, end)
        self.batches[asked.batch_id] = Batch(
            batch_id=asked.batch_id,
            report_hash=report.report_hash,
            prefix=serials.prefix,
            vintage=report.vintage,
            number=number,
            serial_start=start,
            serial_end=end,
            external_serial=report.external_serial,
            available=report.tonnes * GRAMS_PER_TONNE,
            held=0,
            allocated=0,
            cancelled=0,
        )
        self._record(
            asked.cause,
            None,
            key=key,
            kind="batch",
            batch_id=asked.batch_id,
            grams=report.tonnes * GRAMS_PER_TONNE,
            content_hash=report.content_hash,
        )

    def cancel(self, asked: ask.Cancel) -> None:
        wanted = asked.cancellation
        key = f"cancel:{asked.cancellation_id}"
        if key in self.known:
            return
        batch = self.batches.get(wanted.batch_id)
        if batch is None:
            raise ask.UnknownBatch(f"This project has no batch {wanted.batch_id}.", field="batch_id")
        free = batch.available // GRAMS_PER_TONNE
        if wanted.tonnes > free:
            raise ask.NotEnoughToCancel(f"Batch {batch.batch_id} has {free} free whole tonnes.", field="tonnes")
        grams = wanted.tonnes * GRAMS_PER_TONNE
        self._move(batch.batch_id, available=-grams, cancelled=grams)
        self._record(
            asked.cause,
            None,
            key=key,
            kind="cancel",
            batch_id=batch.batch_id,
            grams=grams,
            reason=wanted.reason,
            content_hash=wanted.content_hash,
        )

    # How it is written down.

    def _move(self, batch_id: str, **grams: int) -> None:
        batch = self.batches[batch_id]
        self.batches[batch_id] = batch.model_copy(
            update={figure: getattr(batch, figure) + change for figure, change in grams.items()}
        )

    def _say(self, cause: Cause, *, order_id: str, **content: object) -> None:
        """Record an entry that is told; the order's events count from 1."""
        told = (self.known.get(f"{key}:{order_id}") for key in ("hold", "end", "postrefused"))
        sequence = 1 + sum(1 for entry in told if entry is not None and entry.sequence is not None)
        self._record(cause, sequence, order_id=order_id, **content)

    def _record(self, cause: Cause, sequence: int | None, **content: object) -> None:
        entry = Entry.model_validate(
            {**content, "sequence": sequence, "cause": cause.id, "traceparent": cause.traceparent}
        )
        self.known[entry.key] = entry
        self.entries.append(entry)


def _identity(listing: Listing) -> Sequence[str]:
    return listing.standard, listing.place, listing.code
