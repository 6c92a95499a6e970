"""What is true of boards with network, clock and database unplugged."""

from services.ranking.domain.boards import GROUP_MEMBERS_MIN, Boards
from services.ranking.domain.comparison import Comparison, Progress, differing
from services.ranking.domain.facts import FACTS, Fact, Facts
from services.ranking.domain.fold import Fold, Partition
from services.ranking.domain.ranking import Key, Ranking, Row
from services.ranking.domain.selection import MEASURES, Board, Field, Measure, NotOffered, Selection, select
from services.ranking.domain.shares import WHOLE_SHARE, Balance
from services.ranking.domain.standing import Standing
from services.ranking.domain.wall import Latest, Wall, wall_of
from services.ranking.domain.windows import Window, WindowKind, window_at

__all__ = [
    "FACTS",
    "GROUP_MEMBERS_MIN",
    "MEASURES",
    "WHOLE_SHARE",
    "Balance",
    "Board",
    "Boards",
    "Comparison",
    "Fact",
    "Facts",
    "Field",
    "Fold",
    "Key",
    "Latest",
    "Measure",
    "NotOffered",
    "Partition",
    "Progress",
    "Ranking",
    "Row",
    "Selection",
    "Standing",
    "Wall",
    "Window",
    "WindowKind",
    "differing",
    "select",
    "wall_of",
    "window_at",
]
