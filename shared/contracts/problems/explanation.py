"""What is said of a code."""

from __future__ import annotations

from dataclasses import dataclass

from shared.sentence import Sentence


@dataclass(frozen=True)
class Explanation:
    """The HTTP status that a code comes with, what it means, and what to do."""

    status: int
    meaning: Sentence
    remedy: Sentence
