"""What is true of boards with network, clock and database unplugged."""

from services.ranking.domain.boards import GROUP_MEMBERS_MIN, Boards, Standing
from services.ranking.domain.ranking import Key, Ranking, Row
from services.ranking.domain.selection import MEASURES, Board, Field, Measure, NotOffered, Selection, select
from services.ranking.domain.shares import WHOLE_SHARE
from services.ranking.domain.windows import Window, WindowKind, window_at

__all__ = [
    "GROUP_MEMBERS_MIN",
    "MEASURES",
    "WHOLE_SHARE",
    "Board",
    "Boards",
    "Field",
    "Key",
    "Measure",
    "NotOffered",
    "Ranking",
    "Row",
    "Selection",
    "Standing",
    "Window",
    "WindowKind",
    "select",
    "window_at",
]
