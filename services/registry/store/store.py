"""What the registry remembers in MongoDB: pages, never changed."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Collection, Iterable, Mapping

from services.registry.domain.book import WrittenEntry
from services.registry.domain.ledger import Entry, Page
from services.registry.store.pages import PAGES_PER_CLAIM, page_id, page_of, read, these
from services.registry.store.recounts import Recounts
from services.registry.store.source import PageSource
from shared.messaging.failures import LostRace
from shared.messaging.outbox import clock
from shared.mongodb import Database, Document, DuplicateKeyError

# Pages that are decoded at once, while nothing else can run: five of 500 entries each take some 5 ms.
PAGES_PER_READ = 5


class Store:
    """The ledger's pages by project and sequence."""

    def __init__(self, database: Database, *, livemode: bool, wake: Callable[[], None]) -> None:
        self._pages = database["pages"]
        self._places = database["places"]
        self._database = database
        self._wake = wake
        # By project the newest page that was seen; there may be newer ones.
        self._newest: dict[str, int] = {}
        # By project a page without its entries, which is the newest if it has that sequence.
        self._heads: dict[str, Page] = {}
        self.source = PageSource(database, livemode=livemode, newest=self._newest)
        self.recounts = Recounts(database, clock)

    async def prepare(self) -> None:
        """Create the one index that pages have beside their place: no decision is made twice."""
        await self._pages.create_index("entries.key", unique=True)
        await self.recounts.prepare()

    async def ping(self) -> None:
        """Raise MongoError when the database does not answer."""
        await self._database.command("ping")

    def close(self) -> None:
        """Let the database go."""
        self._database.client.close()

    async def head(self, project_id: str) -> Page | None:
        """Return the newest page of a project without its entries."""
        sequence = await self._newest_of(project_id)
        if not sequence:
            return None
        if (head := self._heads.get(project_id)) is None or head.sequence < sequence:
            await self._read_heads({project_id: sequence})
        return self._heads.get(project_id)

    async def heads(self) -> list[Page]:
        """Return the newest page of every listed project without its entries, by id.

        Two queries, however many pages there are: pages never change, so only those are read that are new here.
        """
        async for place in self._places.find({}, {"next": 1}):
            self._newest[place["_id"]] = max(place["next"] - 1, self._newest.get(place["_id"], 0))
        ahead = {page_id(project_id, newest + 1): project_id for project_id, newest in self._newest.items()}
        async for page in self._pages.find({"_id": {"$in": list(ahead)}}, {"_id": 1}):
            await self._newest_of(ahead[page["_id"]])
        newest = {project_id: sequence for project_id, sequence in self._newest.items() if sequence}
        await self._read_heads(
            {
                project_id: sequence
                for project_id, sequence in newest.items()
                if project_id not in self._heads or self._heads[project_id].sequence < sequence
            }
        )
        heads = (self._heads.get(project_id) for project_id in sorted(newest))
        return [head for head in heads if head and head.listing]

    async def page(self, project_id: str, sequence: int) -> Page | None:
        """Return one page."""
        found = await self._pages.find_one({"_id": page_id(project_id, sequence)})
        return page_of(found) if found else None

    async def entries(self, keys: Iterable[str]) -> dict[str, WrittenEntry]:
        """Return the entries of all projects that exist under these keys."""
        wanted = set(keys)
        if not wanted:
            return {}
        # Whole pages, a few at a time: to pick entries out of them costs some servers more than to send them.
        found = self._pages.find({"entries.key": {"$in": list(wanted)}}).batch_size(PAGES_PER_CLAIM)
        return {
            entry["key"]: WrittenEntry(page["project_id"], page["sequence"], Entry(**entry))
            async for page in found
            for entry in page["entries"]
            if entry["key"] in wanted
        }

    async def append(self, page: Page) -> None:
        """Insert the next page. Raises LostRace when its place or one of its keys is taken."""
        try:
            await self._pages.insert_one(
                {"_id": page_id(page.project_id, page.sequence), **page.model_dump(mode="json")}
            )
        except DuplicateKeyError:
            raise LostRace(f"page {page.sequence} of {page.project_id} was written by another") from None
        self._newest[page.project_id] = page.sequence
        self.source.note_unpublished(page.project_id)
        self._wake()

    async def project_ids(self) -> list[str]:
        """Return the ids of all projects that have a chain, in order."""
        return sorted(place["_id"] for place in await self._places.find({}, {"_id": 1}).to_list(None))

    async def open_place(self, project_id: str) -> None:
        """Let the relay know of a project; called before its first page is written."""
        await self._places.update_one({"_id": project_id}, {"$setOnInsert": {"next": 1}}, upsert=True)

    async def raw_pages(self, project_id: str, *, after: int = 0, limit: int = 0) -> AsyncIterator[Document]:
        """Yield a project's pages as they are stored, in order, reading on while the last ones are looked at."""
        newest = await self._newest_of(project_id)
        end = min(newest, after + limit) if limit else newest
        pages: list[Document] = []
        for first in range(after + 1, end + 1, PAGES_PER_READ):
            beyond = min(first + PAGES_PER_READ, end + 1)
            reading = asyncio.ensure_future(read(self._pages, project_id, first, beyond))
            try:
                for page in pages:
                    yield page
                pages = await reading
            finally:
                reading.cancel()
        for page in pages:
            yield page

    async def pages_from(self, project_id: str, sequence: int) -> list[Page]:
        """Return the pages from a sequence on, at most PAGES_PER_CLAIM of them."""
        return [page_of(page) for page in await read(self._pages, project_id, sequence, sequence + PAGES_PER_CLAIM)]

    async def page_with(self, key: str) -> Page | None:
        """Return the page that holds the entry of this key."""
        found = await self._pages.find_one({"entries.key": key})
        return page_of(found) if found else None

    async def head_of_identity(self, key: str) -> Page | None:
        """Return the head of the project whose serials begin with what this entry key says."""
        first = await self._pages.find_one({"entries.key": key}, {"project_id": 1})
        return await self.head(first["project_id"]) if first else None

    async def earlier(self, keys: Collection[str], project_id: str, sequence: int) -> set[str]:
        """Return those of the keys that are on another page: of the project before this one, or of another project."""
        found = self._pages.find(
            {"entries.key": {"$in": list(keys)}}, {"project_id": 1, "sequence": 1, "entries.key": 1}
        )
        return {
            entry["key"]
            async for page in found
            if page["project_id"] != project_id or page["sequence"] < sequence
            for entry in page["entries"]
        } & set(keys)

    async def page_allocating(self, project_id: str, batch_id: str, gram: int, *, after: int = 0) -> Page | None:
        """Return the page behind `after` that allocates a gram of the batch's line; none when it is not allocated.

        What a batch has allocated grows from page to page, so it is found by halves, in a few reads of one page each.
        """
        low, step, newest = after, 1, await self._newest_of(project_id)
        while low + step <= newest and await self._allocated(project_id, low + step, batch_id) <= gram:
            low, step = low + step, 2 * step
        high = min(low + step, newest + 1)
        while high - low > 1:
            middle = (low + high) // 2
            if await self._allocated(project_id, middle, batch_id) > gram:
                high = middle
            else:
                low = middle
        return await self.page(project_id, high) if high <= newest else None

    async def _allocated(self, project_id: str, sequence: int, batch_id: str) -> int:
        figures = {"batches.batch_id": 1, "batches.allocated": 1}
        found = await self._pages.find_one({"_id": page_id(project_id, sequence)}, figures)
        return sum(batch["allocated"] for batch in (found or {})["batches"] if batch["batch_id"] == batch_id)

    async def _read_heads(self, newest: Mapping[str, int]) -> None:
        ids = [page_id(project_id, sequence) for project_id, sequence in newest.items()]
        async for document in self._pages.find({"_id": {"$in": ids}}, {"entries": 0}):
            head = page_of({**document, "entries": []})
            there = self._heads.get(head.project_id)
            if there is None or there.sequence < head.sequence:
                self._heads[head.project_id] = head

    async def _newest_of(self, project_id: str) -> int:
        """Return the sequence of the newest page, 0 without one: from one that is known to be there on, by name."""
        newest = self._newest.get(project_id)
        if newest is None:
            # All before the relay's place are there, since they are published.
            place = await self._places.find_one({"_id": project_id})
            newest = place["next"] - 1 if place else 0
        while True:
            ahead = these(project_id, newest + 1, newest + 1 + PAGES_PER_CLAIM)
            found = await self._pages.find(ahead, {"_id": 1}).to_list(None)
            newest += len(found)
            if len(found) < PAGES_PER_CLAIM:
                self._newest[project_id] = newest
                return newest
