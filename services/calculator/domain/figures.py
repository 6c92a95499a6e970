"""What a scene shows of its guests: a sum over chains of footprints, of each of which exactly one footprint counts."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

# The figures of fewer guests would be those of persons.
GROUP_MIN = 5


@dataclass(frozen=True)
class Member:
    """A footprint of a chain, as figures look at it; `covered` by a certificate that is not revoked."""

    footprint_id: str
    replaces: str | None
    grams: int
    covered: bool


@dataclass(frozen=True)
class Figures:
    """How many guests have counted, their grams, and the part of these that certificates cover."""

    guests: int = 0
    counted_grams: int = 0
    neutralised_grams: int = 0

    def __add__(self, other: Figures) -> Figures:
        return Figures(
            self.guests + other.guests,
            self.counted_grams + other.counted_grams,
            self.neutralised_grams + other.neutralised_grams,
        )

    def __sub__(self, other: Figures) -> Figures:
        return Figures(
            self.guests - other.guests,
            self.counted_grams - other.counted_grams,
            self.neutralised_grams - other.neutralised_grams,
        )

    @property
    def public(self) -> Figures:
        """The figures as anybody may see them: none before five guests have counted."""
        return self if self.guests >= GROUP_MIN else Figures()


def figures_of(chain: Sequence[Member]) -> Figures:
    """Return what a chain adds to its scene: its covered footprint, else the one that nobody replaced.

    Where several fit, as while a revocation is on its way, it is the later of the chain, whatever came when.
    """
    replaced = {member.replaces for member in chain}
    counting = max(chain, key=lambda member: (member.covered, member.footprint_id not in replaced, member.footprint_id))
    return Figures(1, counting.grams, counting.grams if counting.covered else 0)
