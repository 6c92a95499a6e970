"""Where it lies which footprint of a chain counts and how it stands: a sum over footprints and live orders."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass

from pydantic import TypeAdapter

from services.orders.domain.balance.balance import Balance, Chain, Share, Standing
from services.orders.store.copies import met_its_like
from shared.contracts.calculator import FootprintCalculated
from shared.messaging.failures import LostRace
from shared.mongodb import BulkWriteError, Database, Document, InsertOne, UpdateOne

_CHAIN = TypeAdapter(Chain)


@dataclass(frozen=True)
class Counted:
    """A chain and the version of its document."""

    chain: Chain
    version: int


@dataclass(frozen=True)
class Uncounted:
    """An order that has come to cover its footprints, or has let go of them, since chains were last counted."""

    order_id: str
    version: int
    roots: tuple[str, ...]


class Chains:
    """One document a chain, so that a balance is a sum over an index and what is left is read in pages."""

    def __init__(self, database: Database) -> None:
        self._chains = database["chains"]
        self._footprints = database["footprints"]
        self._orders = database["orders"]

    async def prepare(self) -> None:
        """Create the indexes."""
        await self._chains.create_index([("scene_id", 1), ("standing", 1), ("_id", 1)])
        await self._footprints.create_index("root")
        await self._orders.create_index("uncounted", sparse=True)

    async def chains(self, roots: Collection[str]) -> dict[str, Counted]:
        """Return those of the chains that are counted, by root."""
        found = self._chains.find({"_id": {"$in": list(roots)}})
        return {document["_id"]: Counted(_of(document), document["version"]) async for document in found}

    async def members(self, roots: Collection[str]) -> dict[str, list[FootprintCalculated]]:
        """Return the footprints of scenes that have arrived, by root."""
        by_root: dict[str, list[FootprintCalculated]] = {}
        async for document in self._footprints.find({"root": {"$in": list(roots)}, "scene_id": {"$ne": None}}):
            by_root.setdefault(document["root"], []).append(FootprintCalculated.model_validate(document))
        return by_root

    async def covering(self, roots: Collection[str]) -> dict[str, str]:
        """Return, by root, the footprint that a live order covers."""
        found = self._orders.find(
            {"roots": {"$in": list(roots)}, "live": True},
            {"priced.footprints.root": 1, "priced.footprints.footprint_id": 1},
        )
        return {one["root"]: one["footprint_id"] async for order in found for one in order["priced"]["footprints"]}

    async def record(self, before: Mapping[str, Counted], after: Iterable[Chain]) -> None:
        """Write the chains that have changed. Raises LostRace when one was written by another since; the rest are."""
        writes = [
            UpdateOne({"_id": chain.root, "version": there.version}, {"$set": _fields(chain), "$inc": {"version": 1}})
            if (there := before.get(chain.root))
            else InsertOne({"_id": chain.root, **_fields(chain), "version": 1})
            for chain in after
            if chain.root not in before or before[chain.root].chain != chain
        ]
        if not writes:
            return
        try:
            written = await self._chains.bulk_write(writes, ordered=False)
        except BulkWriteError as failure:
            if not met_its_like(failure):
                raise
            raise LostRace("a chain of footprints was counted by another") from None
        if written.matched_count + written.inserted_count < len(writes):
            raise LostRace("a chain of footprints was counted by another")

    async def uncounted(self, *, limit: int) -> list[Uncounted]:
        """Return orders whose footprints are to be counted again."""
        found = self._orders.find({"uncounted": True}, {"version": 1, "roots": 1}, limit=limit)
        return [Uncounted(order["_id"], order["version"], tuple(order["roots"])) async for order in found]

    async def counted(self, orders: Sequence[Uncounted]) -> None:
        """Note that these are counted, but for those that have changed since they were read."""
        done = [
            UpdateOne({"_id": order.order_id, "version": order.version}, {"$unset": {"uncounted": ""}})
            for order in orders
        ]
        await self._orders.bulk_write(done, ordered=False)

    async def balance(self, scene_id: str) -> Balance:
        """Sum the counting footprints of a scene by how they stand."""
        shares: dict[str, Share] = {}
        groups: list[Document] = [
            {"$match": {"scene_id": scene_id}},
            {
                "$group": {
                    "_id": {"standing": "$standing", "role": "$role"},
                    "footprints": {"$sum": 1},
                    "grams": {"$sum": "$grams"},
                }
            },
        ]
        async for group in self._chains.aggregate(groups):
            standing, own = group["_id"]["standing"], group["_id"]["role"] == "organiser"
            share = shares.get(standing, Share(0, 0, 0))
            shares[standing] = Share(
                share.footprints + group["footprints"],
                share.grams + group["grams"],
                share.own_grams + (group["grams"] if own else 0),
            )
        return Balance(**{standing: shares.get(standing, Share(0, 0, 0)) for standing in ("left", "covered", "struck")})

    async def page(self, scene_id: str, standing: Standing, *, after: str = "", limit: int) -> list[Chain]:
        """Return chains of a scene that stand so, by root, after one."""
        query = {"scene_id": scene_id, "standing": standing, "_id": {"$gt": after}}
        return [_of(document) async for document in self._chains.find(query, limit=limit, sort=[("_id", 1)])]


def _fields(chain: Chain) -> Document:
    fields: Document = _CHAIN.dump_python(chain)
    del fields["root"]
    return fields


def _of(document: Document) -> Chain:
    return _CHAIN.validate_python({**document, "root": document["_id"]})
