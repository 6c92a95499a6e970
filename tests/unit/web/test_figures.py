"""How figures, masses, amounts and times are written in each language."""

from datetime import UTC, date, datetime, timedelta
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.web.figures import Figures
from shared.web.languages import LANGUAGES

EN, ZH, HI = (Figures(language) for language in LANGUAGES)


@pytest.mark.parametrize(
    ("grams", "written"),
    [
        (0, "0 g"),
        (1, "1 g"),
        (999, "999 g"),
        (1_000, "1.0 kg"),
        (9_960, "10 kg"),
        (533_014, "533 kg"),
        (999_600, "1.00 t"),
        (1_234_567, "1.23 t"),
        (12_345_678_901, "12,345.68 t"),
    ],
)
def test_s14_a_board_and_a_headline_round(grams: int, written: str) -> None:
    assert EN.mass(grams) == written


@pytest.mark.parametrize(
    ("grams", "written"),
    [(999, "999 g"), (533_014, "533.014 kg"), (500_000, "500.000 kg"), (1_234_567, "1.234567 t")],
)
def test_s14_a_certificate_writes_every_gram(grams: int, written: str) -> None:
    assert EN.exact(grams) == written


@given(st.integers(min_value=1, max_value=10**15))
def test_s14_a_positive_mass_is_never_written_as_nothing(grams: int) -> None:
    assert any(digit in "123456789" for digit in EN.mass(grams))
    assert any(digit in "123456789" for digit in EN.exact(grams))


def test_money_is_written_with_two_decimals_and_a_true_minus() -> None:
    assert EN.money(2759, "CNY") == "27.59 CNY"
    assert [Figures(language).money(2759, "CNY") for language in ("zh", "hi")] == ["27.59 元", "27.59 युआन"]
    assert Figures("zh").money(2759, "USD") == "27.59 USD"
    assert EN.amount(-2759) == "\N{MINUS SIGN}27.59"
    assert EN.amount(123_456_789) == "1,234,567.89"


def test_a_likely_range_has_two_digits_and_one_unit() -> None:
    assert EN.likely(389_100, 676_928) == ("390", "680 kg")
    assert EN.likely(950_000, 1_310_000) == ("0.95", "1.3 t")
    assert EN.likely(560_000, 1_180_000, 861_032) == ("560", "1,200 kg")
    assert EN.axis(560_000, 861_032, 1_180_000).figures == ("560", "861", "1,200", "1,500")
    assert EN.likely(0, 996_000) == ("0", "1,000 kg")


def test_the_axis_of_a_range_ends_at_a_round_figure() -> None:
    axis = EN.axis(389_100, 533_014, 676_928)
    assert axis.figures == ("390", "533", "680", "800")
    assert (str(axis.low), str(axis.middle), str(axis.high), axis.ends_apart) == ("48.6", "66.6", "84.6", True)
    assert not EN.axis(520_000, 533_014, 546_000).ends_apart


def test_the_column_of_the_worked_example_visibly_adds_up() -> None:
    column, total = EN.kilogram_column([230_069, 69_593, 159_083, 61_686, 11_720, 863])
    assert column == ["230.07", "69.59", "159.08", "61.69", "11.72", "0.86"]
    assert total == "533.01"


def test_times_are_those_of_china() -> None:
    late = datetime(2026, 11, 25, 16, 2, 10, tzinfo=UTC)
    assert EN.moment(late) == "26 November 2026, 00:02"
    assert EN.second(late) == "00:02:10"
    assert EN.day(late - timedelta(minutes=3)) == "25 November 2026"


def test_a_period_names_each_month_and_year_once() -> None:
    assert EN.period(date(2026, 11, 26), date(2026, 11, 27)) == "26 to 27 November 2026"
    assert EN.period(date(2026, 11, 26), date(2026, 12, 2)) == "26 November to 2 December 2026"
    assert EN.period(date(2026, 12, 26), date(2027, 1, 3)) == "26 December 2026 to 3 January 2027"
    assert EN.period(date(2021, 9, 7), date(2021, 9, 7)) == "7 September 2021"
    assert EN.period(date(2026, 1, 1), None) == "since 1 January 2026"


def test_s14_each_language_writes_masses_with_its_own_units_and_groups() -> None:
    assert [figures.mass(533_014) for figures in (EN, ZH, HI)] == ["533 kg", "533 千克", "533 किग्रा"]
    assert [figures.exact(1_234_567) for figures in (ZH, HI)] == ["1.234567 吨", "1.234567 टन"]
    assert [figures.grouped(1_234_567) for figures in (EN, ZH, HI)] == ["1,234,567", "1,234,567", "12,34,567"]
    assert HI.amount(-123_456_789) == "\N{MINUS SIGN}12,34,567.89"
    assert [figures.scale(1_000_000) for figures in (EN, ZH, HI)] == ["1 dot = 1 tonne", "一点 = 1 吨", "1 बिंदु = 1 टन"]


def test_each_language_writes_days_and_periods_its_own_way() -> None:
    first, last = date(2026, 11, 26), date(2026, 11, 27)
    assert ZH.day(first) == "2026年11月26日"
    assert HI.day(first) == "26 नवंबर 2026"
    assert ZH.period(first, last) == "2026年11月26日至27日"
    assert ZH.period(first, date(2026, 12, 2)) == "2026年11月26日至12月2日"
    assert ZH.period(first, date(2027, 1, 2)) == "2026年11月26日至2027年1月2日"
    assert ZH.period(first, None) == "自2026年11月26日起"
    assert HI.period(first, last) == "26 से 27 नवंबर 2026"
    assert ZH.moment(datetime(2026, 11, 26, 6, 5, tzinfo=UTC)) == "2026年11月26日 14:05"


def test_the_scale_stands_in_words() -> None:
    grams = (100, 1_000, 100_000, 1_000_000, 10_000_000_000)
    assert [EN.scale(one) for one in grams] == [
        "1 dot = 100 g",
        "1 dot = 1 kg",
        "1 dot = 100 kg",
        "1 dot = 1 tonne",
        "1 dot = 10,000 tonnes",
    ]


def test_a_share_is_never_whole_before_it_is() -> None:
    assert EN.percent(9_999) == "99.9 %"
    assert EN.percent(10_000) == "100.0 %"


def test_a_number_keeps_the_decimals_that_it_has() -> None:
    assert EN.number(Decimal("3094.40")) == "3,094.4"
    assert EN.number(Decimal("0.07435")) == "0.07435"
    assert EN.number(Decimal(20)) == "20"
