"""A cursor opens only the board that it was given for, and says nothing to whoever holds it."""

from __future__ import annotations

import base64
from datetime import timedelta

import pytest

from services.ranking.api.cursors import Cursors
from services.ranking.domain.boards import Boards
from services.ranking.domain.ranking import Ranking
from services.ranking.domain.selection import select
from shared.web.lists import CursorUnknown
from tests.unit.ranking.stories import NOW

KEY = Ranking([("ben_7", 7, (1_700_000_000_000_000, "cert_7"))]).at(0).key


def test_a_cursor_opens_to_its_place_on_every_replica() -> None:
    standing = Boards().standing(select("people"), NOW)
    cursor = Cursors("secret").seal(standing, KEY)
    assert cursor == Cursors("secret").seal(standing, KEY)
    assert Cursors("secret").open(standing, cursor) == KEY


def test_a_cursor_of_another_board_window_or_secret_and_a_changed_one_are_refused() -> None:
    boards, cursors = Boards(), Cursors("secret")
    day = boards.standing(select("people", window="day"), NOW)
    cursor = cursors.seal(day, KEY)
    for standing, other, text in (
        (boards.standing(select("people", window="week"), NOW), cursors, cursor),
        (boards.standing(select("people", window="day"), NOW + timedelta(days=1)), cursors, cursor),
        (day, Cursors("another"), cursor),
        (day, cursors, cursor[:-2] + ("AA" if cursor[-2:] != "AA" else "BB")),
        (day, cursors, ""),
        (day, cursors, "%%%"),
        (day, cursors, "ü"),
    ):
        with pytest.raises(CursorUnknown):
            other.open(standing, text)


def test_a_cursor_shows_neither_the_certificate_nor_the_member() -> None:
    cursor = Cursors("secret").seal(Boards().standing(select("people"), NOW), KEY)
    assert b"_7" not in base64.urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4))
