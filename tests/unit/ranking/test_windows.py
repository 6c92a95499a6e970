"""Windows begin and end at midnight in Shanghai."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from services.ranking.domain.windows import WindowKind, microseconds, window_at


@pytest.mark.parametrize(
    ("kind", "text", "first", "beyond"),
    [
        ("day", "2026-11-25", datetime(2026, 11, 24, 16, tzinfo=UTC), datetime(2026, 11, 25, 16, tzinfo=UTC)),
        ("week", "2026-W48", datetime(2026, 11, 22, 16, tzinfo=UTC), datetime(2026, 11, 29, 16, tzinfo=UTC)),
        ("month", "2026-11", datetime(2026, 10, 31, 16, tzinfo=UTC), datetime(2026, 11, 30, 16, tzinfo=UTC)),
        ("year", "2026", datetime(2025, 12, 31, 16, tzinfo=UTC), datetime(2026, 12, 31, 16, tzinfo=UTC)),
    ],
)
def test_b3_a_window_is_half_open_between_two_midnights_of_shanghai(
    kind: WindowKind, text: str, first: datetime, beyond: datetime
) -> None:
    moment = timedelta(microseconds=1)
    for now in (first, datetime(2026, 11, 25, 6, tzinfo=UTC), beyond - moment):
        window = window_at(kind, now)
        assert window.text == text
        assert window.holds(microseconds(first))
        assert not window.holds(microseconds(first - moment))
        assert window.holds(microseconds(beyond - moment))
        assert not window.holds(microseconds(beyond))
    assert window_at(kind, beyond).text != text


def test_b3_the_first_days_of_january_lie_in_the_week_of_the_year_before() -> None:
    window = window_at("week", datetime(2027, 1, 1, 12, tzinfo=UTC))
    assert window.text == "2026-W53"
    assert window.holds(microseconds(datetime(2026, 12, 28, 0, tzinfo=UTC)))


def test_all_time_holds_every_moment() -> None:
    window = window_at("all", datetime(2026, 1, 1, tzinfo=UTC))
    for moment in (datetime(1, 1, 1, tzinfo=UTC), datetime(9999, 12, 31, 23, 59, 59, 999_999, tzinfo=UTC)):
        assert window.holds(microseconds(moment))
