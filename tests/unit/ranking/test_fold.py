"""The same events give the same boards, whatever the order, however often, and whenever the boards are looked at."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from services.ranking.domain import MEASURES, Boards, Field, Selection
from services.ranking.domain.windows import WindowKind
from shared.contracts import Envelope, Event
from tests.unit.ranking.plain import Line, plain_board
from tests.unit.ranking.stories import CITIES, NOW, an_id, deliveries

WINDOWS: tuple[WindowKind, ...] = ("day", "week", "month", "year", "all")
FIELDS = (
    None,
    *(Field("scene", an_id("scn", number)) for number in range(3)),
    *(Field("city", city) for city in CITIES),
)
EVERY_BOARD = [
    Selection(board, measure, window, field)
    for board, measures in MEASURES.items()
    for measure in measures
    for window in (WINDOWS if measure != "share" else ("all",))
    for field in (FIELDS if board != "scenes" else (None,))
]


def board_of(boards: Boards, selection: Selection) -> list[Line]:
    ranking = boards.standing(selection, NOW).ranking
    return [(row.rank, row.tied, boards.name(row.member), row.value) for row in ranking.rows(0, len(ranking))]


@settings(max_examples=150, deadline=None)
@given(deliveries())
def test_every_board_is_what_the_plain_count_of_the_whole_set_gives(
    told: tuple[list[Envelope[Event]], list[Envelope[Event]]],
) -> None:
    history, delivery = told
    boards = Boards()
    for event in delivery:
        boards.fold(event)
    for selection in EVERY_BOARD:
        assert board_of(boards, selection) == plain_board(history, selection, NOW), selection


@settings(max_examples=150, deadline=None)
@given(deliveries(), st.integers(0, 60))
def test_a_board_kept_up_to_date_event_by_event_is_the_board_built_at_the_end(
    told: tuple[list[Envelope[Event]], list[Envelope[Event]]], first_look: int
) -> None:
    _, delivery = told
    looked_at, unseen = Boards(), Boards()
    for number, event in enumerate(delivery):
        if number == first_look:
            for selection in EVERY_BOARD:
                looked_at.standing(selection, NOW)
        looked_at.fold(event)
        unseen.fold(event)
    for selection in EVERY_BOARD:
        assert looked_at.standing(selection, NOW).ranking.rows(0, 99) == unseen.standing(selection, NOW).ranking.rows(
            0, 99
        )
    assert looked_at.as_of == unseen.as_of
