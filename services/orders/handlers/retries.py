"""Many acts side by side: all of them end before the first failure is raised."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Iterable

from shared.messaging.failures import LostRace


async def each(acts: Iterable[Awaitable[None]]) -> None:
    """Let all acts end, then raise the first failure there was."""
    for failure in await asyncio.gather(*acts, return_exceptions=True):
        if isinstance(failure, BaseException):
            raise failure


async def each_if_first(acts: Iterable[Awaitable[None]]) -> None:
    """Let all acts end; where another was first it has done the work. Raises the first other failure."""
    for failure in await asyncio.gather(*acts, return_exceptions=True):
        if isinstance(failure, BaseException) and not isinstance(failure, LostRace):
            raise failure
