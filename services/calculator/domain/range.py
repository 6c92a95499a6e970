"""How sure a footprint is, and which line decides it: half-widths joined as methodology section 15 says."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from decimal import Context, Decimal, localcontext
from fractions import Fraction
from typing import Final

from services.calculator.domain.answers import Basis
from services.calculator.domain.factors import Factor
from services.calculator.domain.lines import Line

ACTIVITY_HALF_WIDTHS: Final[Mapping[Basis, Decimal]] = {
    "ticketed": Decimal("0.02"),
    "typed": Decimal("0.10"),
    "default": Decimal("0.30"),
}
# Fixed here, so that no setting of the process can change a digit.
_DIGITS = Context(prec=50)


def joined(half_widths: Iterable[Decimal]) -> Decimal:
    """Return the half-width of a product of independent things: the root of the sum of squares."""
    with localcontext(_DIGITS):
        return sum((width * width for width in half_widths), start=Decimal(0)).sqrt()


def factor_half_width(factors: Iterable[Factor]) -> Decimal:
    """Return the relative half-width of a product of factors."""
    return joined(factor.half_width for factor in factors)


def likely(lines: Sequence[Line], grams: int) -> tuple[int, int]:
    """Return the low and high grams around `grams`, rounded outwards, never below zero."""
    half = Fraction(_half_width_grams(lines))
    exact = sum((line.exact_grams for line in lines), start=Fraction(0))
    return max(0, math.floor(exact - half)), max(grams, math.ceil(exact + half))


def widest(lines: Sequence[Line]) -> Line:
    """Return the line that decides most of the range, the first of equal ones."""
    return max(lines, key=lambda line: _half_width_grams([line]))


def _half_width_grams(lines: Sequence[Line]) -> Decimal:
    """Parts with the same factor are wholly correlated: their half-widths add. Different factors: squares add."""
    widths: dict[str, Decimal] = {}
    with localcontext(_DIGITS):
        for line in lines:
            for part in line.parts:
                mass = Decimal(part.exact_grams.numerator) / part.exact_grams.denominator
                factor_id = part.factors[0].id
                width = mass * joined((line.activity_half_width, part.half_width))
                widths[factor_id] = widths.get(factor_id, Decimal(0)) + width
    return joined(widths.values())
