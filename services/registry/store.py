"""What the registry remembers in MongoDB: pages, never changed, and how far each project's pages are published."""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import AsyncIterator, Callable, Iterable, Sequence
from datetime import datetime, timedelta
from typing import Any

from pymongo.errors import DuplicateKeyError

from services.registry.domain import Batch, Entry, Known, Page, events_of
from shared.messaging.delivery import LostRace
from shared.messaging.outbox import LEASE_SECONDS, SET_ASIDE_SECONDS, Parcel, clock

# Pages that a relay takes on at once: many enough to keep Kafka busy, few enough for a lease.
PAGES_PER_CLAIM = 20
# Pages that are decoded at once, while nothing else can run.
PAGES_PER_READ = 100
Document = dict[str, Any]


def _page_id(project_id: str, sequence: int) -> str:
    return f"{project_id}.{sequence:012d}"


class Store:
    """The ledger's pages by project and sequence."""

    def __init__(self, database: Any, *, livemode: bool, wake: Callable[[], None]) -> None:
        self._pages = database["pages"]
        self._places = database["places"]
        self._database = database
        self._livemode = livemode
        self._wake = wake
        self._owner = ""
        # By project the newest page that was seen; there may be newer ones.
        self._newest: dict[str, int] = {}

    async def prepare(self) -> None:
        """Create the indexes; the unique one on entry keys is what keeps a decision from being made twice."""
        await self._pages.create_index("entries.key", unique=True)
        await self._pages.create_index("batches.prefix")
        await self._pages.create_index("entries.allocations.batch_id", sparse=True)

    async def ping(self) -> None:
        """Raise PyMongoError when the database does not answer."""
        await self._database.command("ping")

    def close(self) -> None:
        """Let the database go."""
        self._database.client.close()

    async def last_page(self, project_id: str) -> Page | None:
        """Return the newest page of a project."""
        sequence = await self._newest_of(project_id)
        return await self.page(project_id, sequence) if sequence else None

    async def page(self, project_id: str, sequence: int) -> Page | None:
        """Return one page."""
        found = await self._pages.find_one({"_id": _page_id(project_id, sequence)})
        return _page(found) if found else None

    async def entries(self, keys: Iterable[str]) -> dict[str, Known]:
        """Return the entries of all projects that exist under these keys, without fetching the pages around them."""
        wanted = list(dict.fromkeys(keys))
        these = {"$filter": {"input": "$entries", "as": "entry", "cond": {"$in": ["$$entry.key", wanted]}}}
        found = self._pages.aggregate(
            [
                {"$match": {"entries.key": {"$in": wanted}}},
                {"$project": {"project_id": 1, "sequence": 1, "entries": these}},
            ]
        )
        return {
            entry["key"]: Known(page["project_id"], page["sequence"], Entry(**entry))
            async for page in found
            for entry in page["entries"]
        }

    async def append(self, page: Page) -> None:
        """Insert the next page. Raises LostRace when its place or one of its keys is taken."""
        try:
            await self._pages.insert_one(
                {"_id": _page_id(page.project_id, page.sequence), **page.model_dump(mode="json")}
            )
        except DuplicateKeyError:
            raise LostRace(f"page {page.sequence} of {page.project_id} was written by another") from None
        self._newest[page.project_id] = page.sequence
        self._wake()

    async def project_ids(self) -> list[str]:
        """Return the ids of all projects that have a chain, in order."""
        return sorted(place["_id"] for place in await self._places.find({}, {"_id": 1}).to_list(None))

    async def projects(self) -> list[Page]:
        """Return the newest page of every listed project, by id."""
        pages = await asyncio.gather(*(self.last_page(project_id) for project_id in await self.project_ids()))
        return [page for page in pages if page and page.listing]

    async def open_place(self, project_id: str) -> None:
        """Let the relay know of a project; called before its first page is written."""
        await self._places.update_one({"_id": project_id}, {"$setOnInsert": {"next": 1}}, upsert=True)

    async def raw_pages(self, project_id: str, *, after: int = 0, limit: int = 0) -> AsyncIterator[Document]:
        """Yield a project's pages as they are stored, in order."""
        newest = await self._newest_of(project_id)
        end = min(newest, after + limit) if limit else newest
        for first in range(after + 1, end + 1, PAGES_PER_READ):
            beyond = min(first + PAGES_PER_READ, end + 1)
            for page in await self._pages.find(_these(project_id, first, beyond)).sort("_id", 1).to_list(None):
                del page["_id"]
                yield page

    async def page_with(self, key: str) -> Page | None:
        """Return the page that holds the entry of this key."""
        found = await self._pages.find_one({"entries.key": key})
        return _page(found) if found else None

    async def project_of(self, prefix: str) -> str | None:
        """Return the project that has a batch whose serials share this text."""
        found = await self._pages.find_one({"batches.prefix": prefix}, {"project_id": 1})
        return found["project_id"] if found else None

    async def batch_of(self, prefix: str) -> Batch | None:
        """Return the batch whose serials share this text, as it stands now."""
        project_id = await self.project_of(prefix)
        last = await self.last_page(project_id) if project_id else None
        return next((batch for batch in last.batches if batch.prefix == prefix), None) if last else None

    async def pages_allocating(self, batch_id: str, from_gram: int, to_gram: int) -> list[Page]:
        """Return the pages with allocations of the batch inside the half-open gram range."""
        inside = {"batch_id": batch_id, "from_gram": {"$lt": to_gram}, "to_gram": {"$gt": from_gram}}
        query = {
            "entries.allocations.batch_id": batch_id,
            "entries": {"$elemMatch": {"allocations": {"$elemMatch": inside}}},
        }
        return [_page(found) async for found in self._pages.find(query).sort("_id", 1)]

    # The ledger as the source of its own events.

    def adopt(self, owner: str) -> None:
        """Take leases in this name from now on."""
        self._owner = owner

    async def take(self, *, now: datetime) -> list[Parcel]:
        """Lease the projects with unpublished pages, and return these pages in order."""
        free = {"$or": [{"lease": None}, {"lease.until": {"$lt": now}}]}
        parcels: list[Parcel] = []
        places = {_page_id(place["_id"], place["next"]): place for place in await self._places.find(free).to_list(None)}
        async for unpublished in self._pages.find({"_id": {"$in": list(places)}}, {"_id": 1}):
            place = places[unpublished["_id"]]
            pages = await self._pages_from(place["_id"], place["next"])
            until = now + timedelta(seconds=LEASE_SECONDS)
            lease = {"owner": self._owner, "token": secrets.token_hex(8), "until": until}
            taken = await self._places.update_one(
                {"_id": place["_id"], "next": place["next"], **free}, {"$set": {"lease": lease}}
            )
            if taken.matched_count:
                envelopes = tuple(envelope for page in pages for envelope in events_of(page, livemode=self._livemode))
                mark = (place["_id"], lease["token"], pages[-1].sequence + 1)
                parcels.append(Parcel(envelopes, until=until, mark=mark))
        return parcels

    async def renew(self, parcels: Sequence[Parcel]) -> None:
        """Make the leases longer."""
        until = clock() + timedelta(seconds=LEASE_SECONDS)
        for parcel in parcels:
            project_id, token, _ = parcel.mark
            await self._places.update_one({"_id": project_id, "lease.token": token}, {"$set": {"lease.until": until}})

    async def set_aside(self, parcel: Parcel) -> None:
        """Let nobody publish the project's pages for ten minutes."""
        project_id, token, _ = parcel.mark
        until = clock() + timedelta(seconds=SET_ASIDE_SECONDS)
        await self._places.update_one(
            {"_id": project_id, "lease.token": token}, {"$set": {"lease.until": until, "lease.owner": None}}
        )

    async def settle(self, parcels: Sequence[Parcel]) -> None:
        """Move the places past what was published, and end the leases."""
        for parcel in parcels:
            project_id, token, beyond = parcel.mark
            await self._places.update_one(
                {"_id": project_id, "lease.token": token}, {"$set": {"next": beyond}, "$unset": {"lease": ""}}
            )

    async def release(self) -> None:
        """End all leases of this owner."""
        await self._places.update_many({"lease.owner": self._owner}, {"$unset": {"lease": ""}})

    async def _pages_from(self, project_id: str, sequence: int) -> list[Page]:
        query = _these(project_id, sequence, sequence + PAGES_PER_CLAIM)
        return [_page(page) for page in await self._pages.find(query).sort("_id", 1).to_list(None)]

    async def _newest_of(self, project_id: str) -> int:
        """Return the sequence of the newest page, 0 without one: from one that is known to be there on, by name."""
        newest = self._newest.get(project_id)
        if newest is None:
            # All before the relay's place are there, since they are published.
            place = await self._places.find_one({"_id": project_id})
            newest = place["next"] - 1 if place else 0
        while True:
            ahead = _these(project_id, newest + 1, newest + 1 + PAGES_PER_CLAIM)
            found = await self._pages.find(ahead, {"_id": 1}).to_list(None)
            newest += len(found)
            if len(found) < PAGES_PER_CLAIM:
                self._newest[project_id] = newest
                return newest


def _these(project_id: str, first: int, beyond: int) -> Document:
    """The pages by name: SecantusDB reads a whole collection for a range of ids, and sorts before it limits."""
    return {"_id": {"$in": [_page_id(project_id, sequence) for sequence in range(first, beyond)]}}


def _page(document: Document) -> Page:
    return Page.model_validate({name: value for name, value in document.items() if name != "_id"})
