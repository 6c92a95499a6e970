"""How a mass becomes a field of dots: the unit, the number, the shares of its parts, and the drawing as inline SVG."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Sequence
from typing import Literal

from markupsafe import Markup

State = Literal["settled", "now", "held", "void", "open"]

DOTS_MAX = 1_000
BAR_DOTS_MAX = 78
CELL = 10
BLOCK_CELLS = 100
BLOCK_SIDE = 100
BAR_ROW_DOTS = 26
BAR_CELL_PIXELS = 8

_DRAWN: dict[State, str] = {
    "settled": '<circle class="disc" cx="5" cy="5" r="3.9"/>',
    "now": '<circle class="honour" cx="5" cy="5" r="3.9"/>',
    "held": '<circle class="held" cx="5" cy="5" r="3.3"/><circle class="disc" cx="5" cy="5" r="1.5"/>',
    "void": '<path class="void" d="M2 4.2h6v1.6h-6z"/>',
    "open": '<circle class="ring" cx="5" cy="5" r="3.3"/>',
}
_ORDER = tuple(_DRAWN)


def unit(*grams: int, dots_max: int = DOTS_MAX) -> int:
    """Return the grams of one dot, the same for all masses given: the smallest step that keeps each within `dots_max`.

    Steps are 100 g (only when every mass is below 10 kg), 1 kg, 10 kg and so on.
    """
    heaviest = max(grams)
    step = 100 if heaviest < 10_000 else 1_000
    while count(heaviest, step) > dots_max:
        step *= 10
    return step


def count(grams: int, unit_grams: int) -> int:
    """Return the number of dots of a mass: rounded half-even, at least one; none only for no mass at all."""
    if grams == 0:
        return 0
    whole, rest = divmod(grams, unit_grams)
    up = 2 * rest > unit_grams or (2 * rest == unit_grams and whole % 2 == 1)
    return max(1, whole + up)


def shares(parts: Sequence[int], total: int) -> list[int]:
    """Split `total` in proportion to the parts, by largest remainder; a positive part gets at least one.

    The whole shares sum to `total`, or to the number of positive parts where there are more of them. Of equal
    remainders the earlier part goes first.
    """
    whole = sum(parts)
    if whole == 0:
        return [0 for _ in parts]
    total = max(total, sum(part > 0 for part in parts))
    dealt = [part * total // whole for part in parts]
    by_remainder = sorted(range(len(parts)), key=lambda place: (-(parts[place] * total % whole), place))
    for place in by_remainder[: total - sum(dealt)]:
        dealt[place] += 1
    for place, part in enumerate(parts):
        if part > 0 and dealt[place] == 0:
            dealt[dealt.index(max(dealt))] -= 1
            dealt[place] = 1
    return dealt


def field(
    parts: Sequence[tuple[State, int]], *, label: str, blocks_a_row: int = 3, unit_grams: int | None = None
) -> Markup:
    """Draw the parts of a mass, each a state and its grams, as one field of dots.

    `label` says the same in numbers. Without `unit_grams` the field finds its own unit. The page holds the patterns.
    """
    ordered = sorted(parts, key=lambda part: _ORDER.index(part[0]))
    masses = [grams for _, grams in ordered]
    mass = sum(masses)
    each = shares(masses, count(mass, unit_grams or unit(mass)))
    groups, start = [], 0
    for (state, _), dots in zip(ordered, each, strict=True):
        if dots:
            groups.append(_group(state, _rectangles(start, start + dots, blocks_a_row)))
        start += dots
    width = blocks_a_row * (BLOCK_SIDE + CELL) - CELL
    return _picture("field", width, max(CELL, _height(start, blocks_a_row)), label, groups)


def bar(grams: int, *, unit_grams: int, label: str) -> Markup:
    """Draw a mass as a row of open rings beside a number, 26 to the row; nothing for no mass."""
    dots = count(grams, unit_grams)
    if dots == 0:
        return Markup()
    rows = math.ceil(dots / BAR_ROW_DOTS)
    rectangles = [(0, row * CELL, min(BAR_ROW_DOTS, dots - row * BAR_ROW_DOTS) * CELL, CELL) for row in range(rows)]
    width, height = min(dots, BAR_ROW_DOTS), rows
    size = f' width="{width * BAR_CELL_PIXELS}" height="{height * BAR_CELL_PIXELS}"'
    return _picture("rings", width * CELL, height * CELL, label, [_group("open", rectangles)], size)


def key(state: State) -> Markup:
    """Draw one dot of the state, for the legend of a field; the word beside it tells the rest."""
    return Markup(
        '<svg class="key" viewBox="0 0 10 10" aria-hidden="true"><path fill="url(#dot-{})" d="M0 0h10v10H0z"/></svg>'
    ).format(state)


def patterns() -> Markup:
    """Return the drawing of each state, once a page; every field and legend on it refers to them."""
    cells = "".join(
        f'<pattern id="dot-{state}" width="10" height="10" patternUnits="userSpaceOnUse">{drawn}</pattern>'
        for state, drawn in _DRAWN.items()
    )
    return Markup(f'<svg class="patterns" aria-hidden="true">{cells}</svg>')


def mark() -> Markup:
    """Draw the mark: an open ring and a settled dot."""
    return Markup(
        '<svg class="mark" width="29" height="14" viewBox="0 0 29 14" aria-hidden="true">'
        '<circle class="outline" cx="7" cy="7" r="5.7"/><circle class="disc" cx="22" cy="7" r="6.5"/></svg>'
    )


def _rectangles(start: int, stop: int, blocks_a_row: int) -> Iterator[tuple[int, int, int, int]]:
    """Yield x, y, width, height of what covers the cells from start to stop: at most three rectangles a block."""
    while start < stop:
        block, cell = divmod(start, BLOCK_CELLS)
        row, column = divmod(cell, CELL)
        left = min(stop - start, BLOCK_CELLS - cell)
        whole_rows = left // CELL if column == 0 else 0
        columns, rows = (CELL, whole_rows) if whole_rows else (min(left, CELL - column), 1)
        x = block % blocks_a_row * (BLOCK_SIDE + CELL) + column * CELL
        y = block // blocks_a_row * (BLOCK_SIDE + CELL) + row * CELL
        yield x, y, columns * CELL, rows * CELL
        start += columns * rows


def _height(dots: int, blocks_a_row: int) -> int:
    blocks, rest = divmod(dots, BLOCK_CELLS)
    last_row, place = divmod(blocks, blocks_a_row)
    above = last_row * (BLOCK_SIDE + CELL)
    if place:
        return above + BLOCK_SIDE
    return above + math.ceil(rest / CELL) * CELL if rest else above - CELL


def _group(state: State, rectangles: Iterable[tuple[int, int, int, int]]) -> str:
    drawn = "".join(f'<rect x="{x}" y="{y}" width="{w}" height="{h}"/>' for x, y, w, h in rectangles)
    return f'<g fill="url(#dot-{state})">{drawn}</g>'


def _picture(kind: str, width: int, height: int, label: str, groups: list[str], size: str = "") -> Markup:
    inside = Markup("".join(groups))
    return Markup('<svg class="{}"{} viewBox="0 0 {} {}" role="img" aria-label="{}">{}</svg>').format(
        kind, Markup(size), width, height, label, inside
    )
