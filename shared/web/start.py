"""How a service starts and ends: it decides nothing before its indexes are there, and a start that fails ends it."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Mapping, Sequence
from typing import Protocol

import structlog
from fastapi import FastAPI

from shared import process
from shared.messaging.failures import blames_index
from shared.mongodb import MongoError
from shared.web.health import Check

# Who cannot start says so within this time, before the port is open; who waits for the database answers 503 meanwhile.
WAIT_SECONDS = 10
RETRY_SECONDS = 1

log = structlog.get_logger()


class Store(Protocol):
    """What the common part needs of a service's store."""

    async def prepare(self) -> None:
        """Create indexes; may be called again."""

    async def ping(self) -> None:
        """Raise MongoError when the database does not answer."""

    def close(self) -> None:
        """Let the database go."""


class Running(Protocol):
    """Something that runs as long as the service does, and can say what it waits for."""

    def running(self) -> contextlib.AbstractAsyncContextManager[None]:
        """Run until the context ends."""

    async def health(self) -> str | None:
        """Return none when all is well, else what is missing."""


class Start:
    """The start of one service: its store first, then its parts, in their order."""

    def __init__(self, store: Store, parts: Sequence[Running]) -> None:
        self._store, self._parts = store, parts
        self._complete = asyncio.Event()

    @property
    def checks(self) -> Mapping[str, Check]:
        """What must be well for the service to be ready, by name."""
        return {"mongodb": self._mongodb} | {_name(part): part.health for part in self._parts}

    async def must_be_complete(self) -> None:
        """Raise TimeoutError as long as the start goes on."""
        if not self._complete.is_set():
            raise TimeoutError("the database has not answered since the start")

    @contextlib.asynccontextmanager
    async def lifespan(self, _: FastAPI) -> AsyncIterator[None]:
        """Start, and stop when the context ends. Raises what the start failed with in its first seconds."""
        async with contextlib.AsyncExitStack() as stack:
            stack.callback(self._store.close)
            running = await stack.enter_async_context(contextlib.AsyncExitStack())
            starting = asyncio.create_task(self._start(running), name="start")
            try:
                await asyncio.wait({starting}, timeout=WAIT_SECONDS)
                if not starting.done():
                    starting.add_done_callback(_end_if_failed)
                elif (failure := starting.exception()) is not None:
                    log.critical("refusing to run", reason=repr(failure)[:500])
                    raise failure
                yield
            finally:
                starting.cancel()
                await asyncio.wait({starting})

    async def _start(self, running: contextlib.AsyncExitStack) -> None:
        # Unique indexes decide races, so nothing is decided before they are there.
        await self._prepare()
        for part in self._parts:
            await running.enter_async_context(part.running())
        self._complete.set()

    async def _prepare(self) -> None:
        """Create the indexes as soon as the database answers. Raises OperationFailure when one cannot be created."""
        while True:
            try:
                return await self._store.prepare()
            except MongoError as away:
                if blames_index(away):
                    raise
                log.warning("mongodb does not answer", failure=repr(away)[:200])
                await asyncio.sleep(RETRY_SECONDS)

    async def _mongodb(self) -> str | None:
        if not self._complete.is_set():
            return "indexes are not there yet"
        try:
            await self._store.ping()
        except MongoError as away:
            return f"MongoDB does not answer: {type(away).__name__}"
        return None


def _end_if_failed(starting: asyncio.Task[None]) -> None:
    """It would answer 503 for ever."""
    if not starting.cancelled() and (failure := starting.exception()) is not None:
        process.end(repr(failure)[:500])


def _name(part: Running) -> str:
    name: str = getattr(part, "name", "") or type(part).__name__.lower()
    return name
