"""How airports are written and found: by code, or by their city as it is called in English, Chinese or Hindi."""

from __future__ import annotations

import re
from collections.abc import Mapping

from services.calculator.domain.airports import is_city, search_airports
from services.calculator.domain.factors import Airport, Release
from services.calculator.factors import city_names, main_airports
from shared.sentence import Sentence
from shared.web.languages import Language

OFFERED = 4
_CODE = re.compile(r"(?<![A-Z])([A-Z]{3})(?=[)）]|$)")


class PlaceUnclear(Exception):
    """What was typed means no airport, or more than one; `sentence` says what to do."""

    def __init__(self, sentence: Sentence) -> None:
        super().__init__(sentence)
        self.sentence = sentence


def written(airport: Airport, language: Language) -> str:
    """Return an airport as a field shows it: Beijing (PEK), 北京 (PEK)."""
    names: Mapping[str, str] = city_names().get((airport.country, airport.city), {})
    return f"{names.get(language) or airport.city or airport.name} ({airport.iata})"


def found(text: str, release: Release) -> tuple[Airport, ...]:
    """Return the airports that a text means, the best first."""
    return search_airports(text, release, city_names(), main_airports())


def meant(text: str, release: Release, language: Language, *, any_of_city: bool = False) -> Airport:
    """Return the airport that is clearly meant. Raises PlaceUnclear.

    By land any airport of the city will do (`any_of_city`).
    """
    text = text.strip()
    if not text:
        raise PlaceUnclear(Sentence("Enter the city or airport where you set out."))
    if (code := _CODE.search(text)) and code[1] in release.airports:
        return release.airports[code[1]]
    airports = found(text, release)
    if not airports:
        raise PlaceUnclear(
            Sentence("We know no airport called {text}. Try its city in English, or a code such as PEK.", text=text)
        )
    best = airports[0]
    alone = len(airports) == 1 or text.upper() == best.iata
    if alone or (any_of_city and is_city(text, best, city_names())):
        return best
    offered = ", ".join(written(airport, language) for airport in airports[:OFFERED])
    raise PlaceUnclear(Sentence("Which one? Enter the code: {offered}.", offered=offered))
