"""Whether two folds of the same events came to the same boards."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from services.ranking.domain.boards import Boards
from services.ranking.domain.facts import FACTS


@dataclass(frozen=True, slots=True)
class Comparison:
    """What was compared, and how much of it differs: facts, and the boards that somebody has looked at."""

    facts: int
    facts_differ: int
    boards: int
    boards_differ: int


@dataclass(frozen=True, slots=True)
class Progress:
    """How far a replica has come with a rebuild: messages folded of those to fold, and the comparison at the end."""

    replica: str
    folded: int
    to_fold: int
    comparison: Comparison | None = None


def compare(live: Boards, rebuilt: Boards, now: datetime) -> Comparison:
    """Compare what both were told and what follows from it, in the windows of this moment. Builds those boards."""
    mine, theirs = live.facts(), rebuilt.facts()
    differing = sum(
        mine[kind].get(one) != theirs[kind].get(one)
        for kind in FACTS
        for one in mine[kind].keys() | theirs[kind].keys()
    )
    pairs = [(standing, rebuilt.standing(standing.selection, now)) for standing in live.standings()]
    same_window = [(one.ranking, other.ranking) for one, other in pairs if one.window == other.window]
    return Comparison(
        facts=sum(map(len, theirs.values())),
        facts_differ=differing,
        boards=len(same_window),
        boards_differ=sum(one != other for one, other in same_window),
    )
