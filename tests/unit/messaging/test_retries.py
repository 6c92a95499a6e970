"""How long somebody waits before another try: ever longer, up to a bound, and never as long as everybody else."""

from __future__ import annotations

import pytest
from tenacity import RetryCallState, Retrying

from shared.messaging.retries import AFTER_LOST_RACE, BACK_OFF, RETRY_DELAY_SECONDS, RETRY_DELAY_SECONDS_MAX


def state(attempt: int) -> RetryCallState:
    now = RetryCallState(Retrying(), None, (), {})
    now.attempt_number = attempt
    return now


@pytest.mark.parametrize("attempt", [1, 2, 3, 6, 20, 5_000])
def test_a_pause_is_drawn_at_random_below_a_bound_that_doubles_and_ends(attempt: int) -> None:
    bound = RETRY_DELAY_SECONDS_MAX if attempt > 6 else RETRY_DELAY_SECONDS * 2 ** (attempt - 1)
    pauses = {BACK_OFF(state(attempt)) for _ in range(200)}
    assert len(pauses) > 100
    assert max(pauses) <= min(bound, RETRY_DELAY_SECONDS_MAX)
    assert min(pauses) < bound / 4 < 3 * bound / 4 < max(pauses)


def test_who_lost_a_race_waits_a_moment_however_often() -> None:
    assert max(AFTER_LOST_RACE(state(attempt)) for attempt in range(1, 200)) <= RETRY_DELAY_SECONDS
