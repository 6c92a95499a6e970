"""Events that keep to their contract and mean harm: each is taken whole or refused whole, and boards go on."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from services.ranking.domain.boards import Boards
from services.ranking.domain.comparison import differing
from services.ranking.domain.deeds import CertificateDiffers
from services.ranking.domain.facts import FACTS, SEQUENCE_MAX, OutOfBounds
from services.ranking.domain.selection import select
from services.ranking.domain.shares import FootprintDiffers
from services.ranking.domain.wall import wall_of
from services.ranking.domain.windows import microseconds
from shared.contracts.event import EARLIEST, LATEST, Envelope, Event
from tests.unit.ranking.stories import CITIES, NOW, an_id, certificate, footprint, name, revocation, scene
from tests.unit.ranking.test_fold import EVERY_BOARD, board_of

REFUSED = (OutOfBounds, FootprintDiffers, CertificateDiffers)
GREATEST_GRAMS = 10**15
FIRST = datetime(1, 1, 1, tzinfo=UTC)
LAST = datetime(9999, 12, 31, 23, 59, 59, 999_999, tzinfo=UTC)
MOMENTS = [
    FIRST,
    datetime(1, 1, 1, tzinfo=timezone(timedelta(hours=23, minutes=59))),
    datetime(1969, 12, 31, 23, 59, 59, tzinfo=UTC),
    datetime(2000, 1, 1, tzinfo=UTC),
    datetime(2024, 2, 29, 23, 59, 59, 999_999, tzinfo=timezone(timedelta(hours=-12))),
    NOW,
    NOW + timedelta(days=400),
    datetime(2199, 12, 31, 23, 59, 59, tzinfo=UTC),
    LAST,
    datetime(9999, 12, 31, 23, 59, tzinfo=timezone(timedelta(hours=-23, minutes=-59))),
]
IN_THE_CONTRACT = [moment for moment in MOMENTS if EARLIEST <= moment < LATEST]
SEQUENCES = [-1, 0, 1, 2, 2**31, SEQUENCE_MAX, SEQUENCE_MAX + 1, 2**63, 10**30]


def with_envelope(event: Envelope[Any], **changed: Any) -> Envelope[Any]:
    return Envelope(**{**vars(event), **changed})


@st.composite
def hostile(draw: st.DrawFn) -> Envelope[Event]:
    """Draw an event about few things, so that many contradict each other."""
    number, who, where = draw(st.integers(0, 3)), draw(st.integers(0, 6)), draw(st.integers(0, 2))
    grams = draw(st.sampled_from([1, GREATEST_GRAMS]))
    issued_at = draw(st.sampled_from(IN_THE_CONTRACT))
    event = draw(
        st.sampled_from(
            [
                scene(where, city=CITIES[number % 2]),
                name(who, board=draw(st.sampled_from(["alias", "named"])), erased=number == 3),
                footprint(number, where, grams=grams, replaces=who, root=draw(st.integers(0, 3))),
                certificate(who, who, where, grams=grams, at=issued_at, footprints=(number, number, number + 1)),
                certificate(number, who, where, grams=grams, kind=draw(st.sampled_from(["person", "company"]))),
                revocation(number, who, at=issued_at),
            ]
        )
    )
    wrong_time = draw(st.sampled_from([None, None, *MOMENTS]))
    wrong_sequence = draw(st.sampled_from([None, None, *SEQUENCES]))
    return with_envelope(event, time=wrong_time or event.time, sequence=wrong_sequence or event.sequence)


def seen(boards: Boards) -> tuple[Any, ...]:
    """Return all that anybody sees of boards."""
    scenes = [an_id("scn", number) for number in range(3)]
    return (
        boards.as_of,
        [board_of(boards, selection) for selection in EVERY_BOARD],
        [boards.balance(scene_id) for scene_id in scenes],
    )


def checked(boards: Boards) -> None:
    """Assert that figures are possible ones, and the ones that the facts alone give."""
    assert boards.as_of is None or boards.as_of.astimezone(timezone(timedelta(hours=8)))
    for number in range(3):
        balance = boards.balance(an_id("scn", number))
        assert 0 <= balance.covered_g <= balance.total_g
        assert 0 <= balance.covered_guests <= balance.total_guests
        if (found := boards.scene(an_id("scn", number))) is not None:
            assert wall_of(boards, found, NOW).scene == found
    restored = Boards()
    for kind in FACTS:
        for fact in boards.facts()[kind].values():
            restored.take(fact)
    restored.as_of = boards.as_of
    assert seen(restored) == seen(boards)
    assert differing(boards.facts(), restored.facts())[1] == 0


@settings(max_examples=150, deadline=None)
@given(st.lists(hostile(), max_size=40))
def test_an_event_is_taken_whole_or_refused_whole_and_every_board_answers(events: list[Envelope[Event]]) -> None:
    boards = Boards()
    boards.build(EVERY_BOARD, NOW)
    for event in events:
        before, facts, count = seen(boards), boards.facts(), boards.events
        try:
            boards.fold(event)
        except REFUSED:
            assert (seen(boards), boards.facts(), boards.events) == (before, facts, count)
    checked(boards)


@pytest.mark.parametrize("moment", [FIRST, LAST, datetime(1999, 12, 31, tzinfo=UTC), datetime(2200, 1, 1, tzinfo=UTC)])
def test_an_event_of_a_moment_that_no_calendar_here_writes_is_refused(moment: datetime) -> None:
    boards = Boards()
    for event in (scene(1), name(1), footprint(1, 1, grams=1), certificate(1, 1, 1), revocation(1, 1)):
        with pytest.raises(OutOfBounds):
            boards.fold(with_envelope(event, time=moment))
    assert (boards.as_of, boards.events) == (None, 0)


def test_a_certificate_is_not_issued_after_its_own_event() -> None:
    boards = Boards()
    for moment in (NOW + timedelta(hours=2), LATEST - timedelta(seconds=1)):
        with pytest.raises(OutOfBounds):
            boards.fold(with_envelope(certificate(1, 1, 1, at=moment), time=NOW))
    boards.fold(with_envelope(certificate(1, 1, 1, at=NOW + timedelta(milliseconds=1)), time=NOW))
    assert len(boards.facts()["certificates"]) == 1


@pytest.mark.parametrize("sequence", [-1, 0, SEQUENCE_MAX + 1, 2**63, 10**30])
def test_a_sequence_that_would_outlive_every_later_one_is_refused(sequence: int) -> None:
    boards = Boards()
    for event in (scene(1, sequence=sequence), name(1, sequence=sequence)):
        with pytest.raises(OutOfBounds):
            boards.fold(event)


def test_s27_an_erasure_stays_whatever_sequence_a_name_has() -> None:
    for events in (
        [name(1, sequence=SEQUENCE_MAX), name(1, sequence=2, erased=True)],
        [name(1, sequence=2, erased=True), name(1, sequence=SEQUENCE_MAX)],
    ):
        boards = Boards()
        for event in events:
            boards.fold(event)
        assert boards.shown_name(an_id("ben", 1)) is None
        assert boards.profile_hash(an_id("ben", 1)) is None


def test_a_footprint_that_comes_again_with_another_root_is_refused_and_shares_stay_right() -> None:
    boards = Boards()
    boards.build([select("scenes")], NOW)
    boards.fold(scene(1))
    boards.fold(footprint(1, 1, grams=100))
    boards.fold(footprint(1, 1, grams=100))
    for other in (footprint(1, 1, grams=100, root=2), footprint(1, 2, grams=100), footprint(1, 1, grams=99)):
        with pytest.raises(FootprintDiffers):
            boards.fold(other)
    boards.fold(certificate(1, 1, 1, footprints=(1,)))
    boards.fold(footprint(3, 1, grams=50, replaces=1, root=1))
    balance = boards.balance(an_id("scn", 1))
    assert (balance.covered_g, balance.total_g) == (100, 100)


def test_a_certificate_that_comes_again_with_other_grams_is_refused() -> None:
    boards = Boards()
    boards.fold(certificate(1, 1, 1))
    boards.fold(certificate(1, 1, 1))
    with pytest.raises(CertificateDiffers):
        boards.fold(certificate(1, 1, 1, grams=2))


def test_sums_beyond_every_key_stand_in_a_tie_at_the_top() -> None:
    boards = Boards()
    boards.build([select("companies")], NOW)
    for who in (1, 2, 3):
        boards.fold(name(who, kind="company"))
    # Two companies with more grams than eight bytes hold, and one with a gram.
    for number in range(2 * 9_300):
        boards.fold(certificate(number, 1 + number % 2, None, grams=GREATEST_GRAMS, kind="company"))
    boards.fold(certificate("one", 3, None, grams=1, kind="company"))
    ranking = boards.standing(select("companies"), NOW).ranking
    assert [(row.rank, row.tied) for row in ranking.rows(0, 3)] == [(1, True), (1, True), (3, False)]
    assert ranking.at(0).value == 2**63 - 1


def test_moments_of_a_certificate_order_ties_and_never_overflow() -> None:
    for moment in MOMENTS:
        assert -(2**62) < microseconds(moment) < 2**62


def test_who_has_an_empty_name_stands_nowhere() -> None:
    boards = Boards()
    named = name(1)
    boards.fold(with_envelope(named, data=named.data.model_copy(update={"alias": ""})))
    boards.fold(certificate(1, 1, 1))
    boards.fold(scene(1))
    assert len(boards.standing(select("people"), NOW).ranking) == 0
