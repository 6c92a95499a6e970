"""What the registrar commands: listings, batches, cancellations. A repeat finds its entry and adds nothing."""

from __future__ import annotations

from services.registry.domain import commands
from services.registry.domain.book import Book
from services.registry.domain.ledger import Batch, Listing
from services.registry.domain.serials import GRAMS_PER_TONNE, Serials


def listing_key(project_id: str, version: int) -> str:
    """Each version of a project's listing is made once."""
    return f"listing:{project_id}:{version}"


def identity_key(standard: str, place: str, code: str) -> str:
    """What serials begin with belongs to one project for ever, also when that one takes another before it issues."""
    return f"identity:{standard}-{place}-{code}"


def report_key(report: commands.Report) -> str:
    """A report backs one batch of one project."""
    return f"batch:{report.report_hash}"


def request_key(batch_id: str) -> str:
    """A batch's id is made of caller and Idempotency-Key: by it both a repeat and another request are recognised."""
    return f"request:{batch_id}"


def cancellation_key(cancellation_id: str) -> str:
    """Likewise the id of a cancellation."""
    return f"cancel:{cancellation_id}"


def change_listing(book: Book, command: commands.ChangeListing) -> None:
    """Make the next version, and take its identity. Raises ListingChanged, IdentityFixed or IdentityTaken."""
    version = book.listing.version if book.listing else 0
    content = command.content
    key = listing_key(book.project_id, command.seen + 1)
    identity = identity_key(content.standard, content.place, content.code)
    if book.has_made(key, content.content_hash):
        return
    if command.seen != version:
        raise commands.ListingChanged(
            f'The listing is at version {version}. Look at it and send If-Match: "{version}".'
        )
    listing = Listing(version=version + 1, **content.model_dump())
    before = book.listing
    if book.lines and before and identity != identity_key(before.standard, before.place, before.code):
        raise commands.IdentityFixed("Standard, place and code stand in serial numbers already and stay as they are.")
    if owner := book.elsewhere.get(identity):
        raise commands.IdentityTaken(
            f"The code {content.code} of {content.standard} in {content.place} is that of the project {owner}."
            " Take another one.",
            field="code",
        )
    book.listing = listing
    book.record(
        command.cause,
        version + 1,
        key=key,
        kind="listing",
        listing_version=version + 1,
        unit_price_fen=listing.unit_price_fen,
        content_hash=content.content_hash,
    )
    if identity not in book.written:
        book.record(command.cause, None, key=identity, kind="identity")


def issue(book: Book, command: commands.Issue) -> None:
    """Make a batch of a verified report. Raises the refusals that say why there can be none."""
    report, listing = command.report, book.listing
    key, request = report_key(report), request_key(command.batch_id)
    if request in book.written and not book.has_made(request, report.content_hash):
        raise _reused()
    if book.has_made(key, report.content_hash):
        return
    if first := book.written.get(key):
        owner = book.elsewhere.get(key, book.project_id)
        raise commands.ReportIssuedOtherwise(
            f"The report {report.report} was issued as batch {first.batch_id} of the project {owner} already.",
            field="report",
        )
    if listing is None:
        raise commands.ListingMissing("List the project before a batch is issued for it.")
    if report.tonnes > report.verified_tonnes:
        raise commands.ExceedsVerifiedAmount(
            f"The report verifies {report.verified_tonnes} t; issue at most that, not {report.tonnes} t.",
            field="tonnes",
        )
    others = [line.batch for line in book.lines.values()]
    start = report.serial_start or 1 + max((other.serial_end for other in others), default=0)
    end = start + report.tonnes - 1
    for other in others:
        if start <= other.serial_end and other.serial_start <= end:
            raise commands.SerialsOverlap(
                f"Serials {start} to {end} overlap batch {other.batch_id}, which has {other.serial_start} to"
                f" {other.serial_end}.",
                field="serial_start",
            )
        if report.external_serial is not None and report.external_serial == other.external_serial:
            raise commands.SerialsOverlap(f"Batch {other.batch_id} has this external serial.", field="external_serial")
    number = len(others) + 1
    serials = Serials(listing.standard, listing.place, listing.code, report.vintage, number, start, end)
    book.add(
        Batch(
            batch_id=command.batch_id,
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
    )
    book.record(
        command.cause,
        None,
        key=key,
        kind="batch",
        batch_id=command.batch_id,
        grams=report.tonnes * GRAMS_PER_TONNE,
        content_hash=report.content_hash,
    )
    book.record(
        command.cause, None, key=request, kind="request", batch_id=command.batch_id, content_hash=report.content_hash
    )


def cancel(book: Book, command: commands.Cancel) -> None:
    """Cancel whole tonnes from the end of a batch's line. Raises KeyReused, UnknownBatch or NotEnoughToCancel."""
    wanted = command.cancellation
    key = cancellation_key(command.cancellation_id)
    if book.has_made(key, wanted.content_hash):
        return
    if key in book.written:
        raise _reused()
    line = book.lines.get(wanted.batch_id)
    if line is None:
        raise commands.UnknownBatch(f"This project has no batch {wanted.batch_id}.", field="batch_id")
    free = line.available // GRAMS_PER_TONNE
    if wanted.tonnes > free:
        raise commands.NotEnoughToCancel(f"Batch {wanted.batch_id} has {free} free whole tonnes.", field="tonnes")
    grams = wanted.tonnes * GRAMS_PER_TONNE
    line.move(available=-grams, cancelled=grams)
    book.record(
        command.cause,
        None,
        key=key,
        kind="cancel",
        batch_id=wanted.batch_id,
        grams=grams,
        reason=wanted.reason,
        content_hash=wanted.content_hash,
    )


def _reused() -> commands.KeyReused:
    return commands.KeyReused("This Idempotency-Key came with another request before. Take a new key for a new wish.")
