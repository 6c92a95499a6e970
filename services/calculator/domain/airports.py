"""How far two airports are apart, by air and over land, and which airports a few typed letters mean."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import ROUND_HALF_EVEN, Decimal
from typing import Final

from geographiclib.geodesic import Geodesic

from services.calculator.domain.factors import Airport, Release

RESULTS_MAX = 10
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


def search_airports(text: str, release: Release) -> tuple[Airport, ...]:
    """Return at most ten airports that the text means, the best first.

    The exact code goes first, then a city of that name, then what begins a city or name, then what stands inside one;
    of equals the international one, where most guests come from.
    """
    sought = " ".join(text.split()).casefold()
    if len(sought) < QUERY_LETTERS_MIN:
        return ()
    ranked = [(rank, airport) for airport in release.airports.values() if (rank := _rank(sought, airport)) is not None]
    ranked.sort(key=lambda found: (found[0], "International" not in found[1].name, found[1].iata))
    return tuple(airport for _, airport in ranked[:RESULTS_MAX])


def _rank(sought: str, airport: Airport) -> int | None:
    city, name = airport.city.casefold(), airport.name.casefold()
    if sought == airport.iata.casefold():
        return 0
    if sought == city:
        return 1
    if city.startswith(sought) or name.startswith(sought):
        return 2
    return 3 if sought in city or sought in name else None
