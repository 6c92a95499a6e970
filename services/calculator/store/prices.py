"""What neutralising costs at least: copies of listings, and the lowest price among those that are listed."""

from __future__ import annotations

from collections.abc import Iterable

from shared.contracts.event import Envelope
from shared.contracts.registry import ProjectListed
from shared.messaging.copies import keep_greatest
from shared.mongodb import Database, DuplicateKeyError

# The one document with the lowest price.
LOWEST = "lowest"


class LowestPrice:
    """The lowest price is looked up when a listing changes, so that who shows it reads one document."""

    def __init__(self, database: Database) -> None:
        self._projects, self._prices = database["projects"], database["prices"]

    async def prepare(self) -> None:
        """Create the index, and look the lowest price up for the listings that are there."""
        await self._projects.create_index([("status", 1), ("unit_price_fen", 1)])
        await self._look_up()

    async def keep(self, events: Iterable[Envelope[ProjectListed]]) -> None:
        """Keep each listing unless a later one is there."""
        for event in events:
            await keep_greatest(self._projects, event, event.data.model_dump(mode="json"))
        await self._look_up()

    async def lowest_fen(self) -> tuple[int, str] | None:
        """Return the lowest price of a tonne among listed projects, with its currency."""
        found = await self._prices.find_one({"_id": LOWEST})
        return (found["unit_price_fen"], found["currency"]) if found and found["unit_price_fen"] is not None else None

    async def _look_up(self) -> None:
        """Write the lowest price; again when another has written one since, which may know less, or more."""
        while True:
            before = await self._prices.find_one({"_id": LOWEST})
            found = await self._projects.find({"status": "listed"}).sort("unit_price_fen", 1).limit(1).to_list(1)
            lowest = {name: found[0][name] if found else None for name in ("unit_price_fen", "currency")}
            if before is None:
                try:
                    await self._prices.insert_one({"_id": LOWEST, **lowest, "version": 1})
                except DuplicateKeyError:
                    continue
                return
            if all(before[name] == value for name, value in lowest.items()):
                return
            fields = {**lowest, "version": before["version"] + 1}
            loaded = {"_id": LOWEST, "version": before["version"]}
            if (await self._prices.update_one(loaded, {"$set": fields})).matched_count:
                return
