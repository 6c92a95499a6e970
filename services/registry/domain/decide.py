"""What the ledger answers: a pure function from the last page, written entries and commands to the next page."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from services.registry.domain import orders, registrar
from services.registry.domain.book import Book, WrittenEntry
from services.registry.domain.commands import Cancel, ChangeListing, Command, Hold, Issue, Post, Release
from services.registry.domain.ledger import NO_PAGE, Page, sealed


def keys_of(project_id: str, command: Command) -> tuple[str, ...]:
    """Return the keys of all entries that can matter to the command; first the one that a registrar's command makes."""
    match command:
        case Hold() | Post() | Release():
            order = command.order_id
            return f"hold:{order}", end_key(order), f"postrefused:{order}"
        case ChangeListing():
            content = command.content
            identity = registrar.identity_key(content.standard, content.place, content.code)
            return registrar.listing_key(project_id, command.seen + 1), identity
        case Issue():
            return registrar.report_key(command.report), registrar.request_key(command.batch_id)
        case Cancel():
            return (registrar.cancellation_key(command.cancellation_id),)


def end_key(order_id: str) -> str:
    """Return the key that post and release of an order share."""
    return f"end:{order_id}"


def next_page(
    project_id: str, last: Page | None, written: Mapping[str, WrittenEntry], commands: Iterable[Command], *, day: str
) -> Page | None:
    """Decide the commands in their order and return the page that records them; none when there is nothing to record.

    `written` holds the entries of `keys_of` the commands, as far as they exist, in any project. A command that repeats
    another finds its entry and adds nothing. Raises a Refusal for a registrar's command that does not fit.
    """
    book = Book(project_id, last, written)
    for command in commands:
        match command:
            case Hold():
                orders.hold(book, command)
            case Post():
                orders.post(book, command)
            case Release():
                orders.release(book, command)
            case ChangeListing():
                registrar.change_listing(book, command)
            case Issue():
                registrar.issue(book, command)
            case Cancel():
                registrar.cancel(book, command)
    if not book.entries:
        return None
    return sealed(
        project_id=project_id,
        sequence=last.sequence + 1 if last else 1,
        day=day,
        previous=last.hash if last else NO_PAGE,
        entries=tuple(book.entries),
        listing=book.listing,
        batches=tuple(line.after for line in book.lines.values()),
    )
