"""What a page publishes: its events follow from the page alone, so that the ledger is its own outbox."""

from __future__ import annotations

from datetime import date, datetime, time
from zoneinfo import ZoneInfo

from services.registry.domain.ledger import Entry, Listing, Page
from shared.contracts.event import Envelope, Event
from shared.contracts.registry import CreditsHeld, CreditsRefused, CreditsRetired, LedgerPlace, ProjectListed

BUSINESS_ZONE = ZoneInfo("Asia/Shanghai")


def business_day(moment: datetime) -> str:
    """Return the day of a moment in Asia/Shanghai, as pages carry it."""
    return moment.astimezone(BUSINESS_ZONE).date().isoformat()


def events_of(page: Page, *, livemode: bool) -> list[Envelope[Event]]:
    """Return the events of a page in the order of its entries.

    The id is `<project>.<page>.<entry>`; the time is the page's day at 00:00 and orders nothing.
    """
    midnight = datetime.combine(date.fromisoformat(page.day), time(), BUSINESS_ZONE)
    return [
        Envelope(
            id=f"{page.project_id}.{page.sequence}.{index}",
            time=midnight,
            sequence=entry.sequence,
            livemode=livemode,
            data=event,
            cause_id=entry.cause,
            traceparent=entry.traceparent,
        )
        for index, entry in enumerate(page.entries)
        if entry.sequence is not None and (event := _event(page, entry)) is not None
    ]


def listed(project_id: str, listing: Listing) -> ProjectListed:
    """Return the listing as it is published."""
    published = set(ProjectListed.model_fields)
    fields = {name: value for name, value in listing.model_dump().items() if name in published}
    return ProjectListed(project_id=project_id, listing_version=listing.version, **fields)


def _event(page: Page, entry: Entry) -> Event | None:
    about = {"order_id": entry.order_id, "project_id": page.project_id}
    match entry.kind:
        case "listing":
            # Two versions in one page do not occur: a registrar's command is a page of its own.
            return listed(page.project_id, page.listing) if page.listing else None
        case "hold":
            return CreditsHeld.model_validate({**about, "grams": entry.grams})
        case "hold_refused":
            return CreditsRefused.model_validate(
                {
                    **about,
                    "phase": "hold",
                    "reason": entry.reason,
                    "available_grams": entry.available_grams,
                    "unit_price_fen": entry.unit_price_fen,
                    "listing_version": entry.listing_version,
                }
            )
        case "burn" | "post_refused":
            return CreditsRefused.model_validate({**about, "phase": "post", "reason": entry.reason})
        case "post":
            place = LedgerPlace(sequence=page.sequence, page_hash=page.hash)
            return CreditsRetired.model_validate({**about, "allocations": entry.allocations or (), "ledger": place})
        case _:
            return None
