"""How a service's pages are made: templates over the shared frame, and figures and times as English writes them."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from decimal import ROUND_HALF_EVEN, Decimal
from pathlib import Path
from zoneinfo import ZoneInfo

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from shared.web import dots

STYLESHEET = Path(__file__).parent / "site.css"
STYLESHEET_ADDRESS = "/static/site.css"
BUSINESS_DAY = ZoneInfo("Asia/Shanghai")
_GRAMS = {"g": 1, "kg": 1_000, "t": 1_000_000}
_ROUND_STEPS = tuple(map(Decimal, ("1", "1.2", "1.5", "2", "2.5", "3", "4", "5", "6", "8", "10")))


class Pages:
    """The pages of one service: its own folder of templates over what all services share."""

    def __init__(self, folder: Path, service: str, *, livemode: bool) -> None:
        # The digest in the address lets browsers keep the stylesheet for good and still get the next one.
        digest = hashlib.sha256(STYLESHEET.read_bytes()).hexdigest()[:8]
        self.templates = Environment(
            loader=FileSystemLoader([folder, STYLESHEET.parent]),
            autoescape=True,
            undefined=StrictUndefined,
            trim_blocks=True,
            lstrip_blocks=True,
            auto_reload=False,
        )
        self.templates.filters |= {
            "mass": mass,
            "exact": exact,
            "tonnes": tonnes,
            "kilograms": kilograms,
            "grouped": grouped,
            "money": money,
            "amount": amount,
            "day": day,
            "clock": clock,
            "second": second,
            "moment": moment,
            "english": english,
        }
        self.templates.globals |= {
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
            "shares": dots.shares,
            "scale": dots.scale,
            "key": dots.key,
            "mark": dots.mark,
            "seal": dots.seal,
            "patterns": dots.patterns,
        }

    def render(self, name: str, **context: object) -> str:
        """Return the page. Raises jinja2.UndefinedError when the context lacks what the head of the template lists."""
        return self.templates.get_template(name).render(context)


def english(names: Mapping[str, str]) -> str:
    """Return a text of several languages in English, else in the first that it has."""
    return names.get("en") or next(iter(names.values()))


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


def likely(low_grams: int, high_grams: int) -> str:
    """Write a range to two digits in one unit, as the estimate that it is: 390 and 680 kg."""
    unit = _unit_of(high_grams)
    return f"{_two_digits(low_grams, unit)} and {_two_digits(high_grams, unit)} {unit}"


def kilograms(grams: int) -> str:
    """Write grams as kilograms with two decimals for a column whose head names the unit: 0.54."""
    return f"{_rounded(Decimal(grams).scaleb(-3), 2):,}"


def kilogram_column(masses: Sequence[int]) -> tuple[list[str], str]:
    """Write masses in kilograms with two decimals, and their total, so that the column visibly adds up."""
    each = dots.shares(masses, dots.count(sum(masses), 10))
    *written, total = (kilograms(10 * tens) for tens in (*each, sum(each)))
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
    """A likely range on a line from 0 to a round figure: places along it in per cent, and the figures in one unit."""

    low: Decimal
    middle: Decimal
    high: Decimal
    figures: tuple[str, str, str, str]
    ends_apart: bool

    @classmethod
    def of(cls, low_grams: int, grams: int, high_grams: int) -> Axis:
        """Place a range on a line with some air above its high end. The last figure is the end of the line."""
        unit = _unit_of(high_grams)
        least = Decimal(high_grams) * Decimal("1.1")
        power = Decimal(10) ** least.adjusted()
        end = next(step * power for step in _ROUND_STEPS if step * power >= least)
        low, middle, high = (_rounded(100 * Decimal(part) / end, 1) for part in (low_grams, grams, high_grams))
        figures = (
            _two_digits(low_grams, unit),
            mass(grams).split()[0] if _unit_of(grams) == unit else f"{_rounded(Decimal(grams) / _GRAMS[unit], 2)}",
            _two_digits(high_grams, unit),
            _plain(end / _GRAMS[unit]),
        )
        # The figures under the ends go when they would touch the one in the middle or those of the line.
        apart = low >= 8 and middle - low >= 11 and high - middle >= 11 and high <= 90
        return cls(low, middle, high, figures, apart)


def _rounded(number: Decimal, places: int) -> Decimal:
    return number.quantize(Decimal(1).scaleb(-places), ROUND_HALF_EVEN)


def _unit_of(grams: int) -> str:
    return next((unit for unit in ("t", "kg") if grams >= _GRAMS[unit]), "g")


def _two_digits(grams: int, unit: str) -> str:
    number = Decimal(grams) / _GRAMS[unit]
    return _plain(_rounded(number, 1 - number.adjusted()) if number else number)


def _plain(number: Decimal) -> str:
    whole = number.to_integral_value()
    return f"{whole:,f}" if number == whole else f"{number.normalize():f}"


def _local(when: datetime) -> datetime:
    return when.astimezone(BUSINESS_DAY)
