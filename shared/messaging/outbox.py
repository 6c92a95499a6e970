"""State and events in one write: events lie in the document that changed until the relay has published them.

A document with an outbox has `version` (writes are conditional on it), `said` (how many events its aggregate has told),
`outbox` (what is not yet published, oldest first), and as long as something lies there `lease`: which relay publishes
it, and until when nobody else may. Whoever writes the first event takes the lease in the same write and hands the
events to its own relay; whoever adds one while another holds the lease leaves it to that one. A lease that has ended is
what a crash has left: the next sweep takes it over and publishes all of the outbox again.

What is acknowledged is taken out behind the relay's back, many documents a write.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Protocol

from shared.contracts.event import Cause, Envelope, Event
from shared.messaging.broker import REQUEST_TIMEOUT_MS
from shared.messaging.failures import LostRace
from shared.messaging.packing import from_document, packed, to_document
from shared.messaging.settling import DOCUMENTS_MAX, Settling
from shared.mongodb import Collection, Document, DuplicateKeyError

# Long enough that a request of a relay that lost its lease has ended before another one takes over.
LEASE_SECONDS = 3 * REQUEST_TIMEOUT_MS / 1000
SET_ASIDE_SECONDS = 600
# Of one round: enough to keep Kafka busy.
PARCELS_MAX = 500
# What is written while Kafka is away for long is left to the sweep, which reads it from its documents.
FRESH_MAX = 5_000
SWEEP = timedelta(seconds=1)
ENDED = datetime.fromtimestamp(0, UTC)


def clock() -> datetime:
    """Return the present moment in UTC, in whole milliseconds, as MongoDB keeps it."""
    moment = datetime.now(UTC)
    return moment.replace(microsecond=moment.microsecond // 1000 * 1000)


@dataclass(frozen=True)
class Parcel:
    """What a relay took on: envelopes to publish in this order before the lease ends, and what settles them."""

    envelopes: tuple[Envelope[Event], ...]
    until: datetime
    mark: Any = None
    # When the oldest of its events happened, if the source knows it to the moment.
    since: datetime | None = None
    # Why it cannot be published, ever: what lies there does not fit its contract any more.
    failure: Exception | None = None


class Source(Protocol):
    """A place where unpublished events lie."""

    def adopt(self, owner: str) -> None:
        """Take leases in this name from now on: that of the replica, the same after a restart."""

    async def take(self, *, now: datetime) -> list[Parcel]:
        """Return what is to be published and nobody else is publishing; an empty list when there is nothing."""

    async def renew(self, parcels: Sequence[Parcel]) -> None:
        """Make the leases longer, because what is under way may take long. Raises LostRace when one is lost."""

    async def settle(self, parcels: Sequence[Parcel]) -> None:
        """Forget what was published, now or soon; what was added meanwhile is taken next."""

    async def set_aside(self, parcel: Parcel) -> None:
        """Leave a parcel that cannot be published for a while, so that all others go on."""

    async def release(self) -> None:
        """End all leases of this owner, as after its restart or when Kafka does not take its parcels."""


class Outbox:
    """One collection whose documents carry their own events."""

    def __init__(self, collection: Collection, *, livemode: bool, wake: Callable[[], None]) -> None:
        self._collection = collection
        self._livemode = livemode
        self._wake = wake
        self._owner = ""
        # Of this process alone, since its last release: after a restart the same owner is another holder.
        self._token = secrets.token_hex(8)
        self._fresh: list[Parcel] = []
        # Documents whose events are being published: of each one parcel at a time, or they could overtake each other.
        self._carried: set[str] = set()
        self._settling = Settling(collection, token=self._token, left=self._go_on)
        self._next_sweep = ENDED

    async def prepare(self) -> None:
        """Create the index by which the sweep finds leases that have ended; settled documents are not in it."""
        await self._collection.create_index("lease.until", sparse=True)

    async def insert(
        self, document: Mapping[str, Any], events: Sequence[Event], *, now: datetime, cause: Cause
    ) -> bool:
        """Insert the document with its events; False when one with its `_id` is there already.

        Raises DuplicateKeyError when another unique index refuses it.
        """
        envelopes = packed(events, said=0, now=now, cause=cause, livemode=self._livemode)
        whole = {**document, "version": 1, "said": len(envelopes)}
        lease = self._lease()
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
        envelopes = packed(events, said=document["said"], now=now, cause=cause, livemode=self._livemode)
        loaded = {"_id": document["_id"], "version": document["version"]}
        fields = {**fields, "version": document["version"] + 1, "said": document["said"] + len(envelopes)}
        update: Document = {"$set": fields}
        if not envelopes:
            if (await self._collection.update_one(loaded, update)).matched_count:
                return
        else:
            update["$push"] = {"outbox": {"$each": [to_document(envelope) for envelope in envelopes]}}
            lease = self._lease()
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

    def adopt(self, owner: str) -> None:
        """Take leases in this name from now on."""
        self._owner = owner

    async def take(self, *, now: datetime) -> list[Parcel]:
        """Return what this process has written just now, and now and then what lies under leases that have ended."""
        parcels: list[Parcel] = []
        fresh, self._fresh = self._fresh, []
        for parcel in fresh:
            if parcel.mark in self._carried or len(parcels) == PARCELS_MAX:
                self._fresh.append(parcel)
            elif parcel.until > now:
                self._carried.add(parcel.mark)
                parcels.append(parcel)
        if now >= self._next_sweep:
            found = [parcel for parcel in await self._take_over(now) if parcel.mark not in self._carried]
            self._carried.update(parcel.mark for parcel in found)
            parcels += found
            # Where some lay there may lie more.
            self._next_sweep = now if found else now + SWEEP
        return parcels

    async def renew(self, parcels: Sequence[Parcel]) -> None:
        """Make the leases longer. Raises LostRace when another has taken one over."""
        for first in range(0, len(parcels), DOCUMENTS_MAX):
            until = clock() + timedelta(seconds=LEASE_SECONDS)
            mine = self._mine(parcels[first : first + DOCUMENTS_MAX])
            renewed = await self._collection.update_many(mine, {"$set": {"lease.until": until}})
            if renewed.matched_count < len(mine["_id"]["$in"]):
                raise LostRace("another relay has taken over")

    async def set_aside(self, parcel: Parcel) -> None:
        """Let nobody take the document for ten minutes."""
        self._carried.discard(parcel.mark)
        until = clock() + timedelta(seconds=SET_ASIDE_SECONDS)
        await self._collection.update_many(self._mine([parcel]), {"$set": {"lease.until": until, "lease.owner": None}})

    async def settle(self, parcels: Sequence[Parcel]) -> None:
        """Have published events taken out of their documents, and the leases ended."""
        self._carried.difference_update(parcel.mark for parcel in parcels)
        self._settling.note({parcel.mark: _last(parcel) for parcel in parcels})
        await self._settling.room()

    async def settled(self) -> None:
        """Return when all that was published is taken out."""
        await self._settling.done()

    async def release(self) -> None:
        """End all leases of this owner so far; the next sweep of any replica takes them over."""
        await self._settling.done()
        # What is written from now on is no part of it, or its lease would end while it is being published.
        self._token = self._settling.token = secrets.token_hex(8)
        self._fresh.clear()
        self._carried.clear()
        self._next_sweep = ENDED
        await self._collection.update_many(
            {"lease.until": {"$gt": ENDED}, "lease.owner": self._owner, "lease.token": {"$ne": self._token}},
            {"$set": {"lease.until": ENDED}},
        )

    async def _take_over(self, now: datetime) -> list[Parcel]:
        ended: Document = {"lease.until": {"$lt": now}}
        found = await self._collection.find(ended, {"_id": 1}).limit(DOCUMENTS_MAX).to_list(DOCUMENTS_MAX)
        if not found:
            return []
        ids = {"$in": [document["_id"] for document in found]}
        lease = self._lease()
        await self._collection.update_many({"_id": ids, **ended}, {"$set": {"lease": lease}})
        taken = self._collection.find(
            {"_id": ids, "lease.token": self._token, "lease.until": lease["until"]}, {"outbox": 1, "lease": 1}
        )
        return [_parcel(document) async for document in taken]

    def _lease(self) -> Document:
        return {"owner": self._owner, "token": self._token, "until": clock() + timedelta(seconds=LEASE_SECONDS)}

    def _mine(self, parcels: Sequence[Parcel]) -> Document:
        return {"_id": {"$in": [parcel.mark for parcel in parcels]}, "lease.token": self._token}

    def _go_on(self, documents: Sequence[Document]) -> None:
        # What was written anew meanwhile lies there already, or is being published: never twice, or it could be late.
        mine = self._carried.union(parcel.mark for parcel in self._fresh)
        self._fresh += [_parcel(document) for document in documents if document["_id"] not in mine]
        self._wake()

    async def _hand_over(self, document_id: str, envelopes: Sequence[Envelope[Event]], lease: Document) -> None:
        if not envelopes:
            return
        if lease["token"] != self._token:
            # Written while all leases of this owner were ended: this one has come too late for that.
            late = {"_id": document_id, "lease.token": lease["token"]}
            await self._collection.update_one(late, {"$set": {"lease.until": ENDED}})
            self._next_sweep = ENDED
        elif len(self._fresh) < FRESH_MAX:
            self._fresh.append(
                Parcel(tuple(envelopes), until=lease["until"], mark=document_id, since=envelopes[0].time)
            )
        self._wake()


def _parcel(document: Document) -> Parcel:
    until, document_id = document["lease"]["until"].replace(tzinfo=UTC), document["_id"]
    try:
        envelopes = tuple(map(from_document, document["outbox"]))
        return Parcel(envelopes, until=until, mark=document_id, since=envelopes[0].time if envelopes else None)
    except (KeyError, ValueError) as failure:
        return Parcel((), until=until, mark=document_id, failure=failure)


def _last(parcel: Parcel) -> int:
    return parcel.envelopes[-1].sequence if parcel.envelopes else 0
