"""Which words a certificate may use: "neutral" where the law of its place and day allows it, else "offset"."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from typing import Literal

from shared.sentence import Sentence

ClaimWords = Literal["neutral", "offset"]
TITLES: dict[ClaimWords, Sentence] = {
    "neutral": Sentence("Carbon Neutral Certificate of Honor"),
    "offset": Sentence("Carbon Offset Certificate of Honor"),
}
# What stands in the place of a name that was erased.
ERASED = Sentence("Holder erased")

# fmt: off
EUROPEAN_UNION = (
    "AT", "BE", "BG", "CY", "CZ", "DE", "DK", "EE", "ES", "FI", "FR", "GR", "HR", "HU",
    "IE", "IT", "LT", "LU", "LV", "MT", "NL", "PL", "PT", "RO", "SE", "SI", "SK",
)
# fmt: on


@dataclass(frozen=True)
class ClaimRule:
    """What a law says about claims of neutrality that rest on credits, from a day on."""

    places: tuple[str, ...]
    since: date
    words: ClaimWords
    basis: str


RULES = (
    ClaimRule(
        ("CN-SC Chengdu",),
        date(2020, 3, 1),
        "neutral",
        "Chengdu, implementing opinions on the Carbon Generalised System of Preferences (碳惠天府), 2020",
    ),
    ClaimRule(
        ("CN",),
        date(2019, 5, 29),
        "neutral",
        "Ministry of Ecology and Environment, guideline on carbon neutrality of large events (trial), 2019",
    ),
    ClaimRule(
        EUROPEAN_UNION,
        date(2007, 12, 12),
        "neutral",
        "Directive 2005/29/EC: a claim that can be substantiated",
    ),
    ClaimRule(
        EUROPEAN_UNION,
        date(2026, 9, 27),
        "offset",
        "Directive (EU) 2024/825, point 4c of the annex: no neutrality based on offsetting towards consumers",
    ),
)


def claim_words(jurisdiction: str, day: date) -> ClaimWords:
    """Return the words for a jurisdiction (`CN`, `CN-SC Chengdu`) on a business day.

    The nearest place decides, its newest rule in force first; without a rule, the careful word.
    """
    in_force = [
        (len(place), rule.since, rule.words)
        for rule in RULES
        for place in rule.places
        if rule.since <= day and _within(jurisdiction, place)
    ]
    return max(in_force)[2] if in_force else "offset"


def statement(scene_name: str | None) -> Sentence:
    """Return what a certificate says of its mass in one sentence."""
    if scene_name is None:
        return Sentence("Offset to the last dot.")
    return Sentence("{scene}, offset to the last dot.", scene=scene_name)


def _within(jurisdiction: str, place: str) -> bool:
    return jurisdiction == place or jurisdiction.startswith((f"{place}-", f"{place} "))
