"""How a row of the source tables becomes a row of a release: its grade, who published it, and its half-width."""

from __future__ import annotations

import re
from collections.abc import Mapping
from decimal import Decimal

Row = dict[str, str]

COLUMNS = (
    "id", "category", "activity", "region", "year", "value", "unit", "gas_basis", "boundary",
    "source", "publisher", "grade", "half_width", "half_width_from",
)  # fmt: skip

PUBLISHERS = (
    ("UK Government GHG Conversion Factors", "DESNZ"),
    ("Nos Gestes Climat", "ADEME"),
    ("Impact CO2", "ADEME"),
    ("CPCD", "CPCD"),
    ("Mao Baohua", "Beijing Jiaotong University"),
    ("India Specific Rail", "India GHG Program"),
    ("IPCC 2006 Vol 2 Ch 3; SFC India", "SFC India"),
    ("US EPA", "EPA"),
    ("mobitool", "mobitool"),
    ("Koide", "Koide et al."),
    ("Marsden", "Marsden"),
    ("Our World in Data / Ember", "Ember"),
    ("MEE", "MEE"),
    ("CEA", "CEA"),
)

# The first pattern that fits an id decides. Where a row's own note, another section of the methodology and a tier of
# its section 15 differ, the note of the section that speaks of this very row goes first, the tier last.
HALF_WIDTHS = (
    (r"flight\..*-non-co2\.", "1.00", "methodology 15: non-CO2, 100% of the line"),
    (r"flight\.", "0.30", "methodology 15: tier 3"),
    (r"rail\.high-speed-rail-whole-operation\.cn", "0.35", "its row and methodology 4"),
    (r"rail\..*\.in\.", "0.50", "methodology 4"),
    (r"rail\.energy-use", "0.68", "its row: spread 0.04 to 0.108, half of it over the value"),
    (r"metro\.metro\.cn", "0.70", "methodology 5"),
    (r"car\.", "0.15", "methodology 15: tier 3, car"),
    (r"(rail|metro|bus|taxi|micromobility)\.", "0.30", "methodology 15: tier 3"),
    (r"walk\.", "0", "zero by convention"),
    (r"grid\.", "0.10", "methodology 15: tier 2"),
    (r"grid-loss\.", "0.30", "methodology 15: default value"),
    (r"hotel\.night-average-class", "0.50", "methodology 8: at least"),
    (r"hotel\.class-multiplier", "0", "inside the half-width of the country row"),
    (r"hotel\.night-at-friends", "0", "zero by convention"),
    (r"meal\.", "0.40", "methodology 9: French portions used elsewhere"),
)

# Two extracts of one data set that differ by more are sources in conflict (methodology 14.4 counts agreement so).
AGREEMENT = Decimal("0.05")


def finished(row: Mapping[str, str]) -> Row:
    """Return the row with publisher and half-width, in the columns of a release. Raises LookupError when none fits."""
    width, why = half_width_of(row["id"])
    return {name: {**row, "publisher": publisher_of(row["source"]), "half_width": width, "half_width_from": why}[name]
            for name in COLUMNS}  # fmt: skip


def factor_row(source: Mapping[str, str]) -> Row:
    """Return the release's row for a row of `factors.csv`."""
    return finished({**source, "grade": grade_of(source["verified_how"])})


def grid_row(source: Mapping[str, str], *, region: str) -> Row:
    """Return the release's row for a row of `grid_intensity.csv`: grams per kWh become kilograms."""
    return finished(
        {
            "id": f"grid.{region.lower()}.{source['year']}",
            "category": "electricity",
            "activity": f"grid electricity, {source['name']}",
            "region": source["name"],
            "year": source["year"],
            "value": str(Decimal(source["gco2_per_kwh"]) / 1000),
            "unit": "kgCO2/kWh" if "CO2 only" in source["gas_basis"] else "kgCO2e/kWh",
            "gas_basis": "CO2 only" if "CO2 only" in source["gas_basis"] else "CO2e",
            "boundary": source["boundary"],
            "source": source["source"],
            "grade": grid_grade_of(source["cross_check"], Decimal(source["gco2_per_kwh"])),
        }
    )


def grade_of(verified_how: str) -> str:
    """Return A, B or C as the row's note states it. Raises LookupError for a row without a grade."""
    if found := re.match(r"\[([ABC])\] ", verified_how):
        return found[1]
    raise LookupError(f"no grade in {verified_how!r}")


def grid_grade_of(cross_check: str, grams: Decimal) -> str:
    """Return A when a second reading agrees, B when there is none, C when the two are in conflict."""
    if not cross_check:
        return "B"
    if other := re.fullmatch(r"co2\.js/Ember extract ([\d.]+)", cross_check):
        return "A" if abs(Decimal(other[1]) - grams) <= AGREEMENT * grams else "C"
    return "A"


def publisher_of(source: str) -> str:
    """Return the short name that a line shows beside the year. Raises LookupError for an unknown source."""
    for start, publisher in PUBLISHERS:
        if source.startswith(start):
            return publisher
    if source.startswith("methodology"):
        return "methodology"
    raise LookupError(f"no publisher is known for {source!r}")


def half_width_of(factor_id: str) -> tuple[str, str]:
    """Return the relative half-width at 95% and where it comes from. Raises LookupError when no rule fits."""
    for pattern, width, why in HALF_WIDTHS:
        if re.match(pattern, factor_id):
            return width, why
    raise LookupError(f"no half-width is known for {factor_id}")
