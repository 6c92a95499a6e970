"""What a calculation says: lines with their parts, and how an exact sum becomes whole grams that add up."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from fractions import Fraction
from typing import Literal

from services.calculator.domain.answers import Basis
from services.calculator.domain.factors import Factor, PartKind

Category = Literal["flight", "rail", "metro", "road", "active", "hotel", "home", "meals"]
Unit = Literal["km", "night", "meal"]


@dataclass(frozen=True)
class Part:
    """One part of a line: the product of its factors times the quantity, shared, in grams.

    `half_width` is that of the factors, relative, at 95%. `exact_grams` is what the whole grams stand for.
    """

    kind: PartKind
    factors: tuple[Factor, ...]
    half_width: Decimal
    exact_grams: Fraction = field(repr=False)
    grams: int = 0

    @property
    def value(self) -> Decimal:
        """The product of the factors, in kg per unit of the line."""
        return math.prod((factor.value for factor in self.factors), start=Decimal(1))


@dataclass(frozen=True)
class Line:
    """One activity: `quantity` in `unit` for all people, divided by `shared_by`, in one or more parts.

    `field` points at the answer it comes from; `notes` are keys of the release's sentences on fallbacks and boundaries;
    `activity_half_width` is the uncertainty of the quantity, relative, at 95%.
    """

    field: str
    category: Category
    activity: str
    quantity: Decimal
    unit: Unit
    shared_by: int
    basis: Basis
    activity_half_width: Decimal
    parts: tuple[Part, ...]
    notes: tuple[str, ...]
    grams: int = 0

    @property
    def exact_grams(self) -> Fraction:
        """The mass before any rounding."""
        return sum((part.exact_grams for part in self.parts), start=Fraction(0))


@dataclass(frozen=True)
class Warned:
    """Something unusual that the guest should look at again; it is counted all the same."""

    code: str
    field: str


@dataclass(frozen=True)
class Result:
    """A computed footprint: `grams` is the sum of the lines, likely between `low_grams` and `high_grams`.

    `distances_km` holds one way of each leg, in the order of the answers; a recomputation takes them as they stand.
    """

    release: str
    method_version: str
    grams: int
    low_grams: int
    high_grams: int
    lines: tuple[Line, ...]
    distances_km: tuple[Decimal, ...]
    warnings: tuple[Warned, ...]

    @property
    def grams_by_category(self) -> Mapping[str, int]:
        """The grams of each category that occurs, in the order of the lines."""
        sums: dict[str, int] = {}
        for line in self.lines:
            sums[line.category] = sums.get(line.category, 0) + line.grams
        return sums


def total_grams(exact: Sequence[Fraction]) -> int:
    """Return the sum rounded up once to the gram, at least one gram for each positive mass."""
    return max(math.ceil(sum(exact, start=Fraction(0))), sum(1 for mass in exact if mass > 0))


def apportioned(exact: Sequence[Fraction], total: int, *, least: int) -> tuple[int, ...]:
    """Return whole grams that sum to `total`, by largest remainder; a positive mass gets at least `least` grams.

    Of equal remainders the earlier mass goes first.
    """
    grams = [max(math.floor(mass), least if mass > 0 else 0) for mass in exact]
    lacking = total - sum(grams)
    step = 1 if lacking > 0 else -1
    for _ in range(abs(lacking)):
        # A gram goes to the mass that is furthest below its exact value; one that the least grams cost comes back from
        # the mass that is furthest above.
        open_to = [place for place, mass in enumerate(exact) if mass > 0 and (step > 0 or grams[place] > least)]
        place = max(open_to, key=lambda place: (step * (exact[place] - grams[place]), -place))
        grams[place] += step
    return tuple(grams)
