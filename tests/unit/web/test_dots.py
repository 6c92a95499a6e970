"""The dots rule: units, numbers and shares as the pictures show them, and drawings that cover exactly their cells."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.web.dots import DOTS_MAX, bar, count, field, patterns, shares, unit

TONNE = 1_000_000
WORKED_EXAMPLE = {"flight": 458_745, "hotel": 61_686, "meals": 11_720, "metro": 863}

masses = st.integers(min_value=1, max_value=10**15)


def rectangles(svg: str) -> list[tuple[int, int, int, int]]:
    found = re.findall(r'<rect x="(\d+)" y="(\d+)" width="(\d+)" height="(\d+)"/>', svg)
    return [(int(x), int(y), int(w), int(h)) for x, y, w, h in found]


def cells(svg: str) -> list[tuple[int, int]]:
    return [
        (column, row) for x, y, w, h in rectangles(svg) for row in range(y, y + h, 10) for column in range(x, x + w, 10)
    ]


@pytest.mark.parametrize(
    ("grams", "unit_grams", "dots"),
    [
        (533_014, 1_000, 533),
        (113_640_000, TONNE, 114),
        (9_999, 100, 100),
        (10_000, 1_000, 10),
        (1_000_400, 1_000, 1_000),
        (1_000_600, 10_000, 100),
        (40, 100, 1),
        (3_000 * TONNE, 10 * TONNE, 300),
    ],
)
def test_the_unit_is_the_smallest_that_gives_at_most_a_thousand_dots(grams: int, unit_grams: int, dots: int) -> None:
    assert (unit(grams), count(grams, unit(grams))) == (unit_grams, dots)


def test_fields_that_are_compared_share_the_largest_unit() -> None:
    assert unit(863, 61_686, 533_014) == 1_000
    assert unit(3_000 * TONNE, 501 * TONNE, 1_200 * TONNE) == 10 * TONNE


def test_bars_have_at_most_78_dots() -> None:
    assert unit(14_825, 3_048, 20_900, dots_max=78) == 1_000
    assert unit(9_000, dots_max=78) == 1_000
    assert unit(79_000, dots_max=78) == 10_000


def test_the_number_is_rounded_half_to_even() -> None:
    assert [count(grams, 1_000) for grams in (500, 1_500, 2_500, 2_501, 3_500)] == [1, 2, 2, 3, 4]


def test_the_worked_example_shows_459_61_12_and_1_dots_which_are_533() -> None:
    assert shares(list(WORKED_EXAMPLE.values()), 533) == [459, 61, 12, 1]


@pytest.mark.parametrize(
    ("parts", "total", "dealt"),
    [
        # Allocated, held, cancelled, available of the three batches on the proof page.
        ([413_263_494, 3_204_118, 20_000_000, 2_563_532_388], 300, [41, 1, 2, 256]),
        ([88_412_905, 310_200, 0, 412_276_895], 50, [9, 1, 0, 40]),
        ([27_960_118, 1_066_028, 0, 1_170_973_854], 120, [3, 1, 0, 116]),
    ],
)
def test_the_batches_of_the_proof_show_every_part_that_is_not_nothing(
    parts: list[int], total: int, dealt: list[int]
) -> None:
    assert shares(parts, total) == dealt


@given(st.lists(st.integers(min_value=0, max_value=10**12), max_size=12), st.integers(min_value=1, max_value=2_000))
def test_shares_sum_to_the_total_and_no_positive_part_is_nothing(parts: list[int], total: int) -> None:
    dealt = shares(parts, total)
    positive = sum(part > 0 for part in parts)
    assert sum(dealt) == (max(total, positive) if positive else 0)
    assert all((share > 0) == (part > 0) for part, share in zip(parts, dealt, strict=True))


@given(masses)
def test_every_mass_has_between_one_and_a_thousand_dots(grams: int) -> None:
    assert 1 <= count(grams, unit(grams)) <= DOTS_MAX


@given(st.integers(min_value=1, max_value=2_000_000), st.integers(min_value=1, max_value=2_000_000))
def test_a_field_draws_each_of_its_cells_once_inside_its_frame(settled: int, still_open: int) -> None:
    svg = field([("open", still_open), ("settled", settled)], label="x")
    drawn = cells(svg)
    mass = settled + still_open
    assert len(drawn) == len(set(drawn)) == max(2, count(mass, unit(mass)))
    width, height = map(int, re.findall(r'viewBox="0 0 (\d+) (\d+)"', svg)[0])
    assert width == 320
    assert all(column < width and row < height for column, row in drawn)


def test_533_dots_are_seven_rectangles_in_less_than_a_kilobyte() -> None:
    svg = field([("settled", 533_014)], label="533 kg offset")
    assert rectangles(svg) == [
        (0, 0, 100, 100),
        (110, 0, 100, 100),
        (220, 0, 100, 100),
        (0, 110, 100, 100),
        (110, 110, 100, 100),
        (220, 110, 100, 30),
        (220, 140, 30, 10),
    ]
    assert len(svg.encode()) < 1_000


def test_a_run_takes_at_most_three_rectangles_of_a_block() -> None:
    svg = field([("settled", 17_000), ("open", 61_000), ("held", 6_000)], label="x")
    groups = dict(re.findall(r'<g fill="url\(#dot-(\w+)\)">(.*?)</g>', svg))
    assert list(groups) == ["settled", "held", "open"]
    assert {state: len(rectangles(drawn)) for state, drawn in groups.items()} == {"settled": 2, "held": 2, "open": 3}


def test_a_lone_block_keeps_its_width() -> None:
    assert 'viewBox="0 0 320 10"' in field([("open", 10_000)], label="x")
    assert 'viewBox="0 0 100 20"' in field([("open", 12_000)], label="x", blocks_a_row=1)


def test_the_label_of_a_picture_cannot_break_out_of_it() -> None:
    assert 'aria-label="&#34;&gt;&lt;b"' in field([("open", 1)], label='"><b')


def test_a_bar_draws_one_ring_a_unit_26_to_the_row_and_nothing_for_nothing() -> None:
    assert len(cells(bar(14_825, unit_grams=1_000, label="15 kg"))) == 15
    assert rectangles(bar(53_000, unit_grams=1_000, label="x")) == [(0, 0, 260, 10), (0, 10, 260, 10), (0, 20, 10, 10)]
    assert bar(0, unit_grams=1_000, label="0") == ""


def test_each_state_has_one_pattern() -> None:
    assert re.findall(r'id="dot-(\w+)"', patterns()) == ["settled", "now", "held", "void", "open"]
