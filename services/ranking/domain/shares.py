"""How much of what a scene's guests counted is covered by certificates."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from typing import NamedTuple

from shared.contracts import FootprintCalculated

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
        """Return the footprint that is told of; it belongs to a scene."""
        assert event.scene_id is not None
        return cls(
            footprint_id=event.footprint_id,
            root=event.root,
            replaces=event.replaces,
            scene_id=event.scene_id,
            grams=event.grams,
            guests=event.people if event.role == "guest" else 0,
        )


class Balance(NamedTuple):
    """What counts at a scene, and how much of it certificates cover: grams, and the guests who counted them."""

    covered_g: int = 0
    total_g: int = 0
    covered_guests: int = 0
    total_guests: int = 0


class Shares:
    """Footprints of scenes by root, and which of them certificates cover. Of a root exactly one footprint counts."""

    def __init__(self) -> None:
        self._root_of: dict[str, str] = {}
        self._chains: dict[str, dict[str, Footprint]] = {}
        self._covering: Counter[str] = Counter()
        self._counting: dict[str, tuple[Footprint, bool]] = {}
        self._balances: dict[str, Balance] = {}

    def share(self, scene_id: str) -> int:
        """Return covered ÷ all grams in hundredths of a percent, rounded down, but not to 0 if any is covered."""
        balance = self.balance(scene_id)
        if balance.covered_g == 0:
            return 0
        return max(1, balance.covered_g * WHOLE_SHARE // balance.total_g)

    def balance(self, scene_id: str) -> Balance:
        """Return what counts at a scene."""
        return self._balances.get(scene_id, Balance())

    def footprints(self) -> dict[str, Footprint]:
        """Return all footprints heard, by id."""
        return {footprint_id: one for chain in self._chains.values() for footprint_id, one in chain.items()}

    def calculated(self, footprint: Footprint) -> set[str]:
        """Take a footprint in, once or again; return the scenes whose share may have changed."""
        self._root_of[footprint.footprint_id] = footprint.root
        self._chains.setdefault(footprint.root, {})[footprint.footprint_id] = footprint
        return self._settle(footprint.root)

    def cover(self, footprint_ids: Iterable[str], *, by: int) -> set[str]:
        """Count one certificate more (by=1) or less (by=-1) on footprints, known or not; return the scenes changed."""
        changed: set[str] = set()
        for footprint_id in footprint_ids:
            self._covering[footprint_id] += by
            if (root := self._root_of.get(footprint_id)) is not None:
                changed |= self._settle(root)
        return changed

    def _settle(self, root: str) -> set[str]:
        """Put the root's counting footprint into its scene's balance in place of the one that counted before."""
        changed = set()
        if (before := self._counting.get(root)) is not None:
            changed.add(self._enter(before[0], covered=before[1], sign=-1))
        now, covered = self._counts(self._chains[root])
        self._counting[root] = (now, covered)
        changed.add(self._enter(now, covered=covered, sign=1))
        return changed

    def _counts(self, chain: dict[str, Footprint]) -> tuple[Footprint, bool]:
        """Return the footprint of a chain that counts, and whether a certificate covers it."""
        if len(chain) == 1:
            (only,) = chain.values()
            return only, self._covering[only.footprint_id] > 0
        covered = [footprint for footprint in chain.values() if self._covering[footprint.footprint_id] > 0]
        replaced = {footprint.replaces for footprint in chain.values()}
        last = [footprint for footprint in chain.values() if footprint.footprint_id not in replaced]
        # Of a chain heard in part there may be two, of one that bites its tail none: the least id then counts.
        standing = covered or last or chain.values()
        return min(standing, key=lambda footprint: footprint.footprint_id), bool(covered)

    def _enter(self, footprint: Footprint, *, covered: bool, sign: int) -> str:
        grams, guests = sign * footprint.grams, sign * footprint.guests
        before = self.balance(footprint.scene_id)
        self._balances[footprint.scene_id] = Balance(
            before.covered_g + covered * grams,
            before.total_g + grams,
            before.covered_guests + covered * guests,
            before.total_guests + guests,
        )
        return footprint.scene_id
