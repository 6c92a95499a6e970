"""Where orders and beneficiaries lie; beside them the copies of what other services publish."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Generic, TypeVar

from services.orders.domain.beneficiary.beneficiary import Beneficiary
from services.orders.domain.order.claim import FootprintFacts
from services.orders.domain.order.machine import ENDED, TIMED, State
from services.orders.domain.order.order import Decision, Order
from services.orders.store.chains import Chains
from services.orders.store.copies import Copies
from services.orders.store.documents import (
    beneficiary_document,
    beneficiary_of,
    order_document,
    order_of,
)
from services.orders.store.payables import Payables, newly_payable
from shared.contracts.event import Cause, Event
from shared.messaging.failures import LostRace
from shared.messaging.outbox import Outbox
from shared.mongodb import Database, Document, DuplicateKeyError

Value = TypeVar("Value")
# Where somebody stands who walks orders by time and id.
Place = tuple[datetime, str]
BY_TIME = [("created_at", 1), ("_id", 1)]
LONG_AGO = datetime.fromtimestamp(0, UTC)


@dataclass(frozen=True)
class Loaded(Generic[Value]):
    """A value and the document that it was read from: a change is conditional on its version."""

    value: Value
    document: Document

    @property
    def version(self) -> int:
        """How often it was written."""
        return int(self.document["version"])


class Store:
    """All that orders remembers."""

    def __init__(self, database: Database, *, livemode: bool, wake: Callable[[], None]) -> None:
        self._database = database
        self._orders = database["orders"]
        self._beneficiaries = database["beneficiaries"]
        self.copies = Copies(database)
        self.chains = Chains(database)
        self.payables = Payables(database)
        self._order_box = Outbox(self._orders, livemode=livemode, wake=wake)
        self._beneficiary_box = Outbox(self._beneficiaries, livemode=livemode, wake=wake)

    @property
    def sources(self) -> tuple[Outbox, Outbox]:
        """Where unpublished events lie."""
        return self._beneficiary_box, self._order_box

    async def prepare(self) -> None:
        """Create the indexes; the unique one lets a footprint back at most one live order."""
        await self._orders.create_index(
            "roots", unique=True, partialFilterExpression={"live": True, "roots": {"$exists": True}}
        )
        # Servers differ in when they use a partial index, so what looks for roots has one of its own.
        await self._orders.create_index([("roots", 1), ("live", 1)])
        await self._orders.create_index([("state", 1), ("deadline", 1)])
        await self._orders.create_index([("state", 1), ("created_at", 1), ("_id", 1)])
        await self._orders.create_index([("created_at", 1), ("_id", 1)])
        await self._orders.create_index("payments.payment_id", sparse=True)
        await self._orders.create_index("settlements", name="settlement", unique=True, sparse=True)
        await self._orders.create_index("refund_at")
        await self._orders.create_index("ask_at")
        await self._orders.create_index("wish.offered.footprint_id", sparse=True)
        await self._orders.create_index("buyer.beneficiary_id")
        for part in (*self.sources, self.copies, self.chains, self.payables):
            await part.prepare()

    async def ping(self) -> None:
        """Raise MongoError when the database does not answer."""
        await self._database.command("ping")

    def close(self) -> None:
        """Let the database go."""
        self._database.client.close()

    async def order(self, order_id: str) -> Loaded[Order] | None:
        """Return an order."""
        return next(iter(await self.orders([order_id])), None)

    async def orders(self, order_ids: Iterable[str]) -> list[Loaded[Order]]:
        """Return those of the orders that exist."""
        return await self._found({"_id": {"$in": list(order_ids)}})

    async def order_of_payment(self, payment_id: str) -> Loaded[Order] | None:
        """Return the order that a payment belongs to."""
        return next(iter(await self._found({"payments.payment_id": payment_id}, limit=1)), None)

    async def waiting_for(self, footprint_ids: Iterable[str]) -> list[Loaded[Order]]:
        """Return the waiting orders that name one of the footprints."""
        return await self._found({"wish.offered.footprint_id": {"$in": list(footprint_ids)}, "state": "waiting"})

    async def waiting_since(self, before: datetime, *, after: Place | None, limit: int) -> list[Loaded[Order]]:
        """Return orders that have waited since before the moment, after a place in time and id, by these."""
        return await self._by_time({"state": "waiting"}, after=after, before=before, limit=limit)

    async def overdue(self, now: datetime, *, limit: int) -> list[Loaded[Order]]:
        """Return orders whose time is up, those first that are longest past it."""
        # State by state: of several states at once a server may read all orders that are in them.
        late = [
            loaded
            for state in TIMED
            for loaded in await self._found(
                {"state": state, "deadline": {"$lte": now}}, limit=limit, sort=[("deadline", 1)]
            )
        ]
        return sorted(late, key=lambda loaded: loaded.value.deadline or now)[:limit]

    async def giving_back(self, now: datetime, *, limit: int) -> list[Loaded[Order]]:
        """Return orders with a refund that is to be tried now, those first that have waited longest."""
        return await self._found({"refund_at": _until(now)}, limit=limit, sort=[("refund_at", 1)])

    async def unanswered(self, now: datetime, *, limit: int) -> list[Loaded[Order]]:
        """Return orders with a payment to ask the provider about now, those first that have waited longest."""
        return await self._found({"ask_at": _until(now)}, limit=limit, sort=[("ask_at", 1)])

    async def unretired(self, before: datetime) -> int:
        """Count the orders that were bought before the moment and have no answer of the registry."""
        bought = {"$elemMatch": {"state": "purchased", "at": {"$lt": before}}}
        return int(await self._orders.count_documents({"state": "purchased", "history": bought}))

    async def page(
        self, *, state: State | None, owes: bool = False, after: Place | None, limit: int
    ) -> list[Loaded[Order]]:
        """Return orders by time and id, after a place in that order.

        Only those of a state if one is named, and only those with a refund that is open if `owes`.
        """
        query: Document = {"state": state} if state else {}
        owing: Document = {"refund_at": {"$gt": LONG_AGO}} if owes else {}
        return await self._by_time({**owing, **query}, after=after, limit=limit)

    async def settled_by(self, request_id: str) -> Order | None:
        """Return the order one of whose refunds was settled by this request."""
        found = await self._found({"settlements": request_id}, limit=1)
        return found[0].value if found else None

    async def correctable(self, beneficiary_id: str, *, since: datetime, name_sequence: int) -> list[str]:
        """Return the beneficiary's orders since then with an earlier name that have, or may get, a certificate."""
        found = self._orders.find(
            {
                "buyer.beneficiary_id": beneficiary_id,
                "buyer.name_sequence": {"$lt": name_sequence},
                "created_at": {"$gte": since},
                "state": {"$nin": list(ENDED)},
            },
            {"_id": 1},
        )
        return [document["_id"] async for document in found]

    async def insert_order(self, decision: Decision, *, now: datetime, cause: Cause) -> None:
        """Insert a new order with its events.

        Raises LostRace when it is there already, or another live order has one of its footprints.
        """
        document = _to_be_counted(order_document(decision.order), live=False)
        try:
            inserted = await self._order_box.insert(document, decision.events, now=now, cause=cause)
        except DuplicateKeyError:
            inserted = False
        if not inserted:
            raise LostRace(f"{decision.order.order_id} or one of its footprints was written by another")

    async def record(self, loaded: Loaded[Order], decision: Decision, *, now: datetime, cause: Cause) -> None:
        """Write what was decided of an order as it was loaded, unless nothing was.

        Raises LostRace when it has changed since, another live order has one of its footprints, or another refund was
        settled by the same request.
        """
        before = order_document(loaded.value)
        after = _to_be_counted(order_document(decision.order), live=loaded.value.covers)
        changed = _changed(before, {**after, **newly_payable(before, after)})
        if not changed:
            return
        try:
            await self._order_box.change(loaded.document, changed, decision.events, now=now, cause=cause)
        except DuplicateKeyError:
            raise LostRace(f"a footprint or a request of {decision.order.order_id} was taken meanwhile") from None

    async def _by_time(
        self, query: Document, *, after: Place | None, before: datetime | None = None, limit: int
    ) -> list[Loaded[Order]]:
        """Return orders by time and id: at first those of the same moment behind the place, then the later ones."""
        until: Document = {"$lt": before} if before else {}
        if after is None:
            return await self._found(query | ({"created_at": until} if until else {}), limit=limit, sort=BY_TIME)
        moment, order_id = after
        same = await self._found({**query, "created_at": moment, "_id": {"$gt": order_id}}, limit=limit, sort=BY_TIME)
        if len(same) == limit:
            return same
        later = {**query, "created_at": {"$gt": moment, **until}}
        return [*same, *await self._found(later, limit=limit - len(same), sort=BY_TIME)]

    async def _found(self, query: Document, *, limit: int = 0, sort: Any = None) -> list[Loaded[Order]]:
        found = self._orders.find(query, limit=limit, sort=sort)
        return [Loaded(order_of(document), document) async for document in found]

    async def beneficiary(self, beneficiary_id: str) -> Loaded[Beneficiary] | None:
        """Return a beneficiary."""
        document = await self._beneficiaries.find_one({"_id": beneficiary_id})
        return Loaded(beneficiary_of(document), document) if document else None

    async def record_beneficiary(
        self,
        loaded: Loaded[Beneficiary] | None,
        after: Beneficiary,
        events: Sequence[Event],
        *,
        now: datetime,
        cause: Cause,
    ) -> None:
        """Write a beneficiary, a new one if none was loaded, and publish it. Raises LostRace when another was first."""
        document = beneficiary_document(after)
        if loaded:
            fields = _changed(beneficiary_document(loaded.value), document)
            await self._beneficiary_box.change(loaded.document, fields, events, now=now, cause=cause)
        elif not await self._beneficiary_box.insert(document, events, now=now, cause=cause):
            raise LostRace(f"{after.beneficiary_id} was written by another")

    async def order_hash(self, order_id: str) -> str | None:
        """Return the hash of the order's capability."""
        found = await self._orders.find_one({"_id": order_id}, {"capability_hash": 1})
        return found["capability_hash"] if found else None

    async def covering(self, root: str) -> tuple[str, str] | None:
        """Return the live order that covers a chain of footprints, and the hash of its capability."""
        found = await self._orders.find_one({"roots": root, "live": True}, {"capability_hash": 1})
        return (found["_id"], found["capability_hash"]) if found else None

    async def profile_hash(self, beneficiary_id: str) -> str | None:
        """Return the hash of the profile's capability."""
        found = await self._beneficiaries.find_one({"_id": beneficiary_id}, {"profile_hash": 1})
        return found["profile_hash"] if found else None

    async def footprint_facts(self, footprint_ids: Collection[str], *, order_id: str | None = None) -> FootprintFacts:
        """Return the facts about footprints: themselves, which are replaced, which roots others cover.

        `order_id` is the order in question: it is no other, even if the same request has made it a moment ago.
        """
        if not footprint_ids:
            return FootprintFacts({})
        found = await self.copies.footprints(footprint_ids)
        covering = self._orders.find({"roots": {"$in": [one.root for one in found]}, "live": True}, {"roots": 1})
        return FootprintFacts(
            footprints={one.footprint_id: one for one in found},
            replaced=frozenset(await self.copies.replaced(footprint_ids)),
            covered=frozenset(
                [root async for order in covering if order["_id"] != order_id for root in order["roots"]]
            ),
        )


def _until(now: datetime) -> Document:
    """Return the condition of a moment that has come; its lower end keeps a server from reading all empty ones."""
    return {"$gt": LONG_AGO, "$lte": now}


def _to_be_counted(document: Document, *, live: bool) -> Document:
    """Mark an order that begins or ceases to cover its footprints, in the write that does it: chains follow soon."""
    return {**document, "uncounted": True} if "roots" in document and document["live"] != live else document


def _changed(before: Document, after: Document) -> Document:
    return {name: value for name, value in after.items() if name not in before or before[name] != value}
