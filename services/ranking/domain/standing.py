"""One board in one window, kept up to date as long as somebody looks at it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from services.ranking.domain.deeds import Tally
from services.ranking.domain.ranking import Ranking
from services.ranking.domain.selection import Selection
from services.ranking.domain.windows import Window


@dataclass(slots=True)
class Standing:
    """One board as it stands in one window: its members' tallies, and the ranking of those who are listed."""

    selection: Selection
    window: Window
    tallies: dict[str, Tally]
    ranking: Ranking
    used_at: datetime
