"""How published events leave their documents: many documents a write, behind the relay's back."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, Sequence

import structlog

from shared.mongodb import Collection, Document, InvalidOperation

# Of one write to many documents: each is looked for by name, and some servers compare each with all names.
DOCUMENTS_MAX = 50
# What a crash may make come twice; who publishes more waits until it is taken out.
SENT_MAX = 5_000
# A burst is published first, and what comes one by one is taken out together.
GATHER_SECONDS = 0.05
BACK_OFF_SECONDS = 0.5

log = structlog.get_logger()


class Settling:
    """What this process has published and not yet taken out, by document: the sequence of the last event."""

    def __init__(
        self,
        collection: Collection,
        *,
        token: str,
        left: Callable[[Sequence[Document]], None],
    ) -> None:
        self._collection = collection
        self.token = token
        self._left = left
        self._sent: dict[str, int] = {}
        self._work: asyncio.Task[None] | None = None

    def note(self, sent: Mapping[str, int]) -> None:
        """Have events up to these sequences taken out soon; what was added to a document since goes to `left`."""
        for document_id, sequence in sent.items():
            self._sent[document_id] = max(sequence, self._sent.get(document_id, 0))
        if self._work is None or self._work.done():
            self._work = asyncio.create_task(self._settle(), name=f"settling {self._collection.name}")

    async def room(self) -> None:
        """Return when not too much waits."""
        if len(self._sent) > SENT_MAX:
            await self.done()

    async def done(self) -> None:
        """Return when nothing waits any more."""
        if self._work:
            await asyncio.wait([self._work])

    async def _settle(self) -> None:
        await asyncio.sleep(GATHER_SECONDS)
        while self._sent:
            some = {document_id: self._sent.pop(document_id) for document_id in list(self._sent)[:DOCUMENTS_MAX]}
            try:
                for sequence in set(some.values()):
                    await self._take_out([named for named, last in some.items() if last == sequence], sequence)
            except InvalidOperation:
                # The database is closed: what is left here is published once more after the next start.
                return
            except Exception as failure:
                self._sent = {**some, **self._sent}
                log.warning("settling waits", collection=self._collection.name, failure=repr(failure)[:300])
                await asyncio.sleep(BACK_OFF_SECONDS)

    async def _take_out(self, document_ids: Sequence[str], sequence: int) -> None:
        mine = {"_id": {"$in": document_ids}, "lease.token": self.token}
        # The usual case: nothing was added.
        told: Document = {"$set": {"outbox": []}, "$unset": {"lease": ""}}
        settled = await self._collection.update_many({**mine, "said": sequence}, told)
        if settled.modified_count == len(document_ids):
            return
        unsent = {"$filter": {"input": "$outbox", "as": "lying", "cond": {"$gt": ["$$lying.sequence", sequence]}}}
        lease = {"$cond": [{"$eq": ["$outbox", []]}, "$$REMOVE", "$lease"]}
        await self._collection.update_many(mine, [{"$set": {"outbox": unsent}}, {"$set": {"lease": lease}}])
        self._left(await self._collection.find(mine, {"outbox": 1, "lease": 1}).to_list(None))
