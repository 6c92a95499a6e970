"""How three answers become a whole set: what is not asked is assumed, written out and marked as default."""

from __future__ import annotations

from decimal import Decimal
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationInfo, field_validator
from pydantic_core import PydanticCustomError

from services.calculator.domain.answers import (
    MEALS_A_DAY_MAX,
    Answers,
    AnswersRefused,
    Drive,
    Flight,
    Iata,
    Leg,
    Meals,
    Mode,
    Nights,
    Place,
    Portions,
    Ride,
    Stay,
    read,
)
from services.calculator.domain.limits import Measure

THERE_AND_BACK = 2
DAYS_MAX = 366

# What is a length for every mode.
Km = Annotated[Decimal, Measure(1, 20_000)]


class ThreeAnswers(BaseModel):
    """How one came and from where, where one slept, how many nights and meals; `origin` counts for a plane only."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)

    came_by: Mode
    origin: Iata | None = None
    km: Annotated[Km | None, Field(validate_default=True, description="one way; a plane has its origin instead")] = None
    slept: Literal["hotel", "home", "none"]
    nights: Nights = 0
    meals: Portions = 0

    @field_validator("km")
    @classmethod
    def _long_as_far_as_known(cls, km: Decimal | None, info: ValidationInfo) -> Decimal | None:
        if info.data.keys() >= {"came_by", "origin"}:
            has_origin = info.data["came_by"] == "plane" and info.data["origin"] is not None
            if has_origin != (km is None):
                raise PydanticCustomError("route", "Enter the airport for a plane, else the kilometres of one way.")
        return km

    @field_validator("nights")
    @classmethod
    def _none_without_a_stay(cls, nights: int, info: ValidationInfo) -> int:
        if nights and info.data.get("slept") == "none":
            raise PydanticCustomError("nights", "Enter 0 nights, or say where you slept.")
        return nights

    @field_validator("meals")
    @classmethod
    def _as_many_as_one_eats(cls, meals: int, info: ValidationInfo) -> int:
        high = MEALS_A_DAY_MAX * _days(info.data.get("nights", 0))
        if meals > high:
            raise PydanticCustomError("meals", "Enter at most {high} meals.", {"high": high})
        return meals


def read_three(value: object) -> ThreeAnswers:
    """Return the three answers in a mapping of JSON values or form texts. Raises AnswersRefused naming each field."""
    return read(ThreeAnswers, value)


def answers_from_three(three: ThreeAnswers, *, scene: Place) -> Answers:
    """Return full answers: there and back, economy, alone in an average hotel room, half the meals with red meat.

    Half red meat and half vegetarian lies on the careful side of one with chicken or pork; an odd meal is red meat.
    Raises AnswersRefused when a plane cannot reach the scene.
    """
    stays = (
        (Stay(kind=three.slept, country=scene.country, nights=three.nights, guests=1, basis="default"),)
        if (three.slept != "none")
        else ()
    )
    vegetarian = three.meals // 2
    return Answers(
        people=1,
        days=_days(three.nights),
        legs=(_leg(three, scene),),
        stays=stays,
        meals=Meals(red_meat=three.meals - vegetarian, vegetarian=vegetarian, basis="default"),
    )


def _days(nights: int) -> int:
    return min(nights + 1, DAYS_MAX)


def _leg(three: ThreeAnswers, scene: Place) -> Leg:
    trips = THERE_AND_BACK
    if three.came_by == "plane":
        if three.km is not None:
            return Flight(mode="plane", cabin="economy", km=three.km, trips=trips, basis="default")
        destination = next(iter(scene.airports), None)
        if destination is None or three.origin in scene.airports:
            raise AnswersRefused("Enter another airport, or another way of travelling.", field="origin")
        return Flight(
            mode="plane", cabin="economy", origin=three.origin, destination=destination, trips=trips, basis="default"
        )
    assert three.km is not None, "every other way has its kilometres"
    if three.came_by == "car":
        return Drive(mode="car", fuel="unknown", km=three.km, occupants=1, trips=trips, basis="default")
    return Ride(mode=three.came_by, km=three.km, trips=trips, basis="default")
