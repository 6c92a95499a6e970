"""State and events in one write: events lie in the document that changed until the relay has published them.

A document with an outbox has `version` (writes are conditional on it), `said` (how many events its aggregate has told),
`outbox` (what is not yet published, oldest first), and as long as something lies there `lease`: which relay publishes
it, and until when nobody else may. Whoever writes the first event takes the lease in the same write and hands the
events to its own relay; whoever adds one while another holds the lease leaves it to that one. A lease that has ended is
what a crash has left: the next sweep takes it over and publishes all of the outbox again.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Protocol

from motor.motor_asyncio import AsyncIOMotorCollection
from pymongo.errors import DuplicateKeyError

from shared.contracts import EVENTS, Cause, Envelope, Event
from shared.messaging.broker import REQUEST_TIMEOUT_MS
from shared.messaging.delivery import LostRace

# Long enough that a request of a relay that lost its lease has ended before another one takes over.
LEASE_SECONDS = 3 * REQUEST_TIMEOUT_MS / 1000
SET_ASIDE_SECONDS = 600
PARCELS_MAX = 50
# What is written while Kafka is away for long is left to the sweep, which reads it from its documents.
FRESH_MAX = 5_000
SWEEP = timedelta(seconds=1)
CONTRACTS = {event.topic: event for event in EVENTS}
ENDED = datetime.fromtimestamp(0, UTC)
Document = dict[str, Any]


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
    # Why it cannot be published, ever: what lies there does not fit its contract any more.
    failure: Exception | None = None


class Source(Protocol):
    """A place where unpublished events lie."""

    def adopt(self, owner: str) -> None:
        """Take leases in this name from now on: that of the replica, the same after a restart."""

    async def take(self, *, now: datetime) -> list[Parcel]:
        """Return what is to be published and nobody else is publishing; an empty list when there is nothing."""

    async def renew(self, parcels: Sequence[Parcel]) -> None:
        """Make the leases longer, because what is under way may take long."""

    async def settle(self, parcels: Sequence[Parcel]) -> None:
        """Forget what was published; what was added meanwhile is taken next."""

    async def set_aside(self, parcel: Parcel) -> None:
        """Leave a parcel that cannot be published for a while, so that all others go on."""

    async def release(self) -> None:
        """End all leases of this owner, as after its restart or when Kafka does not take its parcels."""


def packed(events: Sequence[Event], *, said: int, now: datetime, cause: Cause, livemode: bool) -> list[Envelope[Event]]:
    """Return the events of one aggregate in their envelopes.

    The id is `<subject>.<sequence>`: whoever decides the same again tells the same event again.
    """
    return [
        Envelope(
            id=f"{getattr(event, event.subject)}.{sequence}",
            time=now,
            sequence=sequence,
            livemode=livemode,
            data=event,
            cause_id=cause.id,
            traceparent=cause.traceparent,
        )
        for sequence, event in enumerate(events, start=said + 1)
    ]


def _to_document(envelope: Envelope[Event]) -> Document:
    return {
        "id": envelope.id,
        "topic": envelope.data.topic,
        "time": envelope.time,
        "sequence": envelope.sequence,
        "livemode": envelope.livemode,
        "cause": envelope.cause_id,
        "traceparent": envelope.traceparent,
        "data": envelope.data.model_dump(mode="json"),
    }


def _from_document(document: Document) -> Envelope[Event]:
    return Envelope(
        id=document["id"],
        time=document["time"].replace(tzinfo=UTC),
        sequence=document["sequence"],
        livemode=document["livemode"],
        data=CONTRACTS[document["topic"]].model_validate(document["data"]),
        cause_id=document["cause"],
        traceparent=document["traceparent"],
    )


class Outbox:
    """One collection whose documents carry their own events."""

    def __init__(
        self, collection: AsyncIOMotorCollection[Document], *, livemode: bool, wake: Callable[[], None]
    ) -> None:
        self._collection = collection
        self._livemode = livemode
        self._wake = wake
        self._owner = ""
        # Of this process alone: after a restart the same owner is another holder.
        self._token = secrets.token_hex(8)
        self._fresh: list[Parcel] = []
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
            whole |= {"outbox": [_to_document(envelope) for envelope in envelopes], "lease": lease}
        try:
            await self._collection.insert_one(whole)
        except DuplicateKeyError:
            # A repeat may break several unique indexes at once, and which one the server names is its own affair.
            if await self._collection.find_one({"_id": whole["_id"]}, {"_id": 1}):
                return False
            raise
        self._hand_over(whole["_id"], envelopes, lease)
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
        update: Document = {
            "$set": {**fields, "version": document["version"] + 1, "said": document["said"] + len(envelopes)}
        }
        if not envelopes:
            if (await self._collection.update_one(loaded, update)).matched_count:
                return
        else:
            update["$push"] = {"outbox": {"$each": [_to_document(envelope) for envelope in envelopes]}}
            lease = self._lease()
            leased = {**update, "$set": {**update["$set"], "lease": lease}}
            if (await self._collection.update_one({**loaded, "lease": None}, leased)).matched_count:
                self._hand_over(document["_id"], envelopes, lease)
                return
            # Somebody is publishing an earlier event of this document, and finds this one when that is done.
            if (await self._collection.update_one({**loaded, "lease": {"$ne": None}}, update)).matched_count:
                return
        raise LostRace(f"{self._collection.name} {document['_id']} has changed since version {document['version']}")

    # The outbox as a source of the relay.

    def adopt(self, owner: str) -> None:
        """Take leases in this name from now on."""
        self._owner = owner

    async def take(self, *, now: datetime) -> list[Parcel]:
        """Return what this process has written just now, and now and then what lies under leases that have ended."""
        fresh, self._fresh = self._fresh[:PARCELS_MAX], self._fresh[PARCELS_MAX:]
        parcels = [parcel for parcel in fresh if parcel.until > now]
        if not parcels or now >= self._next_sweep:
            self._next_sweep = now + SWEEP
            taken = {parcel.mark for parcel in parcels}
            parcels += [parcel for parcel in await self._take_over(now) if parcel.mark not in taken]
        return parcels

    async def renew(self, parcels: Sequence[Parcel]) -> None:
        """Make the leases longer."""
        until = clock() + timedelta(seconds=LEASE_SECONDS)
        await self._collection.update_many(self._mine(parcels), {"$set": {"lease.until": until}})

    async def set_aside(self, parcel: Parcel) -> None:
        """Let nobody take the document for ten minutes."""
        until = clock() + timedelta(seconds=SET_ASIDE_SECONDS)
        await self._collection.update_many(self._mine([parcel]), {"$set": {"lease.until": until, "lease.owner": None}})

    async def settle(self, parcels: Sequence[Parcel]) -> None:
        """Take published events out of their documents and end the leases."""
        mine = self._mine(parcels)
        sent = [envelope.id for parcel in parcels for envelope in parcel.envelopes]
        # The usual case: one event, and none was added.
        settled = await self._collection.update_many(
            {**mine, "outbox.0.id": {"$in": sent}, "outbox.1": {"$exists": False}},
            {"$set": {"outbox": []}, "$unset": {"lease": ""}},
        )
        if settled.modified_count == len(parcels):
            return
        unsent = {"$filter": {"input": "$outbox", "as": "lying", "cond": {"$not": [{"$in": ["$$lying.id", sent]}]}}}
        lease = {"$cond": [{"$eq": ["$outbox", []]}, "$$REMOVE", "$lease"]}
        await self._collection.update_many(mine, [{"$set": {"outbox": unsent}}, {"$set": {"lease": lease}}])
        self._fresh += [_parcel(document) async for document in self._collection.find(mine, {"outbox": 1, "lease": 1})]
        self._wake()

    async def release(self) -> None:
        """End all leases of this owner; the next sweep of any replica takes them over."""
        self._fresh.clear()
        await self._collection.update_many(
            {"lease.until": {"$gt": ENDED}, "lease.owner": self._owner}, {"$set": {"lease.until": ENDED}}
        )

    async def _take_over(self, now: datetime) -> list[Parcel]:
        ended: Document = {"lease.until": {"$lt": now}}
        found = await self._collection.find(ended, {"_id": 1}).limit(PARCELS_MAX).to_list(PARCELS_MAX)
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

    def _hand_over(self, document_id: str, envelopes: Sequence[Envelope[Event]], lease: Document) -> None:
        if envelopes and len(self._fresh) < FRESH_MAX:
            self._fresh.append(Parcel(tuple(envelopes), until=lease["until"], mark=document_id))
            self._wake()


def _parcel(document: Document) -> Parcel:
    until, document_id = document["lease"]["until"].replace(tzinfo=UTC), document["_id"]
    try:
        return Parcel(tuple(map(_from_document, document["outbox"])), until=until, mark=document_id)
    except (KeyError, ValueError) as failure:
        return Parcel((), until=until, mark=document_id, failure=failure)
