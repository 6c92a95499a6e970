"""What a guest could have saved: the same journey by a lighter way of travelling."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Final

from services.calculator.domain.airports import land_km
from services.calculator.domain.answers import Answers, Flight, Leg, Mode, Place, Ride, RideMode
from services.calculator.domain.engine import compute
from services.calculator.domain.factors import Release
from services.calculator.domain.lines import Result

# By high-speed train some eight hours, as from Beijing to Chengdu; beyond it it is no longer the same journey.
FLIGHT_BY_RAIL_KM_MAX: Final = 1_600
# A guest is not bothered for less of the footprint than one in so many parts.
WORTH_A_WORD: Final = 10
LIGHTER: Final[Mapping[Mode, tuple[RideMode, ...]]] = {"plane": ("high_speed_train",), "car": ("train", "coach")}


@dataclass(frozen=True)
class Reduction:
    """All legs of one mode that could go by another: their grams then, and how much less that is than now."""

    by: RideMode
    instead_of: Mode
    grams: int
    less_grams: int


def best_reduction(answers: Answers, computed: Result, *, scene: Place, release: Release) -> Reduction | None:
    """Return the change of mode that saves most, if it saves more than a tenth of the footprint.

    A flight goes by high-speed train, if it is no longer than 1 600 km and stays in a country whose high-speed trains
    the release knows; a car journey goes as far by train or coach.
    """
    found = [
        option
        for instead_of, lighter in LIGHTER.items()
        for by in lighter
        if (option := _option(answers, computed, by, instead_of, scene, release))
        and option.less_grams * WORTH_A_WORD > computed.grams
    ]
    return max(found, key=lambda option: option.less_grams, default=None)


def _option(
    answers: Answers, computed: Result, by: RideMode, instead_of: Mode, scene: Place, release: Release
) -> Reduction | None:
    of_mode = [(leg, km) for leg, km in zip(answers.legs, computed.distances_km, strict=True) if leg.mode == instead_of]
    movable = [(leg, km, ride) for leg, km in of_mode if (ride := _ride(leg, km, by, release))]
    if not movable:
        return None
    now = Answers(people=answers.people, legs=tuple(leg for leg, _, _ in movable))
    then = Answers(people=answers.people, legs=tuple(ride for _, _, ride in movable))
    grams_now = compute(now, scene=scene, release=release, distances_km=[km for _, km, _ in movable]).grams
    grams = compute(then, scene=scene, release=release).grams
    return Reduction(by=by, instead_of=instead_of, grams=grams, less_grams=grams_now - grams)


def _ride(leg: Leg, km: Decimal, by: RideMode, release: Release) -> Ride | None:
    """Return the leg by the other mode; none when that cannot be, or nobody knows whether it can."""
    if not isinstance(leg, Flight):
        return Ride(mode=by, km=km, country=leg.country, trips=leg.trips)
    if leg.origin is None or leg.destination is None or km > FLIGHT_BY_RAIL_KM_MAX:
        return None
    country, other = (release.airports[code].country for code in (leg.origin, leg.destination))
    if country != other or (by, country) not in release.defaults:
        return None
    return Ride(mode=by, km=land_km(km, by), country=country, trips=leg.trips, basis="default")
