"""How published events leave their documents: many documents a write, behind the relay's back."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, Sequence

import structlog

from shared import mongodb
from shared.messaging.lease import DOCUMENTS_MAX, Lease
from shared.mongodb import Document, InvalidOperation

# What a crash may make come twice; who publishes more waits until it is taken out.
PUBLISHED_MAX = 5_000
# A burst is published first, and what comes one by one is taken out together.
GATHER_SECONDS = 0.05
BACK_OFF_SECONDS = 0.5

log = structlog.get_logger()


class Settling:
    """What this process has published and not yet taken out, by document: the sequence of the last event."""

    def __init__(
        self, collection: mongodb.Collection, lease: Lease, *, added: Callable[[Sequence[Document]], None]
    ) -> None:
        self._collection = collection
        self._lease = lease
        self._added = added
        self._published: dict[str, int] = {}
        self._work: asyncio.Task[None] | None = None

    def note(self, published: Mapping[str, int]) -> None:
        """Have events up to these sequences taken out soon; a document to which some were added goes to `added`."""
        for document_id, sequence in published.items():
            self._published[document_id] = max(sequence, self._published.get(document_id, 0))
        if self._work is None or self._work.done():
            self._work = asyncio.create_task(self._settle(), name=f"settling {self._collection.name}")

    async def room(self) -> None:
        """Return when not too much waits."""
        if len(self._published) > PUBLISHED_MAX:
            await self.done()

    async def done(self) -> None:
        """Return when nothing waits any more."""
        if self._work:
            await asyncio.wait([self._work])

    async def _settle(self) -> None:
        await asyncio.sleep(GATHER_SECONDS)
        while self._published:
            ids = list(self._published)[:DOCUMENTS_MAX]
            some = {document_id: self._published.pop(document_id) for document_id in ids}
            try:
                for sequence in set(some.values()):
                    await self._take_out([each for each, last in some.items() if last == sequence], sequence)
            except InvalidOperation:
                # The database is closed: what is left here is published once more after the next start.
                return
            except Exception as failure:
                self._published = {**some, **self._published}
                log.warning("settling waits", collection=self._collection.name, failure=repr(failure)[:300])
                await asyncio.sleep(BACK_OFF_SECONDS)

    async def _take_out(self, document_ids: Sequence[str], sequence: int) -> None:
        mine = self._lease.mine(document_ids)
        # The usual case: nothing was added.
        emptied: Document = {"$set": {"outbox": []}, "$unset": {"lease": ""}}
        settled = await self._collection.update_many({**mine, "event_sequence": sequence}, emptied)
        if settled.modified_count == len(document_ids):
            return
        rest = {"$filter": {"input": "$outbox", "as": "event", "cond": {"$gt": ["$$event.sequence", sequence]}}}
        lease = {"$cond": [{"$eq": ["$outbox", []]}, "$$REMOVE", "$lease"]}
        await self._collection.update_many(mine, [{"$set": {"outbox": rest}}, {"$set": {"lease": lease}}])
        left = await self._collection.find(mine, {"outbox": 1, "lease": 1}).to_list(None)
        # One that was published anew while this was looked up waits for its own turn.
        self._added([document for document in left if document["_id"] not in self._published])
