"""Whose rules the words of a claim follow: those of the scene's city where it has its own, else of its country."""

from __future__ import annotations

from typing import Final

from services.calculator.domain.answers import Place

CITIES_WITH_RULES: Final = frozenset({"CN-SC Chengdu"})


def jurisdiction_of(place: Place) -> str:
    """Return the jurisdiction of claims about the place: `CN-SC Chengdu`, or a country such as `CN`."""
    return place.city if place.city in CITIES_WITH_RULES else place.country
