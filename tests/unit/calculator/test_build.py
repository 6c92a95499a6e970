"""How a row of the source becomes a row of a release."""

from decimal import Decimal

import pytest

from services.calculator.factors.build import release_files
from services.calculator.factors.rows import factor_row, grade_of, grid_grade_of, grid_row, half_width_of, publisher_of


def test_the_grade_is_the_letter_in_front_of_how_it_was_verified():
    assert grade_of("[A] two copies agree") == "A"
    assert grade_of("[C] single reading") == "C"
    with pytest.raises(LookupError):
        grade_of("two copies agree")


@pytest.mark.parametrize(
    ("cross_check", "grade"),
    [("", "B"), ("co2.js/Ember extract 152.7", "C"), ("co2.js/Ember extract 172.5", "A"), ("two readings", "A")],
)
def test_a_grid_row_is_a_when_a_second_reading_agrees_and_c_when_it_does_not(cross_check, grade):
    assert grid_grade_of(cross_check, Decimal("172.52")) == grade


@pytest.mark.parametrize(
    ("factor_id", "width"),
    [
        ("flight.short-haul-economy-class-non-co2.gb.2025", "1.00"),
        ("flight.wtt-of-long-haul-avg.gb.2025", "0.30"),
        ("car.average-car-petrol.gb.2026", "0.15"),
        ("rail.high-speed-rail-whole-operation.cn.2019", "0.35"),
        ("rail.national-rail.gb.2025", "0.30"),
        ("metro.metro.cn.2023", "0.70"),
        ("metro.metro.in.2023", "0.30"),
        ("hotel.night-average-class-china.cn.2025", "0.50"),
        ("meal.red-meat-meal.fr.2025", "0.40"),
        ("grid.cn.2023", "0.10"),
    ],
)
def test_the_half_width_is_that_of_its_own_section_before_its_tier(factor_id, width):
    found, why = half_width_of(factor_id)
    assert (found, bool(why)) == (width, True)


def test_what_no_rule_knows_is_refused_and_never_guessed():
    with pytest.raises(LookupError):
        half_width_of("spend.restaurant.us.2022")
    with pytest.raises(LookupError):
        publisher_of("A page on the web")


def test_a_source_row_keeps_its_value_as_text():
    row = factor_row(
        {
            "id": "bus.coach.gb.2026", "category": "bus", "activity": "coach", "region": "UK", "year": "2026",
            "value": "0.03940", "unit": "kgCO2e/pkm", "gas_basis": "CO2e", "boundary": "TTW",
            "source": "UK Government GHG Conversion Factors 2026", "verified_how": "[A] two readings",
        }
    )  # fmt: skip
    assert (row["value"], row["grade"], row["publisher"]) == ("0.03940", "A", "DESNZ")


def test_grams_per_kwh_become_kilograms_and_the_gas_keeps_its_label():
    row = grid_row(
        {
            "iso3": "CHN", "region_code": "CN-SC", "name": "China Sichuan", "year": "2023", "gco2_per_kwh": "156.4",
            "latest": "1", "gas_basis": "gCO2/kWh (CO2 only)", "boundary": "consumption based",
            "source": "MEE/NBS provincial factors", "source_path": "-", "cross_check": "",
        },
        region="CN-SC",
    )  # fmt: skip
    assert (row["id"], row["value"], row["unit"], row["gas_basis"]) == (
        "grid.cn-sc.2023",
        "0.1564",
        "kgCO2/kWh",
        "CO2 only",
    )


def test_a_source_without_what_a_conference_needs_builds_nothing():
    empty = {"factors": [], "defaults": [], "grid_intensity": []}
    with pytest.raises(LookupError):
        release_files(empty, countries=[], name="x", date="2026-11-24")
