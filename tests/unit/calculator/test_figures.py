"""What a chain of footprints adds to its scene, and from how many guests on that is shown."""

from __future__ import annotations

from itertools import permutations

import pytest

from services.calculator.domain.figures import GROUP_MIN, Figures, Member, figures_of

FIRST = Member("fp_1", None, 100, covered=False)
SECOND = Member("fp_2", "fp_1", 70, covered=False)
THIRD = Member("fp_0", "fp_2", 50, covered=False)


def covered(member: Member) -> Member:
    return Member(member.footprint_id, member.replaces, member.grams, covered=True)


@pytest.mark.parametrize(
    ("chain", "grams", "neutralised"),
    [
        ([FIRST], 100, 0),
        ([covered(FIRST)], 100, 100),
        ([FIRST, SECOND, THIRD], 50, 0),
        ([covered(FIRST), SECOND, THIRD], 100, 100),
        ([FIRST, covered(SECOND), THIRD], 70, 70),
        ([covered(FIRST), SECOND, covered(THIRD)], 50, 50),
        ([covered(FIRST), covered(SECOND), THIRD], 70, 70),
    ],
)
def test_of_a_chain_the_covered_footprint_counts_else_the_one_that_nobody_replaced_in_whatever_order_it_is_read(
    chain: list[Member], grams: int, neutralised: int
) -> None:
    assert {figures_of(order) for order in permutations(chain)} == {Figures(1, grams, neutralised)}


def test_figures_are_public_from_five_guests_on() -> None:
    assert GROUP_MIN == 5
    assert Figures(4, 400, 100).public == Figures()
    assert Figures(5, 500, 100).public == Figures(5, 500, 100)
    assert Figures(5, 500, 100) - Figures(1, 100, 100) + Figures(1, 90, 0) == Figures(5, 490, 0)
