"""A ranking of a million members is as exact as one of five."""

from __future__ import annotations

import random
from collections.abc import Iterable

from services.ranking.domain import Key, Ranking

MEMBERS, CHANGES = 1_000_000, 20_000


def key(member: str, chance: random.Random, values: int) -> Key:
    return (-chance.randint(1, values), chance.randrange(1000), f"cert_{chance.randrange(MEMBERS)}", member)


def plain(standing: Iterable[Key]) -> list[tuple[int, bool, Key]]:
    """Return (rank, tied, key) of all by sorting and counting."""
    order = sorted(standing)
    firsts: dict[int, int] = {}
    counts: dict[int, int] = {}
    for place, one in enumerate(order, 1):
        firsts.setdefault(one[0], place)
        counts[one[0]] = counts.get(one[0], 0) + 1
    return [(firsts[one[0]], counts[one[0]] > 1, one) for one in order]


def test_a_million_members_have_exact_ranks_before_and_after_many_changes() -> None:
    chance = random.Random(25)
    # Few values are visits of scenes, where thousands are tied; many are grams, where hardly anybody is.
    values = {f"ben_{number:07}": 200 if number % 2 else 10**12 for number in range(MEMBERS)}
    standing = {member: key(member, chance, most) for member, most in values.items()}
    ranking = Ranking((member, -one[0], (one[1], one[2])) for member, one in standing.items())
    for change in range(CHANGES):
        member = f"ben_{chance.randrange(MEMBERS):07}"
        if change % 4 == 0:
            ranking.drop(member)
            standing.pop(member, None)
        else:
            standing[member] = key(member, chance, values[member])
            ranking.place(member, -standing[member][0], standing[member][1:3])
    order = plain(standing.values())
    assert [tuple(row) for row in ranking.rows(0, MEMBERS)] == order
    for position in [0, len(order) - 1, *(chance.randrange(len(order)) for _ in range(2000))]:
        own = order[position][2]
        row = ranking.row(own[3])
        assert row is not None
        assert tuple(row) == order[position]
        assert ranking.position(own[3]) == position
        assert ranking.position_after(own) == position + 1
        assert [tuple(row) for row in ranking.rows(position, position + 20)] == order[position : position + 20]
