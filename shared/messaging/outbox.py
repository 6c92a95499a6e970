"""State and events in one write: events lie in the document that changed until the relay has published them.

A document with an outbox has `version` (writes are conditional on it), `said` (how many events its aggregate has told),
`outbox` (what is not yet published, oldest first), and while a relay publishes, `lease`. Whoever takes over a lease
publishes all of the outbox again, so that the latest state lies on top of what its forerunner may have sent.
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
from shared.messaging.delivery import LostRace

CLAIM_MAX = 200
CONTRACTS = {event.topic: event for event in EVENTS}
Document = dict[str, Any]


def clock() -> datetime:
    """Return the present moment in UTC, in whole milliseconds, as MongoDB keeps it."""
    moment = datetime.now(UTC)
    return moment.replace(microsecond=moment.microsecond // 1000 * 1000)


@dataclass(frozen=True)
class Parcel:
    """What a relay took on: envelopes to publish in this order, and the mark that settles them."""

    envelopes: tuple[Envelope[Event], ...]
    mark: Any = None


class Source(Protocol):
    """A place where unpublished events lie."""

    async def claim(self, owner: str, *, now: datetime, lease_seconds: float) -> list[Parcel]:
        """Take on what nobody else has taken on; an empty list when there is nothing."""

    async def settle(self, parcels: Sequence[Parcel]) -> None:
        """Forget what was published."""

    async def release(self, owner: str) -> None:
        """Give up what the owner has taken on and not settled."""


def packed(
    events: Sequence[Event], *, said: int, now: datetime, cause: Cause, livemode: bool
) -> tuple[list[Document], list[Envelope[Event]]]:
    """Return the events of one aggregate as they lie in an outbox, and as envelopes.

    The id is `<subject>.<sequence>`: whoever decides the same again tells the same event again.
    """
    envelopes = [
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
    return [_to_document(envelope) for envelope in envelopes], envelopes


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

    async def prepare(self) -> None:
        """Create the index by which the sweep finds what is unpublished."""
        await self._collection.create_index("outbox.id", sparse=True)

    async def insert(
        self, document: Mapping[str, Any], events: Sequence[Event], *, now: datetime, cause: Cause
    ) -> bool:
        """Insert the document with its events; False when one with its `_id` is there already.

        Raises DuplicateKeyError when another unique index refuses it.
        """
        lying, _ = packed(events, said=0, now=now, cause=cause, livemode=self._livemode)
        whole = {**document, "version": 1, "said": len(lying)}
        if lying:
            whole["outbox"] = lying
        try:
            await self._collection.insert_one(whole)
        except DuplicateKeyError:
            # A repeat may break several unique indexes at once, and which one the server names is its own affair.
            if await self._collection.find_one({"_id": whole["_id"]}, {"_id": 1}):
                return False
            raise
        if lying:
            self._wake()
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
        lying, _ = packed(events, said=document["said"], now=now, cause=cause, livemode=self._livemode)
        update: Document = {
            "$set": {
                **fields,
                "version": document["version"] + 1,
                "said": document["said"] + len(lying),
            }
        }
        if lying:
            update["$push"] = {"outbox": {"$each": lying}}
        result = await self._collection.update_one({"_id": document["_id"], "version": document["version"]}, update)
        if result.matched_count == 0:
            raise LostRace(f"{self._collection.name} {document['_id']} has changed since version {document['version']}")
        if lying:
            self._wake()

    async def claim(self, owner: str, *, now: datetime, lease_seconds: float) -> list[Parcel]:
        """Lease documents with unpublished events, and return one parcel a document."""
        free: Document = {"$or": [{"lease": None}, {"lease.until": {"$lt": now}}]}
        unsent: Document = {"outbox.id": {"$gt": ""}}
        found = await self._collection.find({**unsent, **free}, {"_id": 1}).limit(CLAIM_MAX).to_list(CLAIM_MAX)
        if not found:
            return []
        token = secrets.token_hex(8)
        until = now + timedelta(seconds=lease_seconds)
        ids = [document["_id"] for document in found]
        await self._collection.update_many(
            {"_id": {"$in": ids}, **free}, {"$set": {"lease": {"owner": owner, "token": token, "until": until}}}
        )
        leased = self._collection.find({"_id": {"$in": ids}, "lease.token": token}, {"outbox": 1})
        return [
            Parcel(tuple(map(_from_document, document["outbox"])), mark=(document["_id"], token))
            async for document in leased
        ]

    async def settle(self, parcels: Sequence[Parcel]) -> None:
        """Take published events out of their documents and end the leases."""
        by_token: dict[str, list[Parcel]] = {}
        for parcel in parcels:
            by_token.setdefault(parcel.mark[1], []).append(parcel)
        for token, mine in by_token.items():
            await self._collection.update_many(
                {"_id": {"$in": [parcel.mark[0] for parcel in mine]}, "lease.token": token},
                {
                    "$pull": {"outbox": {"id": {"$in": [sent.id for parcel in mine for sent in parcel.envelopes]}}},
                    "$unset": {"lease": ""},
                },
            )

    async def release(self, owner: str) -> None:
        """Let others, or this replica after its restart, take on at once what the owner had leased."""
        await self._collection.update_many({"lease.owner": owner}, {"$unset": {"lease": ""}})
