"""Knows which characters a certificate can print: names travel in events only if it can print them."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable
from functools import cache
from pathlib import Path
from typing import Annotated

from pydantic import AfterValidator, Field

from shared.contracts.event import LanguageTag

COVERAGE = Path(__file__).with_name("printable.txt")


def unprintable(text: str) -> tuple[str, ...]:
    """Return the characters of a text that no font of the certificate can print, each once, in their order."""
    missing: dict[str, None] = {}
    for cluster in _clusters(text):
        lacking = [[character for character in cluster if character not in family] for family in _coverage()]
        # The font that has the letter itself says which of its marks are too many.
        fewest = min(lacking, key=lambda lacks: (cluster[0] in lacks, len(lacks)))
        missing |= dict.fromkeys(fewest)
    return tuple(missing)


def spelled(characters: Iterable[str]) -> str:
    """Return characters for a message, each with its code point: not every one can be seen."""
    return ", ".join(f"{character} (U+{ord(character):04X})" for character in characters)


def checked(text: str) -> str:
    """Return the text. Raises ValueError, which names the characters that cannot be printed."""
    if characters := unprintable(text):
        raise ValueError(f"write it without {spelled(characters)}, which a certificate cannot print")
    return text


Printable = AfterValidator(checked)
PrintableNames = Annotated[
    dict[LanguageTag, Annotated[str, Field(min_length=1, max_length=200), Printable]],
    Field(min_length=1, max_length=10, description="text by language tag, in characters that a certificate can print"),
]


def _clusters(text: str) -> list[str]:
    """Cut a text before each character that starts a new sign: what one sign needs must come from one font."""
    clusters: list[str] = []
    for character in text:
        if clusters and (unicodedata.category(character).startswith("M") or character in "\u200c\u200d"):
            clusters[-1] += character
        else:
            clusters.append(character)
    return clusters


@cache
def _coverage() -> tuple[frozenset[str], ...]:
    """Read, once, what each family of fonts covers; `build_fonts.py` of certificates wrote it down."""
    families = (line.partition(": ") for line in COVERAGE.read_text(encoding="ascii").splitlines())
    return tuple(frozenset(chr(point) for run in runs.split() for point in _points(run)) for _, _, runs in families)


def _points(run: str) -> range:
    first, last = (int(point, 16) for point in run.split("-"))
    return range(first, last + 1)
