"""Builds a release: the factors a conference needs, what each activity takes, and the airports, frozen with hashes.

    python -m services.calculator.factors.build SOURCE --name 2026.2 --date 2026-11-24

SOURCE holds `factors.csv`, `defaults.csv` and `grid_intensity.csv`. Nothing is overwritten: a release is made once.
"""

from __future__ import annotations

import argparse
import csv
import hashlib
import io
import json
import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence
from decimal import Decimal
from pathlib import Path

import airportsdata

from services.calculator.domain.factors import METHOD_VERSION
from services.calculator.factors.needed import (
    ALSO,
    GRID_LOSSES,
    HOTEL,
    HOTEL_REGIONS,
    INPUTS,
    LICENCES,
    NOTES,
    OWN_GRIDS,
    PLUG_IN_FUEL,
    PLUG_IN_TOTAL,
    REGIONS,
)
from services.calculator.factors.rows import COLUMNS, Row, factor_row, finished, grid_row

HERE = Path(__file__).parent

Choice = dict[str, str]


def main(arguments: Sequence[str] | None = None) -> None:
    """Write the release that the command line names, and print the digest that pins it."""
    parser = argparse.ArgumentParser(description="Build a frozen release of factors.")
    parser.add_argument("source", type=Path, help="folder with factors.csv, defaults.csv and grid_intensity.csv")
    parser.add_argument("--name", required=True, help="name of the release, 2026.2")
    parser.add_argument("--date", required=True, help="day of the release, 2026-11-24")
    parser.add_argument("--into", type=Path, default=HERE, help="folder that holds the releases")
    options = parser.parse_args(arguments)
    source = {name: _read(options.source / f"{name}.csv") for name in ("factors", "defaults", "grid_intensity")}
    files = release_files(source, countries=_read(HERE / "countries.csv"), name=options.name, date=options.date)
    folder = options.into / options.name
    folder.mkdir()
    for name, content in files.items():
        (folder / name).write_bytes(content)
    sys.stdout.write(f"{options.name} {hashlib.sha256(files['manifest.json']).hexdigest()}\n")


def release_files(source: Mapping[str, list[Row]], *, countries: list[Row], name: str, date: str) -> dict[str, bytes]:
    """Return the files of the release by name. Raises LookupError when the source lacks a row that is needed."""
    table = {row["id"]: row for row in source["factors"] if not row["source"].startswith("Open CEDA")}
    choices = list(_choices(source["defaults"]))
    hotels, hotel_choices = _hotels(table, countries)
    grids, grid_choices = _grids(source["grid_intensity"], countries)
    derived = {row["id"]: row for row in (*hotels, *grids, *_losses(), *_non_co2(table), _plug_in_fuel(table))}
    choices += [*hotel_choices, *grid_choices]
    named = {term for choice in choices for term in choice["factors"].split() if not term.startswith("@")}
    factors = [
        derived[factor_id] if factor_id in derived else factor_row(table[factor_id]) for factor_id in sorted(named)
    ]
    inside = {
        row["id"] for row in factors if "incl. upstream" in row["boundary"] or "life cycle incl." in row["boundary"]
    }
    for choice in choices:
        if inside & set(choice["factors"].split()):
            choice["notes"] = f"{choice['notes']} upstream_inside".strip()
    choices.sort(key=lambda choice: (choice["activity"], choice["region"]))
    contents = {
        "factors.csv": (COLUMNS, factors),
        "defaults.csv": (("activity", "region", "part", "factors", "notes"), choices),
        "airports.csv": (("iata", "name", "city", "country", "latitude", "longitude"), list(_airports())),
    }
    files = {file: _csv(columns, rows) for file, (columns, rows) in contents.items()}
    manifest = {
        "release": name,
        "method_version": METHOD_VERSION,
        "date": date,
        "rows": {file: len(rows) for file, (_, rows) in contents.items()},
        "sha256": {file: hashlib.sha256(content).hexdigest() for file, content in files.items()},
        "notes": NOTES,
        "licences": LICENCES,
    }
    return {**files, "manifest.json": (json.dumps(manifest, indent=2) + "\n").encode()}


def _choices(defaults: list[Row]) -> Iterator[Choice]:
    for field, activity, notes in INPUTS:
        rows = {row["region"]: row["factor_ids"].split(" + ") for row in defaults if row["calculator_input"] == field}
        if not rows:
            raise LookupError(f"defaults.csv has no line for {field!r}")
        # Elsewhere is a British row: a fallback for others, for Great Britain its own.
        if "elsewhere" in rows:
            rows.setdefault("GB", rows["elsewhere"])
        for region, ids in rows.items():
            fallback = "uk_row" if region == "elsewhere" else ""
            for part, factors in _parts(activity, ids):
                yield _choice(activity, REGIONS.get(region, region), part, factors, f"{notes} {fallback}".strip())
    for activity, factor_id in ALSO:
        yield _choice(activity, "world", "direct", factor_id)


def _parts(activity: str, ids: list[str]) -> Iterator[tuple[str, str]]:
    if activity.startswith("flight."):
        burnt, making = ids
        yield from (("direct", burnt), ("upstream", making), ("non_co2", burnt.replace("-without-rf", "-non-co2")))
    elif "grid:country" in ids:
        yield "direct", f"{ids[0]} @grid"
        if activity.startswith("car."):
            yield "upstream", f"{ids[0]} @grid @grid_loss"
        if PLUG_IN_TOTAL in ids:
            yield "direct", PLUG_IN_FUEL
    else:
        for factor_id in ids:
            yield "upstream" if ".wtt-of-" in factor_id else "direct", factor_id


def _non_co2(table: Mapping[str, Row]) -> Iterator[Row]:
    for factor_id, row in table.items():
        if factor_id.startswith("flight.") and "-without-rf.gb.2025" in factor_id:
            full = table[factor_id.replace("-without-rf", "-with-rf")]
            yield finished(
                {
                    **factor_row(row),
                    "id": factor_id.replace("-without-rf", "-non-co2"),
                    "activity": row["activity"].replace("without radiative forcing", "effects other than CO2"),
                    "value": str(Decimal(full["value"]) - Decimal(row["value"])),
                    "boundary": f"derived: {full['id']} minus {factor_id}",
                }
            )


def _plug_in_fuel(table: Mapping[str, Row]) -> Row:
    row = factor_row(table[PLUG_IN_TOTAL])
    how = "derived (methodology 6): published total minus its British electric part"
    return finished({**row, "id": PLUG_IN_FUEL, "value": "0.0917", "boundary": how, "grade": "B"})


def _hotels(table: Mapping[str, Row], countries: list[Row]) -> tuple[list[Row], list[Choice]]:
    listed = {HOTEL_REGIONS[row["region"]]: factor_row(row) for row in table.values() if row["id"].startswith(HOTEL)}
    members: dict[str, list[Row]] = {"world": []}
    for country in countries:
        if row := listed.get(country["country"]):
            members.setdefault(country["continent"], []).append(row)
            members["world"].append(row)
    means = {region: _mean(region, rows) for region, rows in members.items()}
    choices = [_choice("hotel", region, "direct", row["id"]) for region, row in listed.items()]
    choices += [
        _choice("hotel", country["country"], "direct", means[country["continent"]]["id"], "region_mean")
        for country in countries
        if country["country"] not in listed and country["continent"] in means
    ]
    choices.append(_choice("hotel", "world", "direct", means["world"]["id"], "world_mean"))
    return [*listed.values(), *means.values()], choices


def _mean(region: str, rows: list[Row]) -> Row:
    mean = sum((Decimal(row["value"]) for row in rows), start=Decimal(0)) / len(rows)
    return finished(
        {
            **rows[0],
            "id": f"hotel.night-average-class-mean.{region}.{rows[0]['year']}",
            "activity": f"hotel night, average class, mean of {len(rows)} countries",
            "region": region,
            "value": str(mean.quantize(Decimal("0.01"))),
            "boundary": f"derived (methodology 8): plain mean; {rows[0]['boundary']}",
            "grade": "C",
        }
    )


def _grids(grid: list[Row], countries: list[Row]) -> tuple[list[Row], list[Choice]]:
    latest = {row["region_code"]: row for row in grid if row["latest"] == "1"}
    codes = {country["country"]: country["iso3"] for country in countries if country["iso3"] in latest}
    provinces = {code: code for code in latest if code.startswith("CN-")}
    rows = {
        region: grid_row(latest[code], region=region) for region, code in {**codes, **provinces, **OWN_GRIDS}.items()
    }
    choices = [
        _choice("grid", region, "ratio", row["id"], "world_grid" if region == "world" else "")
        for region, row in rows.items()
    ]
    choices += [
        _choice(
            "grid_loss",
            region,
            "ratio",
            f"grid-loss.{region.lower()}",
            "" if region != "world" else "grid_loss_assumed",
        )
        for region, *_ in GRID_LOSSES
    ]
    return list(rows.values()), choices


def _losses() -> Iterator[Row]:
    for region, value, year, grade in GRID_LOSSES:
        yield finished(
            {
                "id": f"grid-loss.{region.lower()}", "category": "electricity", "activity": "loss on the way",
                "region": region, "year": year, "value": value, "unit": "share", "gas_basis": "none",
                "boundary": "share on top of the electricity used", "source": "methodology section 6",
                "grade": grade,
            }
        )  # fmt: skip


def _airports() -> Iterator[Row]:
    for iata, airport in sorted(airportsdata.load("IATA").items()):
        place = {name: str(airport[name]) for name in ("name", "city", "country")}
        yield {"iata": iata, **place, "latitude": str(airport["lat"]), "longitude": str(airport["lon"])}


def _choice(activity: str, region: str, part: str, factors: str, notes: str = "") -> Choice:
    if activity.startswith("hotel_class."):
        part = "ratio"
    return {"activity": activity, "region": region, "part": part, "factors": factors, "notes": notes}


def _read(path: Path) -> list[Row]:
    with path.open(encoding="utf-8", newline="") as lines:
        return list(csv.DictReader(lines))


def _csv(columns: Sequence[str], rows: Iterable[Row]) -> bytes:
    text = io.StringIO()
    writer = csv.DictWriter(text, columns, lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    return text.getvalue().encode()


if __name__ == "__main__":
    main()
