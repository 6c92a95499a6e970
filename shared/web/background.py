"""A task that runs as long as the service does: when it ends by itself, the log says why and the service is unready."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable

import structlog

log = structlog.get_logger()


class Background:
    """Runs `work` once; nothing but the end of the context may end it."""

    def __init__(self, name: str, work: Callable[[], Awaitable[None]]) -> None:
        self.name, self._work = name, work
        self._ended: str | None = None

    async def health(self) -> str | None:
        """Return none while it runs, else why it does not."""
        return self._ended

    @contextlib.asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """Run until the context ends."""
        task = asyncio.create_task(self._watched(), name=self.name)
        try:
            yield
        finally:
            task.cancel()
            await asyncio.wait({task})

    async def _watched(self) -> None:
        try:
            await self._work()
            self._ended = f"{self.name} has ended"
        except BaseException as failure:
            task = asyncio.current_task()
            if isinstance(failure, asyncio.CancelledError) and task is not None and task.cancelling():
                raise
            self._ended = f"{self.name} has ended: {failure!r}"[:300]
            log.critical("background work has ended", work=self.name, exc_info=failure)
        else:
            log.critical("background work has ended", work=self.name)
