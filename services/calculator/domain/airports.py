"""How far two airports are apart, by air and over land, and which airports a few typed letters mean."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import ROUND_HALF_EVEN, Decimal
from typing import Final

from geographiclib.geodesic import Geodesic

from services.calculator.domain.factors import Airport, Release

# How cities are called in other languages than English, by country and English name.
Cities = Mapping[tuple[str, str], Mapping[str, str]]
# Airports that lead among those of their city, by IATA code, with their place.
MainAirports = Mapping[str, int]

QUERY_LETTERS_MIN = 2
TENTH = Decimal("0.1")
# Methodology sections 4 and 5: how much longer than the great circle a train or a coach goes.
DETOURS: Final[Mapping[str, Decimal]] = {"high_speed_train": Decimal("1.2"), "coach": Decimal("1.5")}


def great_circle_km(start: Airport, end: Airport) -> Decimal:
    """Return the geodesic on WGS84 in km, rounded half-even to 0.1 km before anything is computed with it."""
    path = Geodesic.WGS84.Inverse(
        float(start.latitude), float(start.longitude), float(end.latitude), float(end.longitude), Geodesic.DISTANCE
    )
    return Decimal(path["s12"]).scaleb(-3).quantize(TENTH, ROUND_HALF_EVEN)


def land_km(circle_km: Decimal, mode: str) -> Decimal:
    """Return how far a mode that has a detour goes over land, in km, rounded half-even to 0.1 km."""
    return (circle_km * DETOURS[mode]).quantize(TENTH, ROUND_HALF_EVEN)


def search_airports(text: str, release: Release, cities: Cities, main: MainAirports) -> tuple[Airport, ...]:
    """Return the airports that the text means, the best first.

    The exact code goes first, then a city of that name in any language, then what begins a city or name, then what
    stands inside one; of equals those of the cities that we name in three languages, then the main ones of their city,
    then international ones, where most guests come from.
    """
    sought = _plain(text)
    # One sign says as much in Chinese as a few letters do elsewhere.
    if len(sought) < (1 if not sought.isascii() else QUERY_LETTERS_MIN):
        return ()
    ranked = [
        (rank, airport) for airport in release.airports.values() if (rank := _rank(sought, airport, cities)) is not None
    ]
    ranked.sort(
        key=lambda found: (
            found[0],
            (found[1].country, found[1].city) not in cities,
            main.get(found[1].iata, len(main)),
            "International" not in found[1].name,
            found[1].iata,
        )
    )
    return tuple(airport for _, airport in ranked)


def is_city(text: str, airport: Airport, cities: Cities) -> bool:
    """Say whether the text is the name of the airport's city, in any language."""
    return _plain(text) in map(_plain, _cities_of(airport, cities))


def _cities_of(airport: Airport, cities: Cities) -> tuple[str, ...]:
    return (airport.city, *cities.get((airport.country, airport.city), {}).values())


def _plain(text: str) -> str:
    return " ".join(text.split()).casefold()


def _rank(sought: str, airport: Airport, cities: Cities) -> int | None:
    name = airport.name.casefold()
    called = [_plain(city) for city in _cities_of(airport, cities)]
    if sought == airport.iata.casefold():
        return 0
    if sought in called:
        return 1
    if name.startswith(sought) or any(city.startswith(sought) for city in called):
        return 2
    return 3 if sought in name or any(sought in city for city in called) else None
