"""Exact competition ranks, pages of any size, and the place of one member."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from services.ranking.domain.ranking import Ranking, Row

standings = st.lists(st.integers(1, 6), max_size=40).map(
    lambda values: [(f"ben_{index}", value, (index % 7, f"cert_{index}")) for index, value in enumerate(values)]
)


def paged(ranking: Ranking, size: int) -> list[Row]:
    """Go through the ranking by cursors, and stop when it goes round in circles."""
    rows: list[Row] = []
    while len(rows) <= len(ranking):
        start = ranking.position_after(rows[-1].key) if rows else 0
        page = ranking.rows(start, start + size)
        if not page:
            break
        rows += page
    return rows


def test_s25_values_9_7_7_5_have_ranks_1_2_2_4_on_pages_of_every_size() -> None:
    values = {"a": 9, "b": 7, "c": 7, "d": 5}
    ranking = Ranking((member, value, (0, f"cert_{member}")) for member, value in values.items())
    for size in range(1, 6):
        rows = paged(ranking, size)
        assert [(row.rank, row.tied, row.value) for row in rows] == [
            (1, False, 9),
            (2, True, 7),
            (2, True, 7),
            (4, False, 5),
        ]


@given(standings, st.integers(1, 45))
def test_b2_pages_of_every_size_show_each_member_once_and_agree_with_my_rank(
    standing: list[tuple[str, int, tuple[int, str]]], size: int
) -> None:
    ranking = Ranking(standing)
    rows = paged(ranking, size)
    assert sorted(row.member for row in rows) == sorted(member for member, _, _ in standing)
    values = [value for _, value, _ in standing]
    for position, row in enumerate(rows):
        assert row == ranking.at(position)
        assert ranking.position(row.member) == position
        assert ranking.row(row.member) == row
        assert row.rank == 1 + sum(value > row.value for value in values)
        assert row.tied == (values.count(row.value) > 1)


@given(standings, st.lists(st.tuples(st.integers(0, 39), st.integers(0, 6)), max_size=30))
def test_a_ranking_changed_step_by_step_is_the_ranking_built_at_once(
    standing: list[tuple[str, int, tuple[int, str]]], changes: list[tuple[int, int]]
) -> None:
    ranking, values = Ranking(standing), {member: (value, reached) for member, value, reached in standing}
    for index, value in changes:
        member, reached = f"ben_{index}", (value, f"cert_{index}")
        if value == 0:
            ranking.drop(member)
            values.pop(member, None)
        else:
            ranking.place(member, value, reached)
            values[member] = value, reached
    at_once = Ranking((member, value, reached) for member, (value, reached) in values.items())
    assert ranking.rows(0, 99) == at_once.rows(0, 99)
    assert len(ranking) == len(values)


def test_ties_stand_by_the_time_and_then_the_id_of_their_last_certificate() -> None:
    ranking = Ranking([("late", 3, (20, "cert_a")), ("z", 3, (10, "cert_b")), ("a", 3, (10, "cert_c"))])
    assert [row.member for row in ranking.rows(0, 3)] == ["z", "a", "late"]


def test_a_value_up_to_the_greatest_and_a_moment_before_1970_stand_where_they_should() -> None:
    ranking = Ranking([("a", 2**63 - 1, (5, "x")), ("b", 1, (-7, "x")), ("c", 1, (-8, "x")), ("d", 1, (0, "x"))])
    assert [(row.member, row.value) for row in ranking.rows(0, 4)] == [("a", 2**63 - 1), ("c", 1), ("b", 1), ("d", 1)]


def test_a_cursor_goes_on_behind_its_place_although_the_member_has_moved_away() -> None:
    ranking = Ranking((name, value, (0, name)) for name, value in {"a": 9, "b": 7, "c": 5, "d": 3}.items())
    cursor = ranking.rows(0, 2)[-1].key
    ranking.place("b", 1, (1, "b"))
    assert [row.member for row in ranking.rows(ranking.position_after(cursor), 9)] == ["c", "d", "b"]


def test_who_is_not_listed_has_no_position_and_nothing_is_beyond_the_end() -> None:
    ranking = Ranking([("a", 1, (0, "cert_a"))])
    ranking.drop("nobody")
    assert ranking.position("nobody") is None
    assert ranking.rows(1, 5) == []
    assert Ranking().rows(0, 5) == []
