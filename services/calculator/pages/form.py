"""The three questions: their fields with what stands in them at first, and how what was typed becomes answers."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, Final

from services.calculator.domain.airports import DETOURS, great_circle_km, land_km
from services.calculator.domain.answers import DISHES, MODES, AnswersRefused, read_answers
from services.calculator.domain.factors import Airport, Release
from services.calculator.domain.scenes import Scene
from services.calculator.pages import places
from shared.sentence import Sentence
from shared.web.languages import Language

DEFAULTS: Final[Mapping[str, str]] = {
    "mode": "plane",
    "origin": "",
    "km": "",
    "stay": "hotel",
    "nights": "2",
    "meals": "4",
}
STAYS: Final = ("hotel", "home", "none")
# Beyond these a journey of which nobody typed the length is not guessed.
WALK_KM: Final = "1"
MEALS_MAX: Final = 2_196
_COUNT = re.compile(r"[0-9]{0,9}")


class FormWrong(Exception):
    """Some fields cannot be used; `errors` has a sentence for each."""

    def __init__(self, errors: dict[str, str]) -> None:
        super().__init__(", ".join(errors))
        self.errors = errors


def read_questions(typed: Mapping[str, str], scene: Scene, release: Release, language: Language) -> dict[str, Any]:
    """Return the answers that the three questions give, as JSON has them. Raises FormWrong naming every wrong field."""
    typed = {name: typed.get(name, "").strip() for name in DEFAULTS}
    errors: dict[str, str] = {}
    leg = _journey(typed, scene, release, language, errors)
    given: dict[str, Any] = {
        "legs": [leg] if leg else [],
        "stays": _stays(typed, errors),
        "meals": _meals(typed, errors),
    }
    sources = {"/legs/0/km": "km", "/legs": "origin", "/stays": "nights", "/meals": "meals"}
    return checked(given, errors, sources)


def checked(given: dict[str, Any], errors: dict[str, str], sources: Mapping[str, str]) -> dict[str, Any]:
    """Return the answers if all can be used. Raises FormWrong; `sources` names the field behind a JSON Pointer."""
    if errors:
        raise FormWrong(errors)
    try:
        read_answers(given)
    except AnswersRefused as refused:
        for error in refused.facts["errors"]:
            errors.setdefault(_field_of(error["pointer"], sources), error["detail"])
        raise FormWrong(errors) from None
    return given


def usual_mix(meals: int) -> dict[str, int]:
    """Return meals of which nothing is known but their number: half vegetarian, half red meat."""
    return {**dict.fromkeys(DISHES, 0), "vegetarian": meals // 2, "red_meat": meals - meals // 2}


def usual_km(mode: str, origin: Airport, scene: Scene, release: Release) -> str | None:
    """Return the length of a journey over land between two cities, where the mode's detour is known."""
    if mode not in DETOURS or not scene.airports or origin.iata in scene.airports:
        return None
    circle_km = great_circle_km(origin, release.airports[scene.airports[0]])
    return str(land_km(circle_km, mode))


def _journey(
    typed: Mapping[str, str], scene: Scene, release: Release, language: Language, errors: dict[str, str]
) -> dict[str, Any] | None:
    mode = typed["mode"]
    if mode == "plane":
        return _flight(typed["origin"], scene, release, language, errors)
    if mode not in MODES:
        errors["mode"] = Sentence("Choose how you came.")
    elif typed["km"]:
        return _ride(mode, typed["km"], "typed")
    elif mode == "walk":
        return _ride(mode, WALK_KM, "default")
    elif mode not in DETOURS:
        errors["km"] = Sentence("Enter the kilometres one way.")
    elif origin := _origin(typed["origin"], release, language, errors, any_of_city=True):
        if km := usual_km(mode, origin, scene, release):
            return _ride(mode, km, "default")
        errors["origin"] = Sentence("Enter another city, or the kilometres one way.")
    return None


def _flight(
    text: str, scene: Scene, release: Release, language: Language, errors: dict[str, str]
) -> dict[str, Any] | None:
    origin = _origin(text, release, language, errors)
    if origin is None:
        return None
    if not scene.airports or origin.iata in scene.airports:
        errors["origin"] = Sentence("Enter another airport, or another way of travelling.")
        return None
    ends = {"origin": origin.iata, "destination": scene.airports[0]}
    return {"mode": "plane", **ends, "cabin": "economy", "trips": 2, "basis": "ticketed"}


def _origin(
    text: str, release: Release, language: Language, errors: dict[str, str], *, any_of_city: bool = False
) -> Airport | None:
    try:
        return places.meant(text, release, language, any_of_city=any_of_city)
    except places.PlaceUnclear as unclear:
        errors["origin"] = unclear.sentence
        return None


def _ride(mode: str, km: str, basis: str) -> dict[str, Any]:
    return {"mode": mode, "km": km, "trips": 2, "basis": basis}


def _stays(typed: Mapping[str, str], errors: dict[str, str]) -> list[dict[str, Any]]:
    if typed["stay"] in {"hotel", "home"}:
        # No nights at a place are no stay: the number decides.
        return [{"kind": typed["stay"], "nights": typed["nights"] or "0", "basis": "typed"}]
    if typed["stay"] != "none":
        errors["stay"] = Sentence("Choose where you slept.")
    return []


def _meals(typed: Mapping[str, str], errors: dict[str, str]) -> dict[str, Any]:
    if not _COUNT.fullmatch(typed["meals"]) or int(typed["meals"] or 0) > MEALS_MAX:
        errors["meals"] = Sentence("Enter a whole number from {low} to {high}.", low=0, high=MEALS_MAX)
        return {}
    return {**usual_mix(int(typed["meals"] or 0)), "basis": "default"}


def _field_of(pointer: str, sources: Mapping[str, str]) -> str:
    while pointer and pointer not in sources:
        pointer = pointer.rpartition("/")[0]
    return sources.get(pointer, next(iter(sources.values())))
