"""Whether two folds of the same events came to the same boards."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

from pydantic import Field

from services.ranking.domain.facts import FACTS, Facts


@dataclass(frozen=True, slots=True)
class Comparison:
    """What was compared, and how much of it differs: facts, and the boards that somebody has looked at."""

    facts: Annotated[int, Field(description="how many facts the log gives")]
    facts_differ: Annotated[int, Field(description="how many of them were otherwise before")]
    boards: Annotated[int, Field(description="how many boards were compared")]
    boards_differ: Annotated[int, Field(description="how many of them were otherwise before")]


@dataclass(frozen=True, slots=True)
class Progress:
    """How far a replica has come with a rebuild: messages folded of those to fold, and the comparison at the end."""

    replica: Annotated[str, Field(description="the replica's name")]
    folded: Annotated[int, Field(description="how many messages it has folded")]
    to_fold: Annotated[int, Field(description="how many there are to fold")]
    comparison: Annotated[Comparison | None, Field(description="what came out; null until all is folded")] = None


def differing(mine: Facts, theirs: Facts) -> tuple[int, int]:
    """Return how many facts there are, and how many of them one side lacks or has otherwise."""
    both = [(mine[kind], theirs[kind]) for kind in FACTS]
    differ = sum(one.get(about) != other.get(about) for one, other in both for about in one.keys() | other.keys())
    return sum(len(other) for _, other in both), differ
