"""Something that is done again and again as long as the service runs, and survives what it waits for."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator, Awaitable, Callable

import structlog

log = structlog.get_logger()


class Periodic:
    """Does `act` at once and then every so many seconds; a failure is logged and the next turn comes all the same.

    After an act that took long it rests longer, if asked to: at least `rests` times as long as the act took.
    """

    def __init__(self, name: str, act: Callable[[], Awaitable[None]], *, seconds: float, rests: float = 0) -> None:
        self._name, self._act, self._seconds, self._rests = name, act, seconds, rests

    async def health(self) -> str | None:
        """Nothing waits for periodic work."""
        return None

    @contextlib.asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """Run until the context ends."""
        work = asyncio.create_task(self._work(), name=self._name)
        try:
            yield
        finally:
            work.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await work

    async def _work(self) -> None:
        while True:
            began = time.monotonic()
            try:
                await self._act()
            except Exception as failure:
                log.warning("periodic work failed", work=self._name, failure=repr(failure)[:300])
            await asyncio.sleep(max(self._seconds, self._rests * (time.monotonic() - began)))
