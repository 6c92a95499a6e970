"""How something is tried again: after a pause that is drawn at random, so that replicas do not come back in step."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import TypeVar

from tenacity import AsyncRetrying, retry_if_exception_type, stop_after_attempt, wait_random, wait_random_exponential

from shared.messaging.failures import LostRace

Result = TypeVar("Result")

RETRY_DELAY_SECONDS = 0.05
RETRY_DELAY_SECONDS_MAX = 2.0
ATTEMPTS_BY_REQUEST_MAX = 5
# Between nothing and a bound that doubles with each try.
BACK_OFF = wait_random_exponential(multiplier=RETRY_DELAY_SECONDS, max=RETRY_DELAY_SECONDS_MAX)
# Who lost a race has nothing to wait for but the other's write.
AFTER_LOST_RACE = wait_random(0, RETRY_DELAY_SECONDS)


async def retry_lost_race(act: Callable[[], Awaitable[Result]]) -> Result:
    """Load, decide and record until nobody else was first. Raises LostRace after five tries."""

    async def attempt() -> Result:
        return await act()

    trying = AsyncRetrying(
        retry=retry_if_exception_type(LostRace),
        stop=stop_after_attempt(ATTEMPTS_BY_REQUEST_MAX),
        wait=AFTER_LOST_RACE,
        reraise=True,
    )
    # Tenacity awaits what is declared as a coroutine, which a lambda that returns one is not.
    return await trying(attempt)
