"""When a board is counted: the windows day, week, month, year and all, cut in Asia/Shanghai."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from typing import Literal
from zoneinfo import ZoneInfo

WindowKind = Literal["day", "week", "month", "year", "all"]
BUSINESS_ZONE = ZoneInfo("Asia/Shanghai")
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)


def microseconds(moment: datetime) -> int:
    """Return a moment as whole microseconds since 1970, which compare faster than datetimes."""
    return (moment - _EPOCH) // _MICROSECOND


_ALWAYS_US = (microseconds(datetime.min.replace(tzinfo=UTC)), microseconds(datetime.max.replace(tzinfo=UTC)) + 1)


@dataclass(frozen=True, slots=True)
class Window:
    """One day, week, month or year, or all time: half-open, in microseconds since 1970. `text` is its ISO 8601 name."""

    text: str
    start_us: int
    end_us: int

    def holds(self, moment_us: int) -> bool:
        """Say whether the moment lies inside."""
        return self.start_us <= moment_us < self.end_us


def window_at(kind: WindowKind, now: datetime) -> Window:
    """Return the window of this kind that holds the moment; weeks begin on Monday."""
    today = now.astimezone(BUSINESS_ZONE).date()
    match kind:
        case "day":
            return _days(today.isoformat(), today, today + timedelta(days=1))
        case "week":
            monday = today - timedelta(days=today.weekday())
            return _days(f"{today:%G-W%V}", monday, monday + timedelta(days=7))
        case "month":
            first = today.replace(day=1)
            return _days(f"{today:%Y-%m}", first, (first + timedelta(days=31)).replace(day=1))
        case "year":
            return _days(f"{today:%Y}", date(today.year, 1, 1), date(today.year + 1, 1, 1))
        case "all":
            return Window("all", *_ALWAYS_US)


def _days(text: str, first: date, beyond: date) -> Window:
    start, end = (microseconds(datetime.combine(day, time(), BUSINESS_ZONE)) for day in (first, beyond))
    return Window(text, start, end)
