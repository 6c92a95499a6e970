"""The calculator's form: its fields with what stands in them at first, and how what was typed becomes answers."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, Final

from services.calculator import domain

DEFAULTS: Final[Mapping[str, str]] = {
    "mode": "plane",
    "origin": "",
    "stay": "hotel",
    "nights": "2",
    "meals": "4",
    "cabin": "economy",
    "return_trip": "yes",
    "distance_km": "",
    "occupants": "1",
    "leg2_mode": "",
    "leg2_km": "",
    "metro_km": "",
    "hotel_class": "average",
    "guests_per_room": "1",
    **{f"meals_{dish}": "" for dish in domain.DISHES},
}
# Usual answers stand there already; who changes one of these has refined.
REFINED: Final = frozenset(DEFAULTS) - {"mode", "origin", "stay", "nights", "meals"}
_COUNT = re.compile(r"[0-9]{0,9}")
_CODE = re.compile(r"\b([A-Z]{3})\b(?=\)|$)")


class FormWrong(Exception):
    """Some fields cannot be used; `errors` has a sentence for each."""

    def __init__(self, errors: dict[str, str]) -> None:
        super().__init__(", ".join(errors))
        self.errors = errors


def read_form(typed: Mapping[str, str], scene: domain.Scene, release: domain.Release) -> domain.Answers:
    """Return the answers that the form gives. Raises FormWrong naming every field that is wrong."""
    reader = _Reader({name: typed.get(name, "").strip() for name in DEFAULTS}, scene, release)
    asked = reader.answers()
    if reader.errors:
        raise FormWrong(reader.errors)
    try:
        return domain.read_answers(asked)
    except domain.AnswersRefused as refused:
        errors = {reader.field_of(error["pointer"]): error["detail"] for error in refused.facts.get("errors", ())}
        raise FormWrong(errors or {refused.field or "mode": refused.detail}) from None


def as_typed(answers: Mapping[str, Any], release: domain.Release) -> dict[str, str]:
    """Return what the form shows for answers that were given before, as far as it has fields for them."""
    typed = {**DEFAULTS, "return_trip": ""}
    legs = list(answers.get("legs", ()))
    if legs:
        _first_leg(typed, legs.pop(0), release)
    for leg in legs:
        # The metro's kilometres are all of it; a second leg goes there and back as the first one does.
        if leg["mode"] == "metro" and leg["trips"] == 1 and not typed["metro_km"]:
            typed["metro_km"] = leg["km"]
        else:
            typed |= {"leg2_mode": leg["mode"], "leg2_km": leg["km"]}
    stay = next(iter(answers.get("stays", ())), None)
    typed["stay"] = stay["kind"] if stay else "none"
    typed["nights"] = str(stay["nights"]) if stay else "0"
    if stay:
        typed |= {"hotel_class": stay["hotel_class"], "guests_per_room": str(stay["guests"])}
    meals = answers.get("meals", {})
    typed["meals"] = str(sum(meals.get(dish, 0) for dish in domain.DISHES))
    if meals and {dish: meals[dish] for dish in domain.DISHES} != _usual_mix(int(typed["meals"])):
        typed |= {f"meals_{dish}": str(meals.get(dish, 0)) for dish in domain.DISHES}
    return typed


def _usual_mix(meals: int) -> dict[str, int]:
    """Return meals of which nothing is known but their number: half vegetarian, half red meat."""
    return {**dict.fromkeys(domain.DISHES, 0), "vegetarian": meals // 2, "red_meat": meals - meals // 2}


def _first_leg(typed: dict[str, str], leg: Mapping[str, Any], release: domain.Release) -> None:
    typed["mode"] = leg["mode"]
    typed["return_trip"] = "yes" if leg["trips"] == 2 else ""
    if leg["mode"] == "plane":
        airport = release.airports.get(leg["origin"] or "")
        typed |= {"origin": f"{airport.city} ({airport.iata})" if airport else "", "cabin": leg["cabin"]}
    else:
        typed["distance_km"] = str(leg["km"])
        typed["occupants"] = str(leg.get("occupants", 1))


class _Reader:
    """Reads one form; collects what is wrong, and remembers which answer came from which field."""

    def __init__(self, typed: Mapping[str, str], scene: domain.Scene, release: domain.Release) -> None:
        self._typed, self._scene, self._release = typed, scene, release
        self._sources: dict[str, str] = {}
        self.errors: dict[str, str] = {}

    def answers(self) -> dict[str, Any]:
        typed = self._typed
        legs = [leg for leg in (self._main_leg(), self._second_leg(), self._metro_leg()) if leg]
        stays: list[dict[str, Any]] = []
        if typed["stay"] in {"hotel", "home"}:
            stays = [
                {
                    "kind": typed["stay"],
                    "nights": typed["nights"] or "0",
                    "hotel_class": typed["hotel_class"],
                    "guests": typed["guests_per_room"],
                    "basis": "typed",
                }
            ]
        elif typed["stay"] != "none":
            self.errors["stay"] = "Choose where you slept."
        elif typed["nights"] not in {"", "0"}:
            self.errors["nights"] = "Enter 0 nights, or say where you slept."
        self._sources |= {"/stays/0/nights": "nights", "/stays/0/hotel_class": "hotel_class"}
        self._sources["/stays/0/guests"] = "guests_per_room"
        return {"legs": legs, "stays": stays, "meals": self._meals()}

    def field_of(self, pointer: str) -> str:
        """Return the form's field behind an answer, the nearest known one."""
        while pointer and pointer not in self._sources:
            pointer = pointer.rpartition("/")[0]
        return self._sources.get(pointer, "mode")

    def _main_leg(self) -> dict[str, Any] | None:
        typed = self._typed
        mode, trips = typed["mode"], 2 if typed["return_trip"] else 1
        self._sources |= {"/legs/0/km": "distance_km", "/legs/0/origin": "origin", "/legs/0/cabin": "cabin"}
        self._sources["/legs/0/occupants"] = "occupants"
        if mode == "plane":
            if (origin := self._airport()) is None:
                return None
            destination = next(iter(self._scene.airports), None)
            if destination is None or origin in self._scene.airports:
                self.errors["origin"] = "Enter another airport, or another way of travelling."
                return None
            leg: dict[str, Any] = {"mode": mode, "origin": origin, "destination": destination}
            return {**leg, "cabin": typed["cabin"], "trips": trips, "basis": "ticketed"}
        if mode not in domain.MODES:
            self.errors["mode"] = "Choose how you came."
            return None
        km, basis = (typed["distance_km"], "typed") if typed["distance_km"] else (self._usual_km(mode), "default")
        if km is None:
            return None
        leg = {"mode": mode, "km": km, "trips": trips, "basis": basis}
        return {**leg, "occupants": typed["occupants"] or "1"} if mode == "car" else leg

    def _second_leg(self) -> dict[str, Any] | None:
        mode = self._typed["leg2_mode"]
        if not mode:
            if self._typed["leg2_km"]:
                self.errors["leg2_mode"] = "Choose how you went on the second leg, or leave its kilometres out."
            return None
        if mode == "plane":
            self.errors["leg2_mode"] = "Choose a way over land, and give the flight as the longest part."
        elif not self._typed["leg2_km"]:
            self.errors["leg2_km"] = "Enter the kilometres one way."
        self._sources |= {"/legs/1": "leg2_mode", "/legs/1/km": "leg2_km"}
        trips = 2 if self._typed["return_trip"] else 1
        return {"mode": mode, "km": self._typed["leg2_km"], "trips": trips, "basis": "typed"}

    def _metro_leg(self) -> dict[str, Any] | None:
        if not self._typed["metro_km"]:
            return None
        number = 2 if self._typed["leg2_mode"] else 1
        self._sources[f"/legs/{number}/km"] = "metro_km"
        return {"mode": "metro", "km": self._typed["metro_km"], "trips": 1, "basis": "typed"}

    def _meals(self) -> dict[str, Any]:
        """Take the meals of each kind; what is left open counts as the usual mix."""
        typed = self._typed
        counts = {dish: typed[f"meals_{dish}"] for dish in domain.DISHES}
        self._sources |= {f"/meals/{dish}": f"meals_{dish}" for dish in domain.DISHES} | {"/meals": "meals"}
        if not _COUNT.fullmatch(typed["meals"]):
            self.errors["meals"] = "Enter a whole number from 0 to 2196."
            return {}
        if not all(map(_COUNT.fullmatch, counts.values())):
            return {dish: text or "0" for dish, text in counts.items()}
        given = {dish: int(text or 0) for dish, text in counts.items()}
        left = int(typed["meals"] or 0) - sum(given.values())
        if left < 0:
            self.errors["meals"] = f"Enter {sum(given.values())}, or fewer meals of the kinds below."
        mix = _usual_mix(max(left, 0))
        return {**{dish: given[dish] + mix[dish] for dish in given}, "basis": "default" if left > 0 else "typed"}

    def _airport(self, *, by_land: bool = False) -> str | None:
        """Return the code of the airport that was typed, when it is clear which one is meant, else say what is wrong.

        By land any airport of the city will do.
        """
        text = self._typed["origin"]
        if not text:
            self.errors["origin"] = "Enter the city or airport where you set out."
            return None
        if (code := _CODE.search(text)) and code[1] in self._release.airports:
            return code[1]
        found = domain.search_airports(text, self._release)
        if not found:
            self.errors["origin"] = f"We know no airport called {text}. Try its city in English, or a code such as PEK."
            return None
        if by_land and text.casefold() == found[0].city.casefold():
            return found[0].iata
        if len(found) > 1 and text.upper() != found[0].iata:
            offered = ", ".join(f"{airport.city} ({airport.iata})" for airport in found[:4])
            self.errors["origin"] = f"Which one? Enter the code: {offered}."
            return None
        return found[0].iata

    def _usual_km(self, mode: str) -> str | None:
        """Return a length of the journey that nobody typed: over land by its two cities, where a detour is known."""
        if mode == "walk":
            return "1"
        if mode not in domain.DETOURS or not self._scene.airports:
            self.errors["distance_km"] = "Enter the kilometres one way."
            return None
        origin = self._airport(by_land=True)
        if origin is None:
            return None
        if origin in self._scene.airports:
            self.errors["origin"] = "Enter another city, or the kilometres one way."
            return None
        ends = (self._release.airports[code] for code in (origin, self._scene.airports[0]))
        return str(domain.land_km(domain.great_circle_km(*ends), mode))
