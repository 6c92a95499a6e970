"""The same events give the same boards, whatever the order, however often, and whenever the boards are looked at."""

from __future__ import annotations

from datetime import timedelta
from random import Random

from hypothesis import given, settings
from hypothesis import strategies as st

from services.ranking.domain.boards import Boards
from services.ranking.domain.comparison import differing
from services.ranking.domain.facts import FACTS, Named
from services.ranking.domain.selection import MEASURES, Field, Selection, select
from services.ranking.domain.windows import WindowKind
from shared.contracts.event import Envelope, Event
from tests.unit.ranking.plain import Line, plain_board
from tests.unit.ranking.stories import CITIES, NOW, an_id, certificate, deliveries, footprint, name, scene

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
    drawn: tuple[list[Envelope[Event]], list[Envelope[Event]]],
) -> None:
    history, delivery = drawn
    boards = Boards()
    for event in delivery:
        boards.fold(event)
    for selection in EVERY_BOARD:
        assert board_of(boards, selection) == plain_board(history, selection, NOW), selection


@settings(max_examples=150, deadline=None)
@given(deliveries(), st.integers(0, 60))
def test_a_board_kept_up_to_date_event_by_event_is_the_board_built_at_the_end(
    drawn: tuple[list[Envelope[Event]], list[Envelope[Event]]], first_look: int
) -> None:
    _, delivery = drawn
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


@settings(max_examples=100, deadline=None)
@given(deliveries(), st.randoms())
def test_boards_that_take_the_facts_of_others_in_any_order_are_the_same(
    drawn: tuple[list[Envelope[Event]], list[Envelope[Event]]], chance: Random
) -> None:
    folded, restored = Boards(), Boards()
    for event in drawn[1]:
        folded.fold(event)
    facts = [fact for kind in FACTS for fact in folded.facts()[kind].values()]
    chance.shuffle(facts)
    for fact in facts:
        restored.take(fact)
    for selection in EVERY_BOARD:
        assert board_of(restored, selection) == board_of(folded, selection), selection
    assert differing(folded.facts(), restored.facts()) == (len(facts), 0)
    assert folded.differing(restored) == (len(folded.standings()), 0)


def test_a_comparison_counts_each_fact_that_one_side_lacks_or_has_otherwise_and_the_boards_that_follow() -> None:
    events = [scene(1), name(1), name(2), certificate(1, 1, 1), certificate(2, 2, 1)]
    live, rebuilt = Boards(), Boards()
    for event in [*events, certificate(3, 2, 2), name(1, board="named", sequence=2)]:
        live.fold(event)
    for event in [*events, footprint(9, 1, grams=1)]:
        rebuilt.fold(event)
    selections = [select("people"), select("companies")]
    for boards in (live, rebuilt):
        boards.build(selections, NOW)
    live.standing(select("scenes"), NOW)
    # A certificate too many, a name otherwise, a footprint too few; of two boards that both have one shows it.
    assert differing(live.facts(), rebuilt.facts()) == (6, 3)
    assert live.differing(rebuilt) == (2, 1)


def test_a_board_is_forgotten_when_its_window_is_over_or_nobody_has_requested_it_for_an_hour() -> None:
    boards = Boards()
    for event in [scene(1), name(1), certificate(1, 1, 1)]:
        boards.fold(event)
    boards.build([select("people", window="day"), select("people"), select("companies")], NOW)
    boards.standing(select("people"), NOW + timedelta(minutes=30))
    boards.let_go(NOW + timedelta(minutes=59))
    assert len(boards.standings()) == 3
    boards.let_go(NOW + timedelta(minutes=61))
    assert [standing.selection for standing in boards.standings()] == [select("people")]
    boards.standing(select("people", window="day"), NOW + timedelta(minutes=61))
    boards.standing(select("people"), NOW + timedelta(days=1))
    boards.let_go(NOW + timedelta(days=1))
    assert [standing.selection for standing in boards.standings()] == [select("people")]


def test_what_is_remembered_of_an_erased_name_is_no_name() -> None:
    boards = Boards()
    for event in [name(1, board="named"), name(1, sequence=2, erased=True)]:
        boards.fold(event)
    (drawn,) = boards.facts()["names"].values()
    assert isinstance(drawn, Named)
    assert (drawn.shown, drawn.profile_hash) == (None, None)
