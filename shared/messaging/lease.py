"""The lease on a document: which process alone publishes its events, and until when.

In a document it is `lease: {owner, token, until}`. `owner` is a replica, the same after a restart; `token` is of one
process. A lease that has ended is anybody's. Nowhere else is one taken, renewed, lost or given back.
"""

from __future__ import annotations

import asyncio
import contextlib
import secrets
from collections.abc import AsyncIterator, Callable, Collection, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import structlog

from shared import mongodb
from shared.messaging.broker import REQUEST_TIMEOUT_MS
from shared.messaging.failures import LostRace
from shared.mongodb import Document

REQUEST_SECONDS = REQUEST_TIMEOUT_MS / 1000
# Long enough that a request of a process that lost its lease has ended before another one takes over.
LEASE_SECONDS = 3 * REQUEST_SECONDS
# Of one write to many documents: each is looked for by name, and some servers compare each with all names.
DOCUMENTS_MAX = 50
RENEWAL_RETRY_SECONDS = 1.0
ENDED = datetime.fromtimestamp(0, UTC)

log = structlog.get_logger()


class LeaseLost(LostRace):
    """Another process has taken the lease over, or will before this one can be sure that it has not."""


class Lease:
    """The lease of this process on documents of one collection; `clock` is in whole milliseconds, as they are kept."""

    def __init__(
        self,
        collection: mongodb.Collection,
        clock: Callable[[], datetime],
        *,
        seconds: float = LEASE_SECONDS,
        request_seconds: float = REQUEST_SECONDS,
    ) -> None:
        self._collection = collection
        self._clock = clock
        self.seconds, self.request_seconds = seconds, request_seconds
        self.owner = ""
        self.token = secrets.token_hex(8)
        # What this process is publishing: no document twice at a time, or its events could overtake each other.
        self.held: set[str] = set()

    def begin(self) -> Document:
        """Return a lease that begins now, to be written together with the document that it is on."""
        return {"owner": self.owner, "token": self.token, "until": self._new_end()}

    def mine(self, document_ids: Collection[str]) -> Document:
        """Return the filter for those of the documents that this process still has the lease on."""
        return {"_id": {"$in": list(document_ids)}, "lease.token": self.token}

    async def take(
        self, document_ids: Sequence[str], *, free: Mapping[str, Any], fields: Mapping[str, int] | None = None
    ) -> list[Document]:
        """Take the lease on those of the documents that are free, and return them as they are from then on."""
        wanted = [document_id for document_id in document_ids if document_id not in self.held]
        taken: list[Document] = []
        for some in _parts(wanted):
            lease = self.begin()
            await self._collection.update_many({"_id": {"$in": some}, **free}, {"$set": {"lease": lease}})
            leased = {**self.mine(some), "lease.until": lease["until"]}
            taken += await self._collection.find(leased, fields).to_list(None)
        self.held.update(document["_id"] for document in taken)
        return taken

    async def renew(self, document_ids: Collection[str]) -> datetime:
        """Make the lease longer and return its new end. Raises LeaseLost when another has taken one over."""
        until = self._new_end()
        for some in _parts(list(document_ids)):
            renewed = await self._collection.update_many(self.mine(some), {"$set": {"lease.until": until}})
            if renewed.matched_count < len(some):
                raise LeaseLost(f"another process has taken over some of {self._collection.name}: {some[:3]}")
        return until

    @contextlib.asynccontextmanager
    async def kept(self, document_ids: Collection[str], *, until: datetime) -> AsyncIterator[None]:
        """Renew the lease while inside, and break off what is inside when that is not possible. Raises LeaseLost.

        It breaks off one request's time before the end, so that a request which was begun inside has ended then.
        """
        if self._seconds_to(until) < self.seconds / 2:
            until = await self.renew(document_ids)
        try:
            async with asyncio.timeout(self._seconds_to(until) - self.request_seconds) as limit:
                renewing = asyncio.create_task(self._renew(document_ids, limit))
                try:
                    yield
                finally:
                    renewing.cancel()
                    await asyncio.wait([renewing])
        except TimeoutError:
            if not limit.expired():
                raise
            raise LeaseLost(f"the lease on {len(document_ids)} documents of {self._collection.name} ends") from None

    async def give_back(
        self, document_ids: Collection[str], *, until: datetime = ENDED, update: Mapping[str, Any] | None = None
    ) -> None:
        """Let nobody have the documents before `until`, and anybody then; `update` is written along."""
        nobodys = {"owner": None, "token": None, "until": until}
        others = dict(update or {})
        for some in _parts(list(document_ids)):
            await self._collection.update_many(
                self.mine(some), {**others, "$set": {**others.get("$set", {}), "lease": nobodys}}
            )
        self.held.difference_update(document_ids)

    async def end_all(self) -> None:
        """End what this owner has taken so far, as before a restart; what it takes from now on is no part of it."""
        self.token = secrets.token_hex(8)
        self.held.clear()
        before = {"lease.until": {"$gt": ENDED}, "lease.owner": self.owner, "lease.token": {"$ne": self.token}}
        await self._collection.update_many(before, {"$set": {"lease.until": ENDED}})

    async def _renew(self, document_ids: Collection[str], limit: asyncio.Timeout) -> None:
        loop, pause = asyncio.get_running_loop(), self.seconds / 3
        while not limit.expired():
            await asyncio.sleep(pause)
            try:
                until = await self.renew(document_ids)
            except LeaseLost:
                limit.reschedule(loop.time())
                return
            except Exception as failure:
                # There may be time for another try; if there is none, the limit breaks off what is inside.
                log.warning("lease not renewed", collection=self._collection.name, failure=repr(failure)[:200])
                pause = min(RENEWAL_RETRY_SECONDS, self.seconds / 10)
            else:
                pause = self.seconds / 3
                if not limit.expired():
                    limit.reschedule(loop.time() + self._seconds_to(until) - self.request_seconds)

    def _new_end(self) -> datetime:
        return self._clock() + timedelta(seconds=self.seconds)

    def _seconds_to(self, until: datetime) -> float:
        return (until - self._clock()).total_seconds()


def ended(now: datetime) -> Document:
    """Return the filter for documents whose lease has ended."""
    return {"lease.until": {"$lt": now}}


def _parts(document_ids: Sequence[str]) -> list[Sequence[str]]:
    return [document_ids[first : first + DOCUMENTS_MAX] for first in range(0, len(document_ids), DOCUMENTS_MAX)]
