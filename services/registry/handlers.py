"""What the registry does because of something: one page per poll and project, and the answers to the registrar."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime

from services.registry.domain.at_hand import AtHand
from services.registry.domain.book import Known
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
from services.registry.domain.recount import Proof, Recount
from services.registry.store import PAGES_PER_CLAIM, Store
from shared.contracts.event import Cause, Envelope
from shared.contracts.orders import OffsetPurchased, OrderClosed, OrderPlaced
from shared.messaging.failures import LostRace
from shared.messaging.retries import retry_lost_race

OrderEvent = OrderPlaced | OffsetPurchased | OrderClosed


@dataclass(frozen=True)
class ReservesProof:
    """The last finished recount of all projects, and how long it took."""

    recounted_at: datetime
    seconds: float
    projects: tuple[Proof, ...]


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
        self._hands: dict[str, AtHand] = {}
        self.proof: ReservesProof | None = None
        # By the recount under way; when none is, by the last one.
        self.pages_counted = 0

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

    async def prove(self) -> None:
        """Recount every project from its stored pages, and keep what was found until the next time.

        It is always the whole ledger, since an edit of an old page must be found; others get their turn at every page.
        """
        began, proofs, self.pages_counted = time.monotonic(), [], 0
        for project_id in await self._store.project_ids():
            recount = Recount(project_id)
            async for page in self._store.raw_pages(project_id):
                if not recount.take(page):
                    break
                self.pages_counted += 1
                await asyncio.sleep(0)
            proofs.append(recount.proof())
        self.proof = ReservesProof(self._clock(), round(time.monotonic() - began, 3), tuple(proofs))

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
        hand = await self._caught_up(project_id)
        last, known = hand.last, hand.known(commands)
        known |= await self._look_up(project_id, hand, commands)
        # Entries and figures must be of one moment: else a repeat may be refused, for what it has taken itself.
        here = max((found.sequence for found in known.values() if found.project_id == project_id), default=0)
        if here > (last.sequence if last else 0):
            raise LostRace(f"page {here} of {project_id} was written by another")
        page = next_page(project_id, last, known, commands, day=business_day(self._clock()))
        if page is None:
            return None
        if last is None:
            await self._store.open_place(project_id)
        # Gone until it is known to be true again: whoever loses a race, or meets a repeat, begins afresh.
        self._hands.pop(project_id, None)
        await self._store.append(page)
        hand.turn(page)
        self._hands[project_id] = hand
        return page

    async def _caught_up(self, project_id: str) -> AtHand:
        """Return what is at hand of the project, with the pages that others have written since."""
        if hand := self._hands.get(project_id):
            missed = await self._store.pages_from(project_id, hand.last.sequence + 1 if hand.last else 1)
            for page in missed:
                hand.turn(page)
            if len(missed) < PAGES_PER_CLAIM:
                return hand
        return AtHand(await self._store.last_page(project_id))

    async def _look_up(self, project_id: str, hand: AtHand, commands: Sequence[Command]) -> dict[str, Known]:
        first = hand.asks(project_id, commands, {})
        known = await self._store.entries(first)
        return known | await self._store.entries(hand.asks(project_id, commands, known) - first)


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
