"""Computes the footprint of a trip to a conference: methodology sections 2 to 9 with the factors of one release."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from decimal import Decimal
from fractions import Fraction
from typing import Final

from services.calculator.domain.airports import great_circle_km
from services.calculator.domain.answers import (
    DISHES,
    MODES,
    Answers,
    AnswersRefused,
    Basis,
    Drive,
    Flight,
    Leg,
    Place,
    read_answers,
)
from services.calculator.domain.factors import Factor, PartKind, Release
from services.calculator.domain.lines import Category, Line, Part, Result, Unit, Warned, apportioned, total_grams
from services.calculator.domain.range import ACTIVITY_HALF_WIDTHS, factor_half_width, likely
from shared.sentence import Sentence

SHORT_HAUL_KM_MAX: Final = 3_700
GRAMS_PER_KG: Final = 1_000
COMPARED_KM: Final = 100
CATEGORIES: Final[dict[str, Category]] = {
    "plane": "flight", "high_speed_train": "rail", "train": "rail", "metro": "metro", "bus": "road", "coach": "road",
    "car": "road", "taxi": "road", "e_bike": "active", "bicycle": "active", "walk": "active",
}  # fmt: skip
# Beyond these an answer is counted, but worth a second look (methodology 3.1 and 19).
AIRPORTS_CLOSE_KM: Final = 50
FLIGHT_LONG_KM: Final = 16_000
LAND_LONG_KM: Final = 3_000
NIGHTS_MANY: Final = 30
GUESTS_MANY: Final = 4
OCCUPANTS_MANY: Final = 5


@dataclass(frozen=True)
class TravelMode:
    """A way of travelling and what it costs one person: kg for 100 km, alone in the car, economy in the plane."""

    mode: str
    kg_per_100_km: Decimal


def compute(
    answers: Answers, *, scene: Place, release: Release, distances_km: Sequence[Decimal] | None = None
) -> Result:
    """Return the footprint of the answers, in whole grams that add up.

    `distances_km` are the stored distances of an old footprint, one way of each leg: with them and its release it
    recomputes to its grams whatever geodesic is used today. Raises AnswersRefused for a route that cannot be.
    """
    if distances_km is None:
        distances_km = [_distance_km(leg, f"legs/{i}", release) for i, leg in enumerate(answers.legs)]
    distances = tuple(distances_km)
    exact = [_line(given, release) for given in _inputs(answers, distances, scene) if given.quantity > 0]
    grams = total_grams([line.exact_grams for line in exact])
    lines = _weighed(exact, grams)
    low, high = likely(lines, grams)
    return Result(
        release=release.name,
        method_version=release.method_version,
        grams=grams,
        low_grams=low,
        high_grams=high,
        lines=lines,
        distances_km=distances,
        warnings=tuple(_warnings(answers, distances)),
    )


def per_100_km(mode: str, release: Release, *, country: str) -> Decimal:
    """Return the kg that one person's 100 km cost by this mode in the country, unrounded."""
    answers = read_answers({"legs": [{"mode": mode, "km": COMPARED_KM}]})
    lines = compute(answers, scene=Place(country=country), release=release).lines
    return sum((part.value for line in lines for part in line.parts), start=Decimal(0)) * COMPARED_KM


def travel_modes(release: Release, *, country: str) -> tuple[TravelMode, ...]:
    """Return every mode with its kg per 100 km in the country of the scene."""
    return tuple(TravelMode(mode, per_100_km(mode, release, country=country)) for mode in MODES)


@dataclass(frozen=True)
class _Input:
    field: str
    category: Category
    activity: str
    quantity: Decimal
    unit: Unit
    basis: Basis
    row: str
    regions: tuple[str, ...]
    ratio: str | None = None
    shared_by: int = 1


def _inputs(answers: Answers, distances: Sequence[Decimal], scene: Place) -> Iterator[_Input]:
    here = _regions(None, scene)
    for i, (leg, km) in enumerate(zip(answers.legs, distances, strict=True)):
        row, quantity = _row(leg, km), km * leg.trips * answers.people
        regions = here if isinstance(leg, Flight) else _regions(leg.country, scene)
        shared_by = leg.occupants if isinstance(leg, Drive) else 1
        category = CATEGORIES[leg.mode]
        yield _Input(f"legs/{i}", category, row, quantity, "km", leg.basis, row, regions, shared_by=shared_by)
    for i, stay in enumerate(answers.stays):
        field, nights, regions = f"stays/{i}", Decimal(stay.nights * answers.people), _regions(stay.country, scene)
        if stay.kind == "home":
            yield _Input(field, "home", "home", nights, "night", stay.basis, "home", regions)
        else:
            ratio = None if stay.hotel_class == "average" else f"hotel_class.{stay.hotel_class}"
            activity = f"hotel.{stay.hotel_class}"
            yield _Input(field, "hotel", activity, nights, "night", stay.basis, "hotel", regions, ratio, stay.guests)
    for dish in DISHES:
        portions = Decimal(getattr(answers.meals, dish) * answers.people)
        yield _Input(
            f"meals/{dish}", "meals", f"meal.{dish}", portions, "meal", answers.meals.basis, f"meal.{dish}", here
        )


def _line(given: _Input, release: Release) -> Line:
    terms = release.terms(given.row, given.regions)
    ratios = release.terms(given.ratio, given.regions)[0].factors if given.ratio else ()
    return Line(
        field=given.field,
        category=given.category,
        activity=given.activity,
        quantity=given.quantity,
        unit=given.unit,
        shared_by=given.shared_by,
        basis=given.basis,
        activity_half_width=ACTIVITY_HALF_WIDTHS[given.basis],
        parts=tuple(_part(term.kind, (*term.factors, *ratios), given) for term in terms),
        notes=tuple(dict.fromkeys(note for term in terms for note in term.notes)),
    )


def _part(kind: PartKind, factors: tuple[Factor, ...], given: _Input) -> Part:
    # A third of a room has no decimal: fractions keep the sum exact until it is rounded once.
    exact = Fraction(given.quantity) * GRAMS_PER_KG / given.shared_by
    for factor in factors:
        exact *= Fraction(factor.value)
    return Part(kind=kind, factors=factors, half_width=factor_half_width(factors), exact_grams=exact)


def _weighed(lines: Sequence[Line], grams: int) -> tuple[Line, ...]:
    of_lines = apportioned([line.exact_grams for line in lines], grams, least=1)
    weighed = []
    for line, mass in zip(lines, of_lines, strict=True):
        of_parts = apportioned([part.exact_grams for part in line.parts], mass, least=0)
        parts = tuple(replace(part, grams=share) for part, share in zip(line.parts, of_parts, strict=True))
        weighed.append(replace(line, grams=mass, parts=parts))
    return tuple(weighed)


def _row(leg: Leg, km: Decimal) -> str:
    if isinstance(leg, Flight):
        return f"flight.{'short' if km <= SHORT_HAUL_KM_MAX else 'long'}.{leg.cabin}"
    return f"car.{leg.fuel}" if isinstance(leg, Drive) else leg.mode


def _regions(country: str | None, scene: Place) -> tuple[str, ...]:
    """Return where to look for a row: the scene's province, then its country; another country has no province here."""
    if country not in (None, scene.country):
        return (country,)
    return (scene.city.split()[0], scene.country) if scene.city else (scene.country,)


def _distance_km(leg: Leg, field: str, release: Release) -> Decimal:
    if leg.km is not None:
        return leg.km
    ends = []
    for name in ("origin", "destination"):
        code = getattr(leg, name)
        if code not in release.airports:
            raise AnswersRefused(
                Sentence("There is no airport {code} in our table. Choose one from the list.", code=code),
                field=f"{field}/{name}",
            )
        ends.append(release.airports[code])
    km = great_circle_km(*ends)
    if km < 1:
        raise AnswersRefused(
            Sentence("These airports lie at the same place. Choose another one."), field=f"{field}/destination"
        )
    return km


def _warnings(answers: Answers, distances: Sequence[Decimal]) -> Iterator[Warned]:
    for i, (leg, km) in enumerate(zip(answers.legs, distances, strict=True)):
        if isinstance(leg, Flight):
            if leg.origin is not None and km < AIRPORTS_CLOSE_KM:
                yield Warned("airports_close", f"legs/{i}/destination")
            if km > FLIGHT_LONG_KM:
                yield Warned("flight_long", f"legs/{i}")
        elif km > LAND_LONG_KM:
            yield Warned("land_leg_long", f"legs/{i}/km")
        if isinstance(leg, Drive) and leg.occupants > OCCUPANTS_MANY:
            yield Warned("occupants_many", f"legs/{i}/occupants")
    for i, stay in enumerate(answers.stays):
        if stay.nights > NIGHTS_MANY:
            yield Warned("nights_many", f"stays/{i}/nights")
        if stay.guests > GUESTS_MANY:
            yield Warned("guests_many", f"stays/{i}/guests")
