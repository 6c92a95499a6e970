"""What is remembered of windows: one document with a count for each, deleted by the database once it has ended."""

from __future__ import annotations

from shared.mongodb import Collection, Document, DuplicateKeyError
from shared.throttle.window import Window


class WindowCounts:
    """The counts of windows in one collection; all replicas of a service count into the same documents."""

    def __init__(self, collection: Collection) -> None:
        self._counts = collection

    async def prepare(self) -> None:
        """Create the index by which the database deletes windows that have ended."""
        await self._counts.create_index("ends_at", expireAfterSeconds=0)

    async def count(self, window: Window) -> int:
        """Return how many acts are counted in the window."""
        found = await self._counts.find_one({"_id": window.key}, {"count": 1})
        return int(found["count"]) if found else 0

    async def add(self, window: Window) -> None:
        """Count one more act, however many there are."""
        while not await self._counted({"_id": window.key}, window):
            # Another act has begun the window at this moment, so now it is there.
            continue

    async def admit(self, window: Window, *, count_max: int) -> bool:
        """Count one more act unless there are `count_max`; return whether it was counted.

        Of acts at one moment no more than `count_max` are admitted: the limit is a condition of the write.
        """
        while not await self._counted({"_id": window.key, "count": {"$lt": count_max}}, window):
            # It is full, or another act has begun it at this moment: only reading it shows.
            if await self.count(window) >= count_max:
                return False
        return True

    async def _counted(self, condition: Document, window: Window) -> bool:
        """Count one more where the condition holds, or begin the window; False when it is there and does not hold."""
        update = {"$inc": {"count": 1}, "$setOnInsert": {"ends_at": window.ends_at}}
        try:
            await self._counts.update_one(condition, update, upsert=True)
        except DuplicateKeyError:
            return False
        return True
