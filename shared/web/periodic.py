"""Something that is done again and again as long as the service runs, and survives what it waits for."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

import structlog

from shared.web.background import Background

log = structlog.get_logger()


class Periodic(Background):
    """Does `act` at once and then every so many seconds; a failure is logged and the next time comes all the same."""

    def __init__(self, name: str, act: Callable[[], Awaitable[None]], *, seconds: float) -> None:
        super().__init__(name, self._repeat)
        self._act, self._seconds = act, seconds

    async def _repeat(self) -> None:
        while True:
            try:
                await self._act()
            except Exception as failure:
                log.warning("periodic work failed", work=self.name, failure=repr(failure)[:300])
            await asyncio.sleep(self._seconds)
