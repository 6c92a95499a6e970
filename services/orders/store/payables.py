"""What owners are due for the credits that are retired: running sums that follow the orders, each order once."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from services.orders.domain.order.machine import RETIRED
from shared.messaging.failures import LostRace
from shared.mongodb import Database, Document, DuplicateKeyError

# An order that has come to be retired is NEW from the write that retired it, until its sums are written.
NEW, COUNTED = "new", "counted"


@dataclass(frozen=True)
class Payable:
    """What a project's owner is due for the credits that are retired."""

    owner_id: str
    currency: str
    orders: int
    grams: int
    subtotal_fen: int


class Payables:
    """One document an owner and currency: the sums, and which orders were added last.

    These are no longer NEW before the next ones are written in their place, so whoever reads the document before the
    orders finds none that is in the sums and not in that list.
    """

    def __init__(self, database: Database) -> None:
        self._payables = database["payables"]
        self._orders = database["orders"]

    async def prepare(self) -> None:
        """Create the index, and have orders counted that were retired before there were running sums."""
        await self._orders.create_index("payable", sparse=True)
        if await self._payables.find_one({}) is None:
            uncounted = {"state": {"$in": list(RETIRED)}, "payable": None}
            await self._orders.update_many(uncounted, {"$set": {"payable": NEW}})

    async def page(self, *, after: tuple[str, ...] | None = None, limit: int) -> list[Payable]:
        """Return what owners are due, by owner and currency, after one of these."""
        query = {"_id": {"$gt": _name(*after)}} if after else {}
        found = self._payables.find(query, {"_id": 0, "version": 0, "added": 0}, limit=limit, sort=[("_id", 1)])
        return [Payable(**document) async for document in found]

    async def count(self, *, limit: int) -> int:
        """Add orders that are retired to what their owners are due; return how many were found.

        Raises LostRace when another has written a sum meanwhile.
        """
        if await self._orders.find_one({"payable": NEW}, {"_id": 1}) is None:
            return 0
        sums = {document["_id"]: document async for document in self._payables.find({})}
        found = await self._orders.find({"payable": NEW}, {"listing": 1, "priced": 1}, limit=limit).to_list(None)
        for name, orders in _by_owner(found).items():
            await self._add(name, orders, sums.get(name))
        return len(found)

    async def _add(self, name: str, orders: list[Document], sums: Document | None) -> None:
        added = set(sums["added"]) if sums else set()
        if fresh := [order for order in orders if order["_id"] not in added]:
            await self._counted(added)
            await self._write(name, fresh, sums)
        await self._counted([order["_id"] for order in orders])

    async def _write(self, name: str, orders: list[Document], sums: Document | None) -> None:
        more = {
            "orders": len(orders),
            "grams": sum(order["priced"]["grams"] for order in orders),
            "subtotal_fen": sum(order["priced"]["subtotal_fen"] for order in orders),
        }
        added = [order["_id"] for order in orders]
        if sums:
            update = {"$inc": {**more, "version": 1}, "$set": {"added": added}}
            written = await self._payables.update_one({"_id": name, "version": sums["version"]}, update)
            if written.matched_count:
                return
        else:
            listing = orders[0]["listing"]
            owner = {"owner_id": listing["owner_id"], "currency": listing["currency"]}
            try:
                await self._payables.insert_one({"_id": name, **owner, **more, "added": added, "version": 1})
            except DuplicateKeyError:
                pass
            else:
                return
        raise LostRace(f"what {name} is due was written by another")

    async def _counted(self, order_ids: Collection[str]) -> None:
        if order_ids:
            await self._orders.update_many({"_id": {"$in": list(order_ids)}}, {"$set": {"payable": COUNTED}})


def newly_payable(before: Mapping[str, Any], after: Mapping[str, Any]) -> Document:
    """Return the mark of an order that comes to be retired by this write, nothing for any other."""
    return {"payable": NEW} if after["state"] in RETIRED and before["state"] not in RETIRED else {}


def _by_owner(orders: Iterable[Document]) -> dict[str, list[Document]]:
    by_owner: dict[str, list[Document]] = {}
    for order in orders:
        listing = order["listing"]
        by_owner.setdefault(_name(listing["owner_id"], listing["currency"]), []).append(order)
    return by_owner


def _name(*owner_and_currency: str) -> str:
    return " ".join(owner_and_currency)
