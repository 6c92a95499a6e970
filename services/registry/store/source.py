"""The ledger as the source of its own events: how far each project's pages are published, and under whose lease."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime

from services.registry.domain.events import events_of
from services.registry.store.pages import PAGES_PER_CLAIM, page_id, page_of, read
from shared.contracts.event import Envelope, Event
from shared.messaging.lease import Lease, ended
from shared.messaging.outbox import clock
from shared.messaging.source import Pending
from shared.mongodb import Database, Document


class PageSource:
    """Unpublished pages by project; `newest` is the newest page of each that this replica has written or seen."""

    def __init__(self, database: Database, *, livemode: bool, newest: Mapping[str, int]) -> None:
        self._pages, self._places = database["pages"], database["places"]
        self._livemode, self._newest = livemode, newest
        self.lease = Lease(self._places, clock)
        # By project the pages that are being published, and since when some are not.
        self._taken: dict[str, _Taken] = {}
        self._since: dict[str, datetime] = {}

    async def take(self, *, now: datetime) -> list[Pending]:
        """Lease the projects with unpublished pages, and return the events of these pages in order."""
        free = {"$or": [{"lease": None}, ended(now)]}
        unpublished = await self._with_unpublished(await self._places.find(free).to_list(None))
        taken = await self.lease.take([place["_id"] for place in unpublished], free=free)
        return [await self._pending(place) for place in taken]

    def note_unpublished(self, project_id: str) -> None:
        """Note that a page of the project was just written."""
        self._since.setdefault(project_id, clock())

    async def settle(self, published: Sequence[Pending]) -> None:
        """Move the places past what was published, and end the leases."""
        for pending in published:
            project_id = pending.aggregate_id
            await self.lease.give_back([project_id], update={"$set": {"next": self._taken[project_id].after(pending)}})
            self._since.pop(project_id, None)

    async def retry_later(self, refused: Sequence[Pending], *, until: datetime) -> None:
        """Move the places past whole pages that were published, and let the rest be taken again then."""
        for pending in refused:
            project_id = pending.aggregate_id
            update = {"$set": {"next": self._taken[project_id].after(pending)}}
            await self.lease.give_back([project_id], until=until, update=update)

    async def oldest(self) -> tuple[str, datetime] | None:
        """Return the project whose unpublished page was seen here first; pages themselves have a day and no time."""
        unpublished = await self._with_unpublished(await self._places.find().to_list(None))
        self._since = {place["_id"]: self._since.get(place["_id"], clock()) for place in unpublished}
        return min(self._since.items(), key=lambda seen: seen[1], default=None)

    async def release(self) -> None:
        """End all leases of this owner."""
        await self.lease.end_all()

    async def _pending(self, place: Document) -> Pending:
        """Return the events of the project's next pages, up to the first that cannot be read."""
        project_id, until = place["_id"], place["lease"]["until"].replace(tzinfo=UTC)
        pages = await read(self._pages, project_id, place["next"], place["next"] + PAGES_PER_CLAIM)
        since = self._since.setdefault(project_id, clock())
        envelopes: list[Envelope[Event]] = []
        self._taken[project_id] = taken = _Taken(first=place["next"])
        unreadable = None
        for page in pages:
            try:
                envelopes += events_of(page_of(page), livemode=self._livemode, now=since)
            except Exception as failure:
                unreadable = None if taken.ends else failure
                break
            taken.ends.append(len(envelopes))
        return Pending(project_id, tuple(envelopes), until=until, since=since, unreadable=unreadable)

    async def _with_unpublished(self, places: Sequence[Document]) -> list[Document]:
        """Return the places whose next page is there; of those that this replica has written or seen it knows it."""
        known = [place for place in places if place["next"] <= self._newest.get(place["_id"], 0)]
        others = {page_id(place["_id"], place["next"]): place for place in places if place not in known}
        found = self._pages.find({"_id": {"$in": list(others)}}, {"_id": 1})
        return known + [others[page["_id"]] async for page in found]


@dataclass
class _Taken:
    """Pages from `first` on, and behind how many events each of them ends."""

    first: int
    ends: list[int] = field(default_factory=list)

    def after(self, pending: Pending) -> int:
        """Return the sequence of the first page that is not published whole."""
        return self.first + bisect_right(self.ends, pending.published)
