"""How much of what a scene's guests counted is covered by certificates."""

from __future__ import annotations

from collections.abc import Iterable
from sys import intern
from typing import NamedTuple

from shared.contracts.calculator import FootprintCalculated

# A share is given in whole hundredths of a percent, so that equal figures on the page are equal ranks.
WHOLE_SHARE = 10_000


class Footprint(NamedTuple):
    """A footprint of a scene as boards see it; an organiser's own account has no guests."""

    footprint_id: str
    root: str
    replaces: str | None
    scene_id: str
    grams: int
    guests: int

    @classmethod
    def of(cls, event: FootprintCalculated) -> Footprint:
        """Return the footprint of an event; it belongs to a scene."""
        assert event.scene_id is not None
        return cls(
            footprint_id=event.footprint_id,
            root=event.root,
            replaces=event.replaces,
            scene_id=intern(event.scene_id),
            grams=event.grams,
            guests=event.people if event.role == "guest" else 0,
        )


class FootprintDiffers(ValueError):
    """A footprint came before with another content: what counted would count twice, or never leave again."""


# A footprint and those that replace it.
Chain = tuple[Footprint, ...]


class Balance(NamedTuple):
    """What counts at a scene, and how much of it certificates cover: grams, and the guests who counted them."""

    covered_g: int = 0
    total_g: int = 0
    covered_guests: int = 0
    total_guests: int = 0


_NOTHING = Balance()


class Shares:
    """Footprints of scenes by root, and which of them certificates cover. Of a root exactly one footprint counts."""

    def __init__(self) -> None:
        # Of those that replace another one; the others are their own.
        self._root_of: dict[str, str] = {}
        # By root. Nearly all are of one footprint.
        self._chains: dict[str, Chain] = {}
        # Footprints by the number of certificates on them; of those that are not here, none.
        self._covering: dict[str, int] = {}
        self._balances: dict[str, Balance] = {}

    def share(self, scene_id: str) -> int:
        """Return covered ÷ all grams in hundredths of a percent, rounded down, but not to 0 if any is covered."""
        balance = self.balance(scene_id)
        if balance.covered_g == 0:
            return 0
        return max(1, balance.covered_g * WHOLE_SHARE // balance.total_g)

    def balance(self, scene_id: str) -> Balance:
        """Return what counts at a scene."""
        return self._balances.get(scene_id, _NOTHING)

    def footprints(self) -> dict[str, Footprint]:
        """Return all footprints, by id."""
        return {footprint.footprint_id: footprint for chain in self._chains.values() for footprint in chain}

    def calculated(self, footprint: Footprint) -> set[str]:
        """Take a footprint in, once or again; return the scenes whose share may have changed.

        Raises FootprintDiffers, and nothing has changed then.
        """
        before = self._footprint(footprint.footprint_id)
        if before == footprint:
            return set()
        if before is not None:
            raise FootprintDiffers(f"{footprint.footprint_id} came before with another content")
        if footprint.root != footprint.footprint_id:
            self._root_of[footprint.footprint_id] = footprint.root
        chain = self._chains.get(footprint.root, ())
        self._chains[footprint.root] = now = (*chain, footprint)
        return (self._enter(chain, -1) if chain else set()) | self._enter(now, 1)

    def cover(self, footprint_ids: Iterable[str], *, by: int) -> set[str]:
        """Count one certificate more (by=1) or less (by=-1) on footprints, here or not; return the scenes changed."""
        changed: set[str] = set()
        for footprint_id in footprint_ids:
            chain = self._chains.get(self._root_of.get(footprint_id, footprint_id))
            if chain:
                changed |= self._enter(chain, -1)
            self._covering[footprint_id] = self._covering.get(footprint_id, 0) + by
            if chain:
                changed |= self._enter(chain, 1)
        return changed

    def _footprint(self, footprint_id: str) -> Footprint | None:
        chain = self._chains.get(self._root_of.get(footprint_id, footprint_id), ())
        return next((one for one in chain if one.footprint_id == footprint_id), None)

    def _enter(self, chain: Chain, sign: int) -> set[str]:
        """Enter the footprint of a chain that counts into its scene's balance (1), or take it out (-1)."""
        counting, covered = self._counts(chain)
        grams, guests = sign * counting.grams, sign * counting.guests
        before = self.balance(counting.scene_id)
        self._balances[counting.scene_id] = Balance(
            before.covered_g + covered * grams,
            before.total_g + grams,
            before.covered_guests + covered * guests,
            before.total_guests + guests,
        )
        return {counting.scene_id}

    def _counts(self, chain: Chain) -> tuple[Footprint, bool]:
        """Return the footprint of a chain that counts, and whether a certificate covers it."""
        if len(chain) == 1:
            (only,) = chain
            return only, self._covering.get(only.footprint_id, 0) > 0
        covered = [footprint for footprint in chain if self._covering.get(footprint.footprint_id, 0) > 0]
        replaced = {footprint.replaces for footprint in chain}
        last = [footprint for footprint in chain if footprint.footprint_id not in replaced]
        # Of a chain that is here in part there may be two, of one that bites its tail none: the least id then counts.
        standing = covered or last or chain
        return min(standing, key=lambda footprint: footprint.footprint_id), bool(covered)
