"""The refined form: every leg, the room and the dishes, as fields with what stands in them, and as answers again."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, Final

from services.calculator.domain.answers import DISHES
from services.calculator.domain.factors import Release
from services.calculator.pages import places
from services.calculator.pages.form import STAYS, checked
from shared.sentence import Sentence
from shared.web.languages import Language

LEGS_MAX: Final = 12
LEG: Final[Mapping[str, str]] = {
    "mode": "metro",
    "cabin": "economy",
    "origin": "",
    "destination": "",
    "km": "",
    # The kilometres as we estimated them: while nobody changes them they stay an estimate.
    "estimate": "",
    "back": "",
    "times": "1",
    "occupants": "1",
    "fuel": "unknown",
}
REST: Final[Mapping[str, str]] = {
    "people": "1",
    "stay": "none",
    "country": "",
    "hotel_class": "average",
    "nights": "0",
    "guests_per_room": "1",
    **{f"meals_{dish}": "0" for dish in DISHES},
}
ADD_LEG, REMOVE_LEG = "add-leg", "remove-leg-"
_LEG_FIELD = re.compile(r"legs-([0-9]{1,2})-([a-z]+)")
_LEG_NUMBER = re.compile(r"[0-9]{1,2}")
_PLAIN = re.compile(r"[0-9]{1,4}")
_BACK: Final = 2

Leg = dict[str, str]


class Typed:
    """What stands in the refined form."""

    def __init__(self, legs: list[Leg], rest: Mapping[str, str]) -> None:
        self.legs, self.rest = legs, dict(rest)

    @classmethod
    def of_form(cls, form: Mapping[str, str]) -> Typed:
        """Return what was typed; a leg is there when any of its fields is."""
        legs: dict[int, Leg] = {}
        for name, value in form.items():
            if (field := _LEG_FIELD.fullmatch(name)) and field[2] in LEG:
                legs.setdefault(int(field[1]), {**LEG, "back": ""})[field[2]] = value.strip()
        # A year of journeys has no field for nights and meals.
        rest = {name: form.get(name, usual).strip() for name, usual in REST.items()}
        return cls([legs[number] for number in sorted(legs)][:LEGS_MAX], rest)

    @classmethod
    def of_answers(cls, answers: Mapping[str, Any], country: str, release: Release, language: Language) -> Typed:
        """Return what the form shows for answers that were given before, as far as it has fields for them."""
        legs = [_shown_leg(leg, release, language) for leg in answers.get("legs", ())][:LEGS_MAX]
        stay = next(iter(answers.get("stays", ())), None)
        meals = answers.get("meals", {})
        rest = {**REST, "people": str(answers.get("people", 1)), "country": country}
        if stay:
            rest |= {
                "stay": stay.get("kind", "hotel"),
                "country": stay.get("country") or country,
                "hotel_class": stay.get("hotel_class", "average"),
                "nights": str(stay["nights"]),
                "guests_per_room": str(stay.get("guests", 1)),
            }
        rest |= {f"meals_{dish}": str(meals.get(dish, 0)) for dish in DISHES}
        return cls(legs, rest)

    def changed(self, do: str) -> Typed:
        """Return the form with another empty leg ("add-leg"), or without one ("remove-leg-0")."""
        legs = list(self.legs)
        number = do.removeprefix(REMOVE_LEG)
        if do == ADD_LEG and len(legs) < LEGS_MAX:
            legs.append(dict(LEG))
        elif _LEG_NUMBER.fullmatch(number) and int(number) < len(legs):
            del legs[int(number)]
        return Typed(legs, self.rest)

    def answers(self, release: Release, language: Language) -> dict[str, Any]:
        """Return the answers that the fields give, as JSON has them. Raises FormWrong naming every wrong field."""
        errors: dict[str, str] = {}
        sources: dict[str, str] = {}
        legs = []
        for number, leg in enumerate(self.legs):
            field = f"legs-{number}"
            sources |= {f"/legs/{number}/{name}": f"{field}-{name}" for name in LEG}
            sources |= {f"/legs/{number}": f"{field}-mode", f"/legs/{number}/trips": f"{field}-times"}
            legs.append(_leg(leg, field, release, language, errors))
        rest = self.rest
        stays: list[dict[str, Any]] = []
        if rest["stay"] not in STAYS:
            errors["stay"] = Sentence("Choose where you slept.")
        elif rest["stay"] != "none":
            stay: dict[str, Any] = {"kind": rest["stay"], "nights": rest["nights"] or "0", "basis": "typed"}
            if rest["stay"] == "hotel":
                room = {"hotel_class": rest["hotel_class"], "guests": rest["guests_per_room"]}
                stay |= {**room, "country": rest["country"] or None}
            stays = [stay]
        sources |= {
            "/people": "people",
            "/stays/0/nights": "nights",
            "/stays/0/country": "country",
            "/stays/0/hotel_class": "hotel_class",
            "/stays/0/guests": "guests_per_room",
            "/meals": f"meals_{DISHES[0]}",
        }
        sources |= {f"/meals/{dish}": f"meals_{dish}" for dish in DISHES}
        meals: dict[str, str] = {dish: rest[f"meals_{dish}"] or "0" for dish in DISHES}
        given = {"people": rest["people"] or "1", "legs": legs, "stays": stays, "meals": {**meals, "basis": "typed"}}
        return checked(given, errors, sources)


def _shown_leg(leg: Mapping[str, Any], release: Release, language: Language) -> Leg:
    trips = int(leg.get("trips", 1))
    back = trips % _BACK == 0
    shown = {**LEG, "mode": leg["mode"], "back": "yes" if back else "", "times": str(trips // _BACK if back else trips)}
    if leg.get("km") is not None:
        shown["km"] = str(leg["km"])
        shown["estimate"] = shown["km"] if leg.get("basis") == "default" else ""
    if leg["mode"] == "plane":
        shown["cabin"] = leg.get("cabin", "economy")
        for end in ("origin", "destination"):
            airport = release.airports.get(leg.get(end) or "")
            shown[end] = places.written(airport, language) if airport else ""
    if leg["mode"] == "car":
        shown |= {"occupants": str(leg.get("occupants", 1)), "fuel": leg.get("fuel", "unknown")}
    return shown


def _trips(leg: Leg) -> str:
    """Return how often a leg is travelled; what is no number of times stays as it is, to be refused by its name."""
    times = leg["times"] or "1"
    return str(int(times) * _BACK) if leg["back"] and _PLAIN.fullmatch(times) else times


def _leg(leg: Leg, field: str, release: Release, language: Language, errors: dict[str, str]) -> dict[str, Any]:
    mode = leg["mode"]
    given: dict[str, Any] = {"mode": mode, "trips": _trips(leg)}
    if mode == "plane":
        given["cabin"] = leg["cabin"]
        if leg["km"] and not (leg["origin"] or leg["destination"]):
            return {**given, "km": leg["km"], "basis": "typed"}
        for end in ("origin", "destination"):
            try:
                given[end] = places.meant(leg[end], release, language).iata
            except places.PlaceUnclear as unclear:
                errors[f"{field}-{end}"] = unclear.sentence
        return {**given, "basis": "ticketed"}
    given |= {"km": leg["km"], "basis": "default" if leg["km"] and leg["km"] == leg["estimate"] else "typed"}
    if not leg["km"]:
        errors[f"{field}-km"] = Sentence("Enter the kilometres one way.")
    if mode == "car":
        given |= {"occupants": leg["occupants"], "fuel": leg["fuel"]}
    return given
