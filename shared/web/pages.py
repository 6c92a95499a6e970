"""How a service's pages are made: its templates over the shared frame, and how figures and times are written in English."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from decimal import ROUND_CEILING, ROUND_HALF_EVEN, Decimal
from pathlib import Path
from zoneinfo import ZoneInfo

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from shared.web import dots

STYLESHEET = Path(__file__).parent / "site.css"
STYLESHEET_ADDRESS = "/static/site.css"
BUSINESS_DAY = ZoneInfo("Asia/Shanghai")
_GRAMS = {"g": 1, "kg": 1_000, "t": 1_000_000}


class Pages:
    """The pages of one service: its own folder of templates over what all services share."""

    def __init__(self, folder: Path, service: str, livemode: bool) -> None:
        # The digest in the address lets browsers keep the stylesheet for good and still get the next one.
        digest = hashlib.sha256(STYLESHEET.read_bytes()).hexdigest()[:8]
        self._templates = Environment(
            loader=FileSystemLoader([folder, STYLESHEET.parent]),
            autoescape=True,
            undefined=StrictUndefined,
            trim_blocks=True,
            lstrip_blocks=True,
            auto_reload=False,
        )
        self._templates.filters |= {
            "mass": mass,
            "exact": exact,
            "tonnes": tonnes,
            "grouped": grouped,
            "money": money,
            "amount": amount,
            "day": day,
            "clock": clock,
            "second": second,
            "moment": moment,
        }
        self._templates.globals |= {
            "service": service,
            "livemode": livemode,
            "stylesheet": f"{STYLESHEET_ADDRESS}?{digest}",
            "likely": likely,
            "period": period,
            "kilogram_column": kilogram_column,
            "axis": Axis.of,
            "field": dots.field,
            "bar": dots.bar,
            "unit": dots.unit,
            "dot_count": dots.count,
            "scale": dots.scale,
            "key": dots.key,
            "mark": dots.mark,
            "seal": dots.seal,
            "patterns": dots.patterns,
        }

    def render(self, name: str, **context: object) -> str:
        """Return the page. Raises jinja2.UndefinedError when the context lacks what the head of the template lists."""
        return self._templates.get_template(name).render(context)


def mass(grams: int) -> str:
    """Write a mass as a headline or a board shows it: 999 g, 1.5 kg, 533 kg, 1.23 t; never 0 for a positive amount."""
    if grams < 1_000:
        return f"{grams} g"
    for unit, below, places in (("kg", 10, 1), ("kg", 1_000, 0)):
        rounded = _rounded(Decimal(grams) / _GRAMS[unit], places)
        if rounded < below:
            return f"{rounded} {unit}"
    return f"{_rounded(Decimal(grams) / _GRAMS['t'], 2):,} t"


def exact(grams: int) -> str:
    """Write a mass to the gram, as a certificate does: 999 g, 533.014 kg, 1.234567 t."""
    if grams < _GRAMS["kg"]:
        return f"{grams} g"
    if grams < _GRAMS["t"]:
        return f"{Decimal(grams).scaleb(-3):.3f} kg"
    return f"{tonnes(grams)} t"


def tonnes(grams: int) -> str:
    """Write grams as tonnes to the gram for a column whose head names the unit: 413.263494."""
    return f"{Decimal(grams).scaleb(-6):,.6f}"


def grouped(number: int) -> str:
    """Write a whole number with its thousands: 1,204."""
    return f"{number:,}"


def money(minor: int, currency: str) -> str:
    """Write an amount of minor units with its currency: 27.59 CNY."""
    return f"{amount(minor)} {currency}"


def amount(minor: int) -> str:
    """Write minor units for a column whose head names the currency: 27.59, with a true minus sign."""
    return f"{Decimal(minor).scaleb(-2):,.2f}".replace("-", "\N{MINUS SIGN}")


def likely(low_grams: int, high_grams: int, joint: str = "and") -> str:
    """Write a range to two digits in one unit, as the estimate it is: 390 and 680 kg."""
    unit = next((unit for unit in ("t", "kg") if high_grams >= _GRAMS[unit]), "g")
    low, high = (_two_digits(Decimal(grams) / _GRAMS[unit]) for grams in (low_grams, high_grams))
    return f"{low} {joint} {high} {unit}"


def kilogram_column(masses: Sequence[int]) -> tuple[list[str], str]:
    """Write masses in kilograms with two decimals, and their total, so that the column visibly adds up."""
    each = dots.shares(masses, dots.count(sum(masses), 10))
    *written, total = (f"{Decimal(tens).scaleb(-2):,.2f}" for tens in (*each, sum(each)))
    return written, total


def day(when: date | datetime) -> str:
    """Write the business day: 26 November 2026."""
    local = _local(when) if isinstance(when, datetime) else when
    return f"{local.day} {local:%B %Y}"


def period(starts_on: date, ends_on: date | None) -> str:
    """Write the days of a scene: 26 to 27 November 2026; a scene without an end is open since its first day."""
    if ends_on is None:
        return f"since {day(starts_on)}"
    if starts_on == ends_on:
        return day(starts_on)
    if starts_on.year != ends_on.year:
        return f"{day(starts_on)} to {day(ends_on)}"
    first = f"{starts_on.day}" if starts_on.month == ends_on.month else f"{starts_on.day} {starts_on:%B}"
    return f"{first} to {day(ends_on)}"


def clock(when: datetime) -> str:
    """Write the time of day in China: 14:05."""
    return f"{_local(when):%H:%M}"


def second(when: datetime) -> str:
    """Write the time of day in China to the second: 14:02:10."""
    return f"{_local(when):%H:%M:%S}"


def moment(when: datetime) -> str:
    """Write day and time in China: 26 November 2026, 14:05."""
    return f"{day(when)}, {clock(when)}"


@dataclass(frozen=True)
class Axis:
    """Where the range of a footprint stands on a line from 0 to `end_grams`, in per mille of its length."""

    end_grams: int
    low: int
    middle: int
    high: int

    @classmethod
    def of(cls, low_grams: int, grams: int, high_grams: int) -> Axis:
        """Place a range on a line that ends at the next round figure with some air above the high end."""
        least = Decimal(max(high_grams, 1)) * Decimal("1.15")
        power = Decimal(10) ** least.adjusted()
        end = int((least / power).to_integral_value(ROUND_CEILING) * power)
        return cls(end, *(place * 1_000 // end for place in (low_grams, grams, high_grams)))

    @property
    def ends_apart(self) -> bool:
        """Whether figures under the ends of the range have room beside the one in the middle and those of the line."""
        return self.low >= 80 and self.middle - self.low >= 110 and self.high - self.middle >= 110 and self.high <= 900


def _rounded(number: Decimal, places: int) -> Decimal:
    return number.quantize(Decimal(1).scaleb(-places), ROUND_HALF_EVEN)


def _two_digits(number: Decimal) -> str:
    if number == 0:
        return "0"
    rounded = _rounded(number, 1 - number.adjusted())
    whole = rounded.to_integral_value()
    return f"{whole:,f}" if rounded == whole else f"{rounded.normalize():f}"


def _local(when: datetime) -> datetime:
    return when.astimezone(BUSINESS_DAY)
