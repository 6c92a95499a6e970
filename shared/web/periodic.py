"""Something that is done again and again as long as the service runs, and survives what it waits for."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable

import structlog

from shared.web.background import Background

log = structlog.get_logger()


class Periodic(Background):
    """Does `act` at once and then every so many seconds; a failure is logged and the next time comes all the same.

    After an act that took long it rests longer, if asked to: at least `rests` times as long as the act took.
    """

    def __init__(self, name: str, act: Callable[[], Awaitable[None]], *, seconds: float, rests: float = 0) -> None:
        super().__init__(name, self._repeat)
        self._act, self._seconds, self._rests = act, seconds, rests

    async def _repeat(self) -> None:
        while True:
            began = time.monotonic()
            try:
                await self._act()
            except Exception as failure:
                log.warning("periodic work failed", work=self.name, failure=repr(failure)[:300])
            await asyncio.sleep(max(self._seconds, self._rests * (time.monotonic() - began)))
