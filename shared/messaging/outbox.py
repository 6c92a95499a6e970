"""State and events in one write: events lie in the document that changed until the relay has published them.

A document with an outbox has `version` (writes are conditional on it), `event_sequence` (of the newest event of its
aggregate), `outbox` (what is not yet published, oldest first), and as long as something lies there a `lease`. Whoever
writes the first event takes the lease in the same write and hands the events to its own relay; whoever adds one while
another holds the lease leaves it to that one. A lease that has ended is what a crash has left: the next sweep takes it
over and publishes all of the outbox again.

What is acknowledged is taken out behind the relay's back, many documents a write.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

from shared import mongodb
from shared.contracts.event import Cause, Envelope, Event
from shared.messaging.failures import LostRace
from shared.messaging.lease import DOCUMENTS_MAX, ENDED, Lease, ended
from shared.messaging.packing import from_document, packed, to_document
from shared.messaging.settling import Settling
from shared.messaging.source import Pending
from shared.mongodb import Document, DuplicateKeyError

# Of one round: enough to keep Kafka busy.
PENDING_MAX = 500
# What is written while Kafka is away for long is left to the sweep, which reads it from its documents.
WRITTEN_MAX = 5_000
SWEEP = timedelta(seconds=1)
OLDEST_OF = 500


def clock() -> datetime:
    """Return the present moment in UTC, in whole milliseconds, as MongoDB keeps it."""
    moment = datetime.now(UTC)
    return moment.replace(microsecond=moment.microsecond // 1000 * 1000)


class Outbox:
    """One collection whose documents carry their own events."""

    def __init__(self, collection: mongodb.Collection, *, livemode: bool, wake: Callable[[], None]) -> None:
        self._collection = collection
        self._livemode = livemode
        self._wake = wake
        self.lease = Lease(collection, clock)
        # Written by this process and not yet given to the relay.
        self._written: list[Pending] = []
        self._settling = Settling(collection, self.lease, added=self._go_on)
        self._next_sweep = ENDED

    async def prepare(self) -> None:
        """Create the index by which the sweep finds leases that have ended; settled documents are not in it."""
        await self._collection.create_index("lease.until", sparse=True)
        # Documents of the first version.
        await self._collection.update_many({"said": {"$exists": True}}, {"$rename": {"said": "event_sequence"}})

    async def insert(
        self, document: Mapping[str, Any], events: Sequence[Event], *, now: datetime, cause: Cause
    ) -> bool:
        """Insert the document with its events; False when one with its `_id` is there already.

        Raises DuplicateKeyError when another unique index refuses it.
        """
        envelopes = packed(events, after=0, now=now, cause=cause, livemode=self._livemode)
        whole = {**document, "version": 1, "event_sequence": len(envelopes)}
        lease = self.lease.begin()
        if envelopes:
            whole |= {"outbox": [to_document(envelope) for envelope in envelopes], "lease": lease}
        try:
            await self._collection.insert_one(whole)
        except DuplicateKeyError:
            # A repeat may break several unique indexes at once, and which one the server names is its own affair.
            if await self._collection.find_one({"_id": whole["_id"]}, {"_id": 1}):
                return False
            raise
        await self._hand_over(whole["_id"], envelopes, lease)
        return True

    async def change(
        self,
        document: Mapping[str, Any],
        fields: Mapping[str, Any],
        events: Sequence[Event] = (),
        *,
        now: datetime,
        cause: Cause,
    ) -> None:
        """Set fields of the document as it was loaded, and add its events.

        Raises LostRace when it has changed since.
        """
        sequence = document["event_sequence"]
        envelopes = packed(events, after=sequence, now=now, cause=cause, livemode=self._livemode)
        loaded = {"_id": document["_id"], "version": document["version"]}
        fields = {**fields, "version": document["version"] + 1, "event_sequence": sequence + len(envelopes)}
        update: Document = {"$set": fields}
        if not envelopes:
            if (await self._collection.update_one(loaded, update)).matched_count:
                return
        else:
            update["$push"] = {"outbox": {"$each": [to_document(envelope) for envelope in envelopes]}}
            lease = self.lease.begin()
            leased = {**update, "$set": {**fields, "lease": lease}}
            # Who is publishing an earlier event of this document finds this one when that is done; unless it is done
            # between the first try and the second.
            for held in (False, True, False):
                free_or_held = {**loaded, "lease": {"$ne": None} if held else None}
                if (await self._collection.update_one(free_or_held, update if held else leased)).matched_count:
                    if not held:
                        await self._hand_over(document["_id"], envelopes, lease)
                    return
        raise LostRace(f"{self._collection.name} {document['_id']} has changed since version {document['version']}")

    # The outbox as a source of the relay.

    async def take(self, *, now: datetime) -> list[Pending]:
        """Return what this process has written just now, and now and then what lies under leases that have ended."""
        taken: list[Pending] = []
        written, self._written = self._written, []
        for pending in written:
            if pending.aggregate_id in self.lease.held or len(taken) == PENDING_MAX:
                self._written.append(pending)
            elif pending.until > now:
                self.lease.held.add(pending.aggregate_id)
                taken.append(pending)
        if now >= self._next_sweep:
            found = await self._collection.find(ended(now), {"_id": 1}).limit(DOCUMENTS_MAX).to_list(DOCUMENTS_MAX)
            ids = [document["_id"] for document in found]
            fields = {"outbox": 1, "lease": 1}
            taken += [_pending(document) for document in await self.lease.take(ids, free=ended(now), fields=fields)]
            # Where some lay there may lie more.
            self._next_sweep = now if found else now + SWEEP
        return taken

    async def settle(self, published: Sequence[Pending]) -> None:
        """Have published events taken out of their documents, and the leases ended."""
        self.lease.held.difference_update(pending.aggregate_id for pending in published)
        self._settling.note({pending.aggregate_id: _last(pending) for pending in published})
        await self._settling.room()

    async def settled(self) -> None:
        """Return when all that was published is taken out."""
        await self._settling.done()

    async def retry_later(self, refused: Sequence[Pending], *, until: datetime) -> None:
        """Take out of each the leading events that were published, and let the rest be taken again then."""
        await self.lease.give_back([pending.aggregate_id for pending in refused if not pending.published], until=until)
        for pending in refused:
            if published := pending.published:
                last = pending.envelopes[published - 1].sequence
                taking_out = {"$pull": {"outbox": {"sequence": {"$lte": last}}}}
                await self.lease.give_back([pending.aggregate_id], until=until, update=taking_out)

    async def oldest(self) -> tuple[str, datetime] | None:
        """Return the document whose unpublished event is the oldest, as far as the first leases to end tell."""
        waiting = self._collection.find({"lease.until": {"$gte": ENDED}}, {"outbox.time": 1})
        found = await waiting.sort("lease.until", 1).limit(OLDEST_OF).to_list(OLDEST_OF)
        times = ((document["outbox"][0]["time"], document["_id"]) for document in found if document.get("outbox"))
        time, document_id = min(times, default=(None, ""))
        return (document_id, time) if time else None

    async def release(self) -> None:
        """End all leases of this owner so far; the next sweep of any replica takes them over."""
        await self._settling.done()
        self._written.clear()
        self._next_sweep = ENDED
        await self.lease.end_all()

    def _go_on(self, documents: Sequence[Document]) -> None:
        # What was written anew meanwhile lies there already, or is being published: never twice, or it could be late.
        mine = self.lease.held.union(pending.aggregate_id for pending in self._written)
        self._written += [_pending(document) for document in documents if document["_id"] not in mine]
        self._wake()

    async def _hand_over(self, document_id: str, envelopes: Sequence[Envelope[Event]], lease: Document) -> None:
        if not envelopes:
            return
        if lease["token"] != self.lease.token:
            # Written while all leases of this owner were ended: this one has come too late for that.
            late = {"_id": document_id, "lease.token": lease["token"]}
            await self._collection.update_one(late, {"$set": {"lease.until": ENDED}})
            self._next_sweep = ENDED
        elif len(self._written) < WRITTEN_MAX:
            self._written.append(Pending(document_id, tuple(envelopes), until=lease["until"], since=envelopes[0].time))
        self._wake()


def _pending(document: Document) -> Pending:
    until, document_id = document["lease"]["until"].replace(tzinfo=UTC), document["_id"]
    try:
        envelopes = tuple(map(from_document, document["outbox"]))
        return Pending(document_id, envelopes, until=until, since=envelopes[0].time if envelopes else None)
    except (KeyError, ValueError, TypeError, AttributeError) as failure:
        return Pending(document_id, (), until=until, unreadable=failure)


def _last(pending: Pending) -> int:
    return pending.envelopes[-1].sequence if pending.envelopes else 0
