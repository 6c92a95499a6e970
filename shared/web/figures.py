"""How figures, masses, amounts and times are written in one language."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from decimal import ROUND_HALF_EVEN, Decimal
from typing import Literal
from zoneinfo import ZoneInfo

from babel import Locale
from babel.dates import format_date
from babel.numbers import format_decimal

from shared.web import dots
from shared.web.languages import Language, in_language

BUSINESS_DAY = ZoneInfo("Asia/Shanghai")
Unit = Literal["g", "kg", "t"]
GRAMS: Mapping[Unit, int] = {"g": 1, "kg": 1_000, "t": 1_000_000}
UNITS: Mapping[Language, Mapping[Unit, str]] = {
    "en": {"g": "g", "kg": "kg", "t": "t"},
    "zh": {"g": "克", "kg": "千克", "t": "吨"},
    "hi": {"g": "ग्राम", "kg": "किग्रा", "t": "टन"},
}
_LOCALES: Mapping[Language, str] = {"en": "en", "zh": "zh_Hans", "hi": "hi"}
_DAYS: Mapping[Language, str] = {"en": "d MMMM y", "zh": "y年M月d日", "hi": "d MMMM y"}
_MONTH_DAYS: Mapping[Language, str] = {"en": "d MMMM", "zh": "M月d日", "hi": "d MMMM"}
_PERIODS: Mapping[Language, str] = {"en": "{first} to {last}", "zh": "{first}至{last}", "hi": "{first} से {last}"}
_SINCE: Mapping[Language, str] = {"en": "since {day}", "zh": "自{day}起", "hi": "{day} से"}
_MOMENTS: Mapping[Language, str] = {"en": "{day}, {clock}", "zh": "{day} {clock}", "hi": "{day}, {clock}"}
_SCALES: Mapping[Language, str] = {"en": "1 dot = {}", "zh": "一点 = {}", "hi": "1 बिंदु = {}"}
# What people call the money; where a language has no other word it is the code.
_CURRENCIES: Mapping[Language, Mapping[str, str]] = {"en": {}, "zh": {"CNY": "元"}, "hi": {"CNY": "युआन"}}
_ROUND_STEPS = tuple(map(Decimal, ("1", "1.2", "1.5", "2", "2.5", "3", "4", "5", "6", "8", "10")))


class Figures:
    """Writes what pages show in one language. Masses come as whole grams, money as whole minor units."""

    def __init__(self, language: Language) -> None:
        self.language = language
        self._locale = Locale.parse(_LOCALES[language])
        # How a language groups digits: #,##0, in Hindi #,##,##0.
        self._groups = str(self._locale.decimal_formats[None].pattern).partition(".")[0]
        self._units = UNITS[language]

    def mass(self, grams: int) -> str:
        """Write a mass as a headline or a board shows it: 999 g, 1.5 kg, 533 kg, 1.23 t; a positive one never as 0."""
        figure, unit = self._headline(grams)
        return f"{figure} {self._units[unit]}"

    def mass_parts(self, grams: int) -> tuple[str, str]:
        """Write a mass as a headline shows it, figure and unit apart."""
        figure, unit = self._headline(grams)
        return figure, self._units[unit]

    def exact(self, grams: int) -> str:
        """Write a mass to the gram, as a certificate does: 999 g, 533.014 kg, 1.234567 t."""
        unit = _unit_of(grams)
        places = len(str(GRAMS[unit])) - 1
        return f"{self.number(Decimal(grams).scaleb(-places), places)} {self._units[unit]}"

    def tonnes(self, grams: int) -> str:
        """Write grams as tonnes to the gram for a column whose head names the unit: 413.263494."""
        return self.number(Decimal(grams).scaleb(-6), 6)

    def kilograms(self, grams: int) -> str:
        """Write grams as kilograms with two decimals for a column whose head names the unit: 0.54."""
        return self.number(_rounded(Decimal(grams).scaleb(-3), 2), 2)

    def kilogram_column(self, masses: Sequence[int]) -> tuple[list[str], str]:
        """Write masses in kilograms with two decimals, and their total, so that the column visibly adds up."""
        each = dots.shares(masses, dots.count(sum(masses), 10))
        *written, total = (self.kilograms(10 * tens) for tens in (*each, sum(each)))
        return written, total

    def grouped(self, number: int) -> str:
        """Write a whole number with its groups: 1,204; in Hindi 12,34,567."""
        return self.number(Decimal(number), 0)

    def number(self, number: Decimal, places: int | None = None) -> str:
        """Write a number with so many decimals, or with those that it has; a minus is a true one."""
        if places is None:
            exponent = number.normalize().as_tuple().exponent
            places = max(0, -exponent) if isinstance(exponent, int) else 0
        pattern = f"{self._groups}.{'0' * places}" if places else self._groups
        return str(format_decimal(number, pattern, self._locale)).replace("-", "\N{MINUS SIGN}")

    def money(self, minor: int, currency: str) -> str:
        """Write an amount of minor units with its currency: 27.59 CNY, 27.59 元."""
        return f"{self.amount(minor)} {self.currency(currency)}"

    def currency(self, code: str) -> str:
        """Write a currency as prices name it: CNY, 元."""
        return _CURRENCIES[self.language].get(code, code)

    def amount(self, minor: int) -> str:
        """Write minor units for a column whose head names the currency: 27.59."""
        return self.number(Decimal(minor).scaleb(-2), 2)

    def percent(self, hundredths: int) -> str:
        """Write hundredths of a percent, never the whole before it is whole: 61.4 %."""
        return f"{self.number(Decimal(hundredths // 10).scaleb(-1), 1)} %"

    def likely(self, low_grams: int, high_grams: int, headline_grams: int | None = None) -> tuple[str, str]:
        """Write the ends of a range to two digits in one unit, as the estimate that it is: 390, 680 kg.

        The unit is that of the headline, if there is one beside them, so that they can be compared with it.
        """
        unit = _unit_of(high_grams) if headline_grams is None else self._headline(headline_grams)[1]
        low, high = (self._two_digits(grams, unit) for grams in (low_grams, high_grams))
        return low, f"{high} {self._units[unit]}"

    def day(self, when: date | datetime) -> str:
        """Write the business day: 26 November 2026."""
        return format_date(local(when), _DAYS[self.language], self._locale)

    def period(self, starts_on: date, ends_on: date | None) -> str:
        """Write the days of a scene: 26 to 27 November 2026; a scene without an end is open since its first day."""
        if ends_on is None:
            return _SINCE[self.language].format(day=self.day(starts_on))
        if starts_on == ends_on:
            return self.day(starts_on)
        first, last = self.day(starts_on), self.day(ends_on)
        same_year = starts_on.year == ends_on.year
        same_month = same_year and starts_on.month == ends_on.month
        if self.language == "zh" and same_year:
            last = f"{ends_on.day}日" if same_month else format_date(ends_on, _MONTH_DAYS["zh"], self._locale)
        elif same_month:
            first = f"{starts_on.day}"
        elif same_year:
            first = format_date(starts_on, _MONTH_DAYS[self.language], self._locale)
        return _PERIODS[self.language].format(first=first, last=last)

    def clock(self, when: datetime) -> str:
        """Write the time of day in China: 14:05."""
        return f"{local(when):%H:%M}"

    def second(self, when: datetime) -> str:
        """Write the time of day in China to the second: 14:02:10."""
        return f"{local(when):%H:%M:%S}"

    def moment(self, when: datetime) -> str:
        """Write day and time in China: 26 November 2026, 14:05."""
        return _MOMENTS[self.language].format(day=self.day(when), clock=self.clock(when))

    def name(self, names: Mapping[str, str]) -> str:
        """Return a text of several languages in this one, else in English, else in the first that it has."""
        return in_language(names, self.language)

    def scale(self, unit_grams: int) -> str:
        """Write the sentence that stands beside every field: 1 dot = 1 kg."""
        unit = _unit_of(unit_grams)
        amount = unit_grams // GRAMS[unit]
        word = self._units[unit]
        if self.language == "en" and unit == "t":
            word = "tonne" if amount == 1 else "tonnes"
        return _SCALES[self.language].format(f"{self.grouped(amount)} {word}")

    def axis(self, low_grams: int, grams: int, high_grams: int) -> Axis:
        """Place a range on a line with some air above its high end. The last figure is the end of the line."""
        figure, unit = self._headline(grams)
        least = Decimal(high_grams) * Decimal("1.14")
        power = Decimal(10) ** least.adjusted()
        end = next(step * power for step in _ROUND_STEPS if step * power >= least)
        low, middle, high = (_rounded(100 * Decimal(part) / end, 1) for part in (low_grams, grams, high_grams))
        figures = (
            self._two_digits(low_grams, unit),
            figure,
            self._two_digits(high_grams, unit),
            self.number(end / GRAMS[unit]),
        )
        # The figures under the ends go when they would touch the one in the middle or those of the line.
        apart = low >= 8 and middle - low >= 11 and high - middle >= 11 and high <= 88
        return Axis(low, middle, high, figures, apart)

    def _headline(self, grams: int) -> tuple[str, Unit]:
        if grams < GRAMS["kg"]:
            return self.grouped(grams), "g"
        for places, below in ((1, 10), (0, 1_000)):
            rounded = _rounded(Decimal(grams) / GRAMS["kg"], places)
            if rounded < below:
                return self.number(rounded, places), "kg"
        return self.number(_rounded(Decimal(grams) / GRAMS["t"], 2), 2), "t"

    def _two_digits(self, grams: int, unit: Unit) -> str:
        number = Decimal(grams) / GRAMS[unit]
        return self.number(_rounded(number, 1 - number.adjusted()) if number else number)


@dataclass(frozen=True)
class Axis:
    """A likely range on a line from 0 to a round figure: places along it in per cent, and the figures in one unit."""

    low: Decimal
    middle: Decimal
    high: Decimal
    figures: tuple[str, str, str, str]
    ends_apart: bool


def local(when: date | datetime) -> date | datetime:
    """Return a moment as clocks in China show it; a day is one already."""
    return when.astimezone(BUSINESS_DAY) if isinstance(when, datetime) else when


def _rounded(number: Decimal, places: int) -> Decimal:
    return number.quantize(Decimal(1).scaleb(-places), ROUND_HALF_EVEN)


def _unit_of(grams: int) -> Unit:
    return "t" if grams >= GRAMS["t"] else "kg" if grams >= GRAMS["kg"] else "g"
