"""What boards count, whom they list, and what they keep to themselves."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from services.ranking.domain.boards import Boards
from services.ranking.domain.selection import Board as BoardName
from services.ranking.domain.selection import Measure, NotOffered, select
from services.ranking.domain.windows import WindowKind
from shared.contracts.event import Envelope, Event
from tests.unit.ranking.stories import CITIES, NOW, an_id, certificate, footprint, name, revocation, scene


def folded(*events: Envelope[Event]) -> Boards:
    boards = Boards()
    for event in events:
        boards.fold(event)
    return boards


def lines(
    boards: Boards,
    board: BoardName = "people",
    *,
    now: datetime = NOW,
    measure: Measure | None = None,
    window: WindowKind | None = None,
    scene_id: str | None = None,
    city: str | None = None,
) -> list[tuple[int, str, int]]:
    selection = select(board, measure=measure, window=window, scene_id=scene_id, city=city)
    ranking = boards.standing(selection, now).ranking
    return [(row.rank, boards.name(row.member), row.value) for row in ranking.rows(0, len(ranking))]


def test_b1_the_same_scene_twice_is_one_scene_and_life_at_home_is_none() -> None:
    boards = folded(
        scene(1), scene(2), name("ann"), name("bob"), name("eve"),
        certificate(1, "ann", 1), certificate(2, "ann", 1), certificate(3, "ann", 2),
        certificate(4, "bob", 1), certificate(5, "eve", None),
    )  # fmt: skip
    assert lines(boards) == [(1, "Alias ann", 2), (2, "Alias bob", 1)]


def test_b1_a_footprint_without_a_certificate_puts_nobody_on_a_board() -> None:
    boards = folded(scene(1), name("ann"), footprint(1, 1, grams=500))
    assert lines(boards) == []
    assert lines(boards, "scenes") == []


@pytest.mark.parametrize("revoked_first", [True, False])
def test_b1_a_revoked_certificate_does_not_count_even_when_the_revocation_comes_first(revoked_first: bool) -> None:
    pair = [certificate(1, "ann", 1), revocation(1, "ann")]
    boards = folded(scene(1), name("ann"), *(reversed(pair) if revoked_first else pair))
    assert lines(boards) == []
    # Looked at before and after, it leaves a board that is kept up to date.
    boards = folded(scene(1), scene(2), name("ann"), certificate(1, "ann", 1), certificate(2, "ann", 2))
    assert lines(boards) == [(1, "Alias ann", 2)]
    boards.fold(revocation(1, "ann"))
    assert lines(boards) == [(1, "Alias ann", 1)]


def test_b1_companies_are_ranked_by_mass_and_are_not_people() -> None:
    boards = folded(
        scene(1), name("big", kind="company"), name("small", kind="company", board="named"), name("ann"),
        certificate(1, "big", 1, grams=9_000_000, kind="company"), certificate(2, "small", 1, grams=5, kind="company"),
        certificate(3, "ann", 1),
    )  # fmt: skip
    assert lines(boards, "companies") == [(1, "Alias big", 9_000_000), (2, "Name small (demo)", 5)]
    assert lines(boards) == [(1, "Alias ann", 1)]


def a_scene_of(guests: int, *, covered: int) -> list[Envelope[Event]]:
    events = [scene(1)]
    for guest in range(guests):
        events += [footprint(guest, 1, grams=100), name(guest)]
        covers = (guest,) if guest < covered else ()
        events.append(certificate(guest, guest, 1, grams=100, footprints=covers))
    return events


def test_b4_a_scene_shows_its_figures_from_five_members_on_hidden_and_erased_ones_included() -> None:
    assert lines(folded(*a_scene_of(4, covered=4)), "scenes") == []
    assert lines(folded(*a_scene_of(4, covered=4)), "scenes", measure="mass_g") == []
    boards = folded(*a_scene_of(5, covered=3), name(0, board="hidden", sequence=2), name(1, erased=True, sequence=2))
    assert lines(boards, "scenes") == [(1, "Scene 1 (demo)", 6_000)]
    assert lines(boards, "scenes", measure="mass_g") == [(1, "Scene 1 (demo)", 500)]


def test_a_share_counts_of_each_root_the_covered_footprint_else_the_last_one() -> None:
    boards = folded(*a_scene_of(5, covered=5))
    assert lines(boards, "scenes") == [(1, "Scene 1 (demo)", 10_000)]
    # An answer changed after the certificate does not undo it.
    boards.fold(footprint("0b", 1, grams=700, replaces=0, root=0))
    assert lines(boards, "scenes") == [(1, "Scene 1 (demo)", 10_000)]
    # Without the certificate the changed answer counts: 400 of 1100 g.
    boards.fold(revocation(0, 0))
    assert lines(boards, "scenes") == []
    boards.fold(certificate("extra", "more", 1))
    assert lines(boards, "scenes") == [(1, "Scene 1 (demo)", 3_636)]


def test_a_share_that_was_looked_at_follows_certificates_footprints_and_revocations() -> None:
    boards = folded(*a_scene_of(6, covered=3))
    assert lines(boards, "scenes") == [(1, "Scene 1 (demo)", 5_000)]
    boards.fold(certificate("life", 9, None, footprints=(3,)))
    assert lines(boards, "scenes") == [(1, "Scene 1 (demo)", 6_666)]
    boards.fold(footprint("more", 1, grams=200))
    assert lines(boards, "scenes") == [(1, "Scene 1 (demo)", 5_000)]
    boards.fold(certificate("here", 0, 1, footprints=("more",)))
    assert lines(boards, "scenes") == [(1, "Scene 1 (demo)", 7_500)]
    boards.fold(revocation("life", 9))
    assert lines(boards, "scenes") == [(1, "Scene 1 (demo)", 6_250)]


def test_of_two_covered_footprints_of_one_root_the_same_one_counts_in_any_order() -> None:
    events = [
        *a_scene_of(5, covered=0),
        footprint("x", 1, grams=100, root="x"),
        footprint("y", 1, grams=300, replaces="x", root="x"),
        certificate("x", 0, 1, footprints=("x",)),
        certificate("y", 1, 1, footprints=("y",)),
    ]
    assert lines(folded(*events), "scenes") == lines(folded(*reversed(events)), "scenes") != []


def test_a_share_is_never_shown_as_nothing_nor_as_whole_when_it_is_not() -> None:
    events = a_scene_of(5, covered=1)
    assert lines(folded(*events, footprint("huge", 1, grams=10**12)), "scenes") == [(1, "Scene 1 (demo)", 1)]
    events = a_scene_of(5, covered=5)
    events += [footprint("huge", 1, grams=10**12), certificate("huge", 0, 1, footprints=("huge",))]
    assert lines(folded(*events, footprint("open", 1, grams=1)), "scenes") == [(1, "Scene 1 (demo)", 9_999)]


def test_a_chain_of_footprints_that_bites_its_tail_still_counts_once() -> None:
    boards = folded(
        *a_scene_of(5, covered=5),
        footprint("x", 1, grams=500, replaces="y", root="x"), footprint("y", 1, grams=500, replaces="x", root="x"),
    )  # fmt: skip
    assert lines(boards, "scenes") == [(1, "Scene 1 (demo)", 5_000)]


def test_b3_a_late_event_joins_its_own_window() -> None:
    boards = folded(scene(1), name("ann"), name("bob"), certificate(1, "ann", 1))
    assert lines(boards, window="day") == [(1, "Alias ann", 1)]
    boards.fold(certificate(2, "bob", 1, at=NOW - timedelta(days=1)))
    assert lines(boards, window="day") == [(1, "Alias ann", 1)]
    assert len(lines(boards, window="week")) == 2
    assert lines(boards, window="day", now=NOW - timedelta(days=1)) == [(1, "Alias bob", 1)]


def test_b3_a_second_before_midnight_in_shanghai_is_the_day_before() -> None:
    midnight = datetime(2026, 11, 24, 16, tzinfo=UTC)
    boards = folded(
        scene(1), name("ann"), name("bob"),
        certificate(1, "ann", 1, at=midnight - timedelta(seconds=1)), certificate(2, "bob", 1, at=midnight),
    )  # fmt: skip
    assert lines(boards, window="day") == [(1, "Alias bob", 1)]


def test_b3_todays_board_is_empty_again_tomorrow() -> None:
    boards = folded(scene(1), name("ann"), certificate(1, "ann", 1))
    assert lines(boards, window="day") != []
    assert lines(boards, window="day", now=NOW + timedelta(days=1)) == []


def test_b4_a_person_is_an_alias_unless_they_chose_to_be_named() -> None:
    boards = folded(
        scene(1), name("ann"), certificate(1, "ann", 1), name("bob", board="named"), certificate(2, "bob", 1)
    )
    assert {shown for _, shown, _ in lines(boards)} == {"Alias ann", "Name bob (demo)"}


def test_b4_people_appear_by_mass_only_if_named() -> None:
    boards = folded(
        scene(1), name("ann"), certificate(1, "ann", 1), name("bob", board="named"), certificate(2, "bob", 1)
    )
    assert lines(boards, measure="mass_g") == [(1, "Name bob (demo)", 1000)]
    boards.fold(name("bob", sequence=2))
    assert lines(boards, measure="mass_g") == []


def test_b4_nobody_is_listed_before_their_name_has_come() -> None:
    boards = folded(scene(1), certificate(1, "ann", 1))
    assert lines(boards) == []
    boards.fold(name("ann"))
    assert lines(boards) == [(1, "Alias ann", 1)]


def test_b4_hiding_leaves_no_gap() -> None:
    boards = folded(
        scene(1), scene(2), *(name(who) for who in "abc"),
        certificate(1, "a", 1), certificate(2, "a", 2), certificate(3, "b", 1),
        certificate(4, "c", 1, at=NOW + timedelta(seconds=1)),
    )  # fmt: skip
    assert [rank for rank, _, _ in lines(boards)] == [1, 2, 2]
    boards.fold(name("a", board="hidden", sequence=2))
    assert lines(boards) == [(1, "Alias b", 1), (1, "Alias c", 1)]
    boards.fold(name("a", sequence=3))
    assert [rank for rank, _, _ in lines(boards)] == [1, 2, 2]


def test_an_older_name_that_comes_late_changes_nothing() -> None:
    boards = folded(
        scene(1), certificate(1, "ann", 1), name("ann", board="hidden", sequence=2), name("ann", sequence=1)
    )
    assert lines(boards) == []


def test_s27_erasure_takes_the_member_off_and_keeps_every_total_also_in_a_rebuild() -> None:
    events = a_scene_of(6, covered=6)
    boards = folded(*events)
    before = lines(boards, "scenes"), lines(boards, "scenes", measure="mass_g")
    assert len(lines(boards)) == 6
    erasure = name(0, erased=True, sequence=2)
    boards.fold(erasure)
    for erased in (boards, folded(erasure, *reversed(events))):
        assert len(lines(erased)) == 5
        assert "Alias 0" not in str(lines(erased))
        assert erased.profile_hash(an_id("ben", 0)) is None
        assert (lines(erased, "scenes"), lines(erased, "scenes", measure="mass_g")) == before


def test_boards_of_a_scene_and_of_a_city_count_what_happened_there() -> None:
    boards = folded(
        scene(1), scene(2, city=CITIES[1]), name("ann"), name("bob"),
        certificate(1, "ann", 1), certificate(2, "ann", 2), certificate(3, "bob", 2),
    )  # fmt: skip
    assert lines(boards, scene_id=an_id("scn", 1)) == [(1, "Alias ann", 1)]
    assert [rank for rank, _, _ in lines(boards, scene_id=an_id("scn", 2))] == [1, 1]
    assert lines(boards, city=CITIES[0]) == [(1, "Alias ann", 1)]
    # A scene that moves takes its certificates along.
    boards.fold(scene(1, city=CITIES[1], sequence=2))
    assert lines(boards, city=CITIES[0]) == []
    assert lines(boards, city=CITIES[1]) == [(1, "Alias ann", 2), (2, "Alias bob", 1)]


def test_a_scene_is_found_by_id_and_by_the_code_of_its_qr_address() -> None:
    boards = folded(scene(1))
    by_id = boards.scene(an_id("scn", 1))
    assert by_id is not None
    assert boards.scene(by_id.code) == by_id
    assert boards.scene("NOWHERE") is None


@pytest.mark.parametrize(
    ("board", "narrowed", "field"),
    [
        ("people", {"measure": "share"}, "measure"),
        ("companies", {"measure": "share"}, "measure"),
        ("scenes", {"measure": "scenes"}, "measure"),
        ("scenes", {"measure": "share", "window": "day"}, "window"),
        ("scenes", {"city": CITIES[0]}, "city"),
        ("scenes", {"scene_id": an_id("scn", 1)}, "scene"),
        ("people", {"scene_id": an_id("scn", 1), "city": CITIES[0]}, "city"),
    ],
)
def test_b1_a_board_that_is_not_offered_is_refused_and_names_the_field(
    board: BoardName, narrowed: dict[str, str], field: str
) -> None:
    with pytest.raises(NotOffered) as refused:
        select(board, **narrowed)  # type: ignore[arg-type]
    assert refused.value.field == field


def test_b1_defaults_are_scenes_for_people_mass_for_companies_share_for_scenes() -> None:
    assert [select(board).measure for board in ("people", "companies", "scenes")] == ["scenes", "mass_g", "share"]
    assert select("scenes", window="day").measure == "mass_g"
