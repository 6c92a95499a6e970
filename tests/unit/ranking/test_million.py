"""A ranking of a million members is as exact as one of five."""

from __future__ import annotations

import random
from collections.abc import Iterable

from services.ranking.domain.ranking import Ranking, Row

MEMBERS, CHANGES = 1_000_000, 20_000
Stand = tuple[int, int, str, str]
Line = tuple[int, bool, int, str]


def stand(member: str, chance: random.Random, most: int) -> Stand:
    return (-chance.randint(1, most), chance.randrange(1000), f"cert_{chance.randrange(MEMBERS)}", member)


def plain(standing: Iterable[Stand]) -> list[Line]:
    """Return (rank, tied, value, member) of all by sorting and counting."""
    order = sorted(standing)
    firsts: dict[int, int] = {}
    counts: dict[int, int] = {}
    for place, (less, *_) in enumerate(order, 1):
        firsts.setdefault(less, place)
        counts[less] = counts.get(less, 0) + 1
    return [(firsts[less], counts[less] > 1, -less, member) for less, _, _, member in order]


def lines(rows: Iterable[Row]) -> list[Line]:
    return [(row.rank, row.tied, row.value, row.member) for row in rows]


def test_a_million_members_have_exact_ranks_before_and_after_many_changes() -> None:
    chance = random.Random(25)
    # Few values are visits of scenes, where thousands are tied; many are grams, where hardly anybody is.
    values = {f"ben_{number:07}": 200 if number % 2 else 10**12 for number in range(MEMBERS)}
    standing = {member: stand(member, chance, most) for member, most in values.items()}
    ranking = Ranking((member, -less, (moment, last)) for less, moment, last, member in standing.values())
    for change in range(CHANGES):
        member = f"ben_{chance.randrange(MEMBERS):07}"
        if change % 4 == 0:
            ranking.drop(member)
            standing.pop(member, None)
        else:
            less, moment, last, _ = standing[member] = stand(member, chance, values[member])
            ranking.place(member, -less, (moment, last))
    order = plain(standing.values())
    assert lines(ranking.rows(0, MEMBERS)) == order
    for position in [0, len(order) - 1, *(chance.randrange(len(order)) for _ in range(2000))]:
        row = ranking.row(order[position][3])
        assert row is not None
        assert lines([row]) == [order[position]]
        assert ranking.position(row.member) == position
        assert ranking.position_after(row.key) == position + 1
        assert lines(ranking.rows(position, position + 20)) == order[position : position + 20]
