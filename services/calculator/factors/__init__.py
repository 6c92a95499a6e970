"""Where the frozen releases of emission factors lie, with the digest of each, and how cities are called."""

from __future__ import annotations

import csv
from functools import cache
from pathlib import Path
from typing import Final

from services.calculator.domain.airports import Cities, MainAirports
from services.calculator.domain.factors import Release, UnknownRelease, release_of

LATEST: Final = "2026.2"
DIGESTS: Final = {
    "2026.2": "fa01965375dbad8dc94da881adce4ef7dbc56eba80fab14233e96a362dc364fd",
}


@cache
def load_release(name: str = LATEST, *, folder: Path = Path(__file__).parent) -> Release:
    """Return the release of this name, read once. Raises UnknownRelease or ReleaseAltered."""
    if name not in DIGESTS:
        raise UnknownRelease(f"There is no factor release {name}. Known are {', '.join(DIGESTS)}.")
    files = {file.name: file.read_bytes() for file in (folder / name).iterdir() if file.is_file()}
    return release_of(files, digest=DIGESTS[name])


@cache
def main_airports() -> MainAirports:
    """Return the place of an airport among those of its city, by IATA code: 0 has most passengers."""
    with (Path(__file__).parent / "main_airports.csv").open(encoding="utf-8", newline="") as file:
        return {iata: place for row in csv.DictReader(file) for place, iata in enumerate(row["airports"].split())}


@cache
def city_names() -> Cities:
    """Return how cities with an airport are called in Chinese and Hindi, where known. No figure depends on it."""
    with (Path(__file__).parent / "cities.csv").open(encoding="utf-8", newline="") as file:
        return {
            (row["country"], row["city"]): {language: row[language] for language in ("zh", "hi") if row[language]}
            for row in csv.DictReader(file)
        }
