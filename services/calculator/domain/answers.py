"""What a guest answers about a trip to a conference, and which answers are refused before anything is computed."""

from __future__ import annotations

import json
from dataclasses import dataclass
from decimal import Decimal
from typing import Annotated, Literal, TypeVar, get_args

from pydantic import BaseModel, ConfigDict, Field, ValidationError, ValidationInfo, field_validator
from pydantic_core import ErrorDetails

from services.calculator.domain.limits import SENTENCES, Measure, Whole, wrong
from shared.refusal import Refusal
from shared.sentence import Sentence

BYTES_MAX = 65_536
LEGS_MAX = 50
STAYS_MAX = 20
ERRORS_MAX = 20
MEALS_A_DAY_MAX = 6

Basis = Literal["ticketed", "typed", "default"]
Cabin = Literal["economy", "premium_economy", "business", "first", "unknown"]
Fuel = Literal["petrol", "diesel", "hybrid", "plug_in_hybrid", "battery_electric", "unknown"]
RideMode = Literal["high_speed_train", "train", "metro", "bus", "coach", "taxi", "e_bike", "bicycle", "walk"]
Mode = Literal["plane", "car", RideMode]
HotelClass = Literal["average", "unclassified", "2", "3", "4", "5"]
Dish = Literal["vegan", "vegetarian", "white_meat", "fish", "red_meat"]
DISHES: tuple[Dish, ...] = get_args(Dish)

Iata = Annotated[str, Field(pattern=r"^[A-Z]{3}$", description="IATA code of an airport")]
Country = Annotated[str, Field(pattern=r"^[A-Z]{2}$", description="ISO 3166-1 alpha-2; absent: the scene's")]
FlightKm = Annotated[Decimal, Measure(1, 20_040)]
LandKm = Annotated[Decimal, Measure(0, 20_000)]
Trips = Annotated[int, Whole(1, 732), Field(description="how often the leg is travelled: 2 is there and back")]
Nights = Annotated[int, Whole(0, 366)]
Portions = Annotated[int, Whole(0, 2_196)]


class AnswersRefused(Refusal):
    """Some answers cannot be computed with (422); `facts["errors"]` lists each with its JSON Pointer."""

    code = "answers_refused"


class AnswersTooLarge(Refusal):
    """More bytes than any honest answer needs (413); nothing of it was read."""

    code = "answers_too_large"


@dataclass(frozen=True)
class Place:
    """A scene's country, city after its ISO 3166-2 subdivision (`CN-SC Chengdu`), airports, the usual one first."""

    country: str
    city: str | None = None
    airports: tuple[str, ...] = ()


class _Strict(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)


class Flight(_Strict):
    """A flight without a stop, between two airports or of known length; a stopover makes two flights."""

    mode: Annotated[Literal["plane"], Field(description="a flight")]
    cabin: Annotated[Cabin, Field(description="the class of the seat; `unknown` is counted as the mean of all")] = (
        "economy"
    )
    origin: Annotated[Iata | None, Field(description="where it starts; with `destination`, instead of `km`")] = None
    destination: Annotated[Iata | None, Field(description="where it lands")] = None
    km: Annotated[FlightKm | None, Field(validate_default=True, description="one way; instead of the two airports")] = (
        None
    )
    trips: Trips = 1
    basis: Annotated[Basis, Field(description="where the answer comes from: a ticket, the guest, or an assumption")] = (
        "ticketed"
    )

    @field_validator("destination")
    @classmethod
    def _ends_elsewhere(cls, destination: str | None, info: ValidationInfo) -> str | None:
        if destination is not None and destination == info.data.get("origin"):
            raise wrong("same_airport")
        return destination

    @field_validator("km")
    @classmethod
    def _one_way_to_know_its_length(cls, km: Decimal | None, info: ValidationInfo) -> Decimal | None:
        ends = {"origin", "destination"}
        if info.data.keys() >= ends and {info.data[end] is not None for end in ends} != {km is None}:
            raise wrong("route")
        return km


class Drive(_Strict):
    """A journey by car; the emissions are shared by all who sit in it."""

    mode: Annotated[Literal["car"], Field(description="a car")]
    fuel: Annotated[Fuel, Field(description="what it runs on; `unknown` is counted as the country's mean")] = "unknown"
    km: Annotated[LandKm, Field(description="one way, in kilometres")]
    occupants: Annotated[int, Whole(1, 9), Field(description="how many sit in it, the driver too")] = 1
    country: Annotated[Country | None, Field(description="whose power and fuel; null: the scene's country")] = None
    trips: Trips = 1
    basis: Annotated[Basis, Field(description="where the answer comes from: a ticket, the guest, or an assumption")] = (
        "typed"
    )


class Ride(_Strict):
    """A journey that is counted per passenger."""

    mode: Annotated[RideMode, Field(description="how the guest travelled")]
    km: Annotated[LandKm, Field(description="one way, in kilometres")]
    country: Annotated[Country | None, Field(description="whose trains and power; null: the scene's country")] = None
    trips: Trips = 1
    basis: Annotated[Basis, Field(description="where the answer comes from: a ticket, the guest, or an assumption")] = (
        "typed"
    )


Leg = Annotated[Flight | Drive | Ride, Field(discriminator="mode")]
MODES: tuple[Mode, ...] = get_args(Mode)


class Stay(_Strict):
    """Nights in one hotel room, or at home, with family or friends, where the household counts them."""

    kind: Annotated[Literal["hotel", "home"], Field(description="a hotel, or a home, which counts nothing here")] = (
        "hotel"
    )
    country: Annotated[Country | None, Field(description="whose hotels; null: the scene's country")] = None
    hotel_class: Annotated[HotelClass, Field(description="stars; `average` where they are not known")] = "average"
    nights: Annotated[Nights, Field(description="how many nights")]
    guests: Annotated[int, Whole(1, 10), Field(description="how many share the room")] = 1
    basis: Annotated[Basis, Field(description="where the answer comes from: a ticket, the guest, or an assumption")] = (
        "typed"
    )


class Meals(_Strict):
    """How many main meals of each kind one person ate."""

    vegan: Annotated[Portions, Field(description="meals without anything from animals")] = 0
    vegetarian: Annotated[Portions, Field(description="meals without meat and fish")] = 0
    white_meat: Annotated[Portions, Field(description="meals with poultry or pork")] = 0
    fish: Annotated[Portions, Field(description="meals with fish")] = 0
    red_meat: Annotated[Portions, Field(description="meals with beef or lamb")] = 0
    basis: Annotated[Basis, Field(description="where the answer comes from: a ticket, the guest, or an assumption")] = (
        "typed"
    )

    @property
    def total(self) -> int:
        """All meals."""
        return sum(getattr(self, dish) for dish in DISHES)


class Answers(_Strict):
    """One person's trip, counted for `people` who travelled alike; what is assumed stands in it, marked `default`."""

    people: Annotated[
        int, Whole(1, 50), Field(description="how many travelled alike; the result is for all of them")
    ] = 1
    days: Annotated[int, Whole(1, 366)] | None = Field(None, description="absent: the nights and one")
    legs: Annotated[
        tuple[Leg, ...],
        Field(
            max_length=LEGS_MAX,
            strict=False,
            description="every leg of the way, and of getting around; a way back is a leg, or `trips` of 2",
        ),
    ] = ()
    stays: Annotated[
        tuple[Stay, ...], Field(max_length=STAYS_MAX, strict=False, description="where the guest slept")
    ] = ()
    meals: Annotated[Meals, Field(description="main meals of one person over all days")] = Meals()

    @field_validator("legs")
    @classmethod
    def _no_way_back_twice(cls, legs: tuple[Flight | Drive | Ride, ...]) -> tuple[Flight | Drive | Ride, ...]:
        flights = {(leg.origin, leg.destination): number for number, leg in _flights(legs)}
        for number, leg in _flights(legs):
            back = flights.get((leg.destination, leg.origin))
            if leg.trips > 1 and back is not None:
                raise wrong("way_back_twice", back=back, there=number)
        return legs

    @field_validator("meals")
    @classmethod
    def _as_many_as_one_eats(cls, meals: Meals, info: ValidationInfo) -> Meals:
        if info.data.keys() >= {"days", "stays"}:
            days = info.data["days"] or sum(stay.nights for stay in info.data["stays"]) + 1
            if meals.total > MEALS_A_DAY_MAX * days:
                raise wrong("meals", high=MEALS_A_DAY_MAX * days, days=days)
        return meals


def _flights(legs: tuple[Flight | Drive | Ride, ...]) -> list[tuple[int, Flight]]:
    return [(number, leg) for number, leg in enumerate(legs, 1) if isinstance(leg, Flight) and leg.origin]


def parse_answers(raw: bytes) -> Answers:
    """Return the answers in a JSON text. Raises AnswersTooLarge before reading, AnswersRefused naming each field."""
    if len(raw) > BYTES_MAX:
        raise AnswersTooLarge(Sentence("Send at most {bytes} bytes.", bytes=BYTES_MAX))
    try:
        value = json.loads(raw, parse_float=Decimal, parse_int=Decimal, parse_constant=Decimal)
    except (ValueError, RecursionError):
        raise AnswersRefused(Sentence("Send the answers as one JSON object.")) from None
    return read_answers(value)


def read_answers(value: object) -> Answers:
    """Return the answers in a mapping of JSON values or form texts. Raises AnswersRefused naming each field."""
    return read(Answers, value)


ModelT = TypeVar("ModelT", bound=BaseModel)


def read(model: type[ModelT], value: object) -> ModelT:
    """Return the value as the model. Raises AnswersRefused naming each field and what to do."""
    try:
        return model.model_validate(value)
    except ValidationError as failure:
        errors = [_field_error(error) for error in failure.errors(include_url=False, include_input=False)[:ERRORS_MAX]]
    field = errors[0]["pointer"].removeprefix("/")
    detail = Sentence("{field}: {what}", field=field or "answers", what=errors[0]["detail"])
    raise AnswersRefused(detail, field=field or None, errors=errors)


def _field_error(error: ErrorDetails) -> dict[str, str]:
    # Between the number of a leg and its field stands the mode that chose its model; it is no step of the JSON.
    steps = [step for place, step in enumerate(error["loc"]) if not (place == 2 and error["loc"][0] == "legs")]
    kind, facts = error["type"], error.get("ctx", {})
    if kind in {"union_tag_invalid", "union_tag_not_found"}:
        steps.append("mode")
        kind, facts = "mode", {"modes": ", ".join(MODES)}
    detail = Sentence(SENTENCES[kind].template, **facts) if kind in SENTENCES else error["msg"]
    return {"pointer": "".join(f"/{step}" for step in steps), "detail": detail}
