"""What ranking remembers in MongoDB: nothing yet, for all that boards say follows from the stream."""

from __future__ import annotations

from typing import Any


class Store:
    """Ranking's database. It may be wiped at any time; the boards come back from offset zero."""

    def __init__(self, database: Any) -> None:
        self._database = database

    async def prepare(self) -> None:
        """Wait for the database; there are no indexes."""
        await self.ping()

    async def ping(self) -> None:
        """Raise PyMongoError when the database does not answer."""
        await self._database.command("ping")

    def close(self) -> None:
        """Let the database go."""
        self._database.client.close()
