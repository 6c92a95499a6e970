"""What the registry does because of something: one page per poll and project, and the answers to the registrar."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime

from services.registry.domain.book import WrittenEntry
from services.registry.domain.commands import (
    Cancel,
    Cancellation,
    ChangeListing,
    Command,
    Hold,
    Issue,
    ListingContent,
    Post,
    Release,
    Report,
)
from services.registry.domain.decide import keys_of, next_page
from services.registry.domain.events import business_day
from services.registry.domain.ledger import Page
from services.registry.domain.open_holds import OpenHolds
from services.registry.store.pages import PAGES_PER_CLAIM
from services.registry.store.store import Store
from shared.contracts.event import Cause, Envelope
from shared.contracts.orders import OffsetPurchased, OrderClosed, OrderPlaced
from shared.messaging.failures import LostRace
from shared.messaging.retries import retry_lost_race

OrderEvent = OrderPlaced | OffsetPurchased | OrderClosed


@dataclass(frozen=True)
class Answer:
    """The page that answers a registrar, as it was written, and whether it was written before this request came."""

    page: Page
    replayed: bool


class Handlers:
    """The registry's acts."""

    def __init__(self, store: Store, clock: Callable[[], datetime]) -> None:
        self._store = store
        self._clock = clock
        self._open_holds: dict[str, OpenHolds] = {}

    async def poll(self, events: Sequence[Envelope[OrderEvent]]) -> None:
        """Decide all commands of a poll, one page per project. Raises LostRace when another replica was first."""
        by_project: dict[str, list[Command]] = {}
        for event in events:
            by_project.setdefault(event.data.project_id, []).append(_command(event))
        written = await asyncio.gather(
            *(self._write(project_id, commands) for project_id, commands in by_project.items()), return_exceptions=True
        )
        for failure in written:
            if isinstance(failure, BaseException):
                raise failure

    async def change_listing(self, project_id: str, content: ListingContent, *, seen: int, cause: Cause) -> Answer:
        """Make the next version of a listing. Raises ListingChanged, IdentityFixed, IdentityTaken, or LostRace."""
        return await self._command(project_id, ChangeListing(content=content, seen=seen, cause=cause))

    async def issue(self, project_id: str, report: Report, *, batch_id: str, cause: Cause) -> Answer:
        """Make a batch of a verified report, once. Raises the refusals of `registrar.issue`, or LostRace."""
        return await self._command(project_id, Issue(report=report, batch_id=batch_id, cause=cause))

    async def cancel(
        self, project_id: str, cancellation: Cancellation, *, cancellation_id: str, cause: Cause
    ) -> Answer:
        """Cancel whole tonnes without a claim, once. Raises the refusals of `registrar.cancel`, or LostRace."""
        command = Cancel(cancellation=cancellation, cancellation_id=cancellation_id, cause=cause)
        return await self._command(project_id, command)

    async def _command(self, project_id: str, command: Command) -> Answer:
        return await retry_lost_race(lambda: self._answer(project_id, command))

    async def _answer(self, project_id: str, command: Command) -> Answer:
        if page := await self._write(project_id, [command]):
            return Answer(page, replayed=False)
        first = await self._store.page_with(keys_of(project_id, command)[0])
        assert first is not None, "a command that adds nothing repeats one that is written"
        return Answer(first, replayed=True)

    async def _write(self, project_id: str, commands: Sequence[Command]) -> Page | None:
        """Load, decide, record; return the page that was written, none when all was answered before."""
        holds = await self._caught_up(project_id)
        last, written = holds.last, holds.entries(commands)
        written |= await self._look_up(project_id, holds, commands)
        # Entries and figures must be of one moment: else a repeat may be refused, for what it has taken itself.
        here = max((found.sequence for found in written.values() if found.project_id == project_id), default=0)
        if here > (last.sequence if last else 0):
            raise LostRace(f"page {here} of {project_id} was written by another")
        page = next_page(project_id, last, written, commands, day=business_day(self._clock()))
        if page is None:
            return None
        if last is None:
            await self._store.open_place(project_id)
        # Dropped until they are valid again: whoever loses a race, or meets a repeat, begins afresh.
        self._open_holds.pop(project_id, None)
        await self._store.append(page)
        holds.advance(page)
        self._open_holds[project_id] = holds
        return page

    async def _caught_up(self, project_id: str) -> OpenHolds:
        """Return the open holds of the project, with the pages that others have written since."""
        if holds := self._open_holds.get(project_id):
            missed = await self._store.pages_from(project_id, holds.last.sequence + 1 if holds.last else 1)
            for page in missed:
                holds.advance(page)
            if len(missed) < PAGES_PER_CLAIM:
                return holds
        return OpenHolds(await self._store.head(project_id))

    async def _look_up(self, project_id: str, holds: OpenHolds, commands: Sequence[Command]) -> dict[str, WrittenEntry]:
        first = holds.keys_to_look_up(project_id, commands, {})
        written = await self._store.entries(first)
        return written | await self._store.entries(holds.keys_to_look_up(project_id, commands, written) - first)


def _command(event: Envelope[OrderEvent]) -> Command:
    order = event.data
    match order:
        case OrderPlaced():
            return Hold(
                order_id=order.order_id, grams=order.grams, listing_version=order.listing_version, cause=event.cause
            )
        case OffsetPurchased():
            return Post(order_id=order.order_id, cause=event.cause)
        case OrderClosed():
            return Release(order_id=order.order_id, cause=event.cause)
