"""What to do about lost races: a request tries again a few times, periodic work leaves it to whoever was first."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Awaitable, Callable, Iterable
from typing import TypeVar

from shared.messaging.failures import LostRace

ATTEMPTS_MAX = 5
Result = TypeVar("Result")


async def persistently(act: Callable[[], Awaitable[Result]]) -> Result:
    """Load, decide and record until nobody else was first. Raises LostRace after five tries."""
    for _ in range(ATTEMPTS_MAX - 1):
        with contextlib.suppress(LostRace):
            return await act()
    return await act()


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
