"""What the live wall of a scene shows: how much of what guests counted is settled, and who took part last."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from heapq import nlargest

from services.ranking.domain.boards import GROUP_MEMBERS_MIN, Boards
from services.ranking.domain.shares import Balance
from services.ranking.domain.windows import microseconds
from shared.contracts.calculator import ScenePublished

LATEST = 5
JUST_NOW_US = 10_000_000


@dataclass(frozen=True, slots=True)
class Latest:
    """One who took part: what they are called on boards, and nothing that could be joined with another figure."""

    name: str
    just_now: bool


@dataclass(frozen=True, slots=True)
class Wall:
    """A scene's wall at one moment; equal walls look the same. `just_now_g` is a part of what is covered.

    There is no balance until so many have taken part that it is the figure of none of them.
    """

    scene: ScenePublished
    balance: Balance | None
    just_now_g: int
    latest: tuple[Latest, ...]


def wall_of(boards: Boards, scene: ScenePublished, now: datetime) -> Wall:
    """Return the wall of a scene as it stands."""
    deeds = boards.deeds_at(scene.scene_id)
    since_us = microseconds(now) - JUST_NOW_US
    balance = boards.balance(scene.scene_id)
    enough = len({deed.beneficiary_id for deed in deeds}) >= GROUP_MEMBERS_MIN
    shown = [(deed, name) for deed in deeds if (name := boards.shown_name(deed.beneficiary_id)) is not None]
    last = nlargest(LATEST, shown, key=lambda one: (one[0].issued_us, one[0].certificate_id))
    fresh_g = sum(deed.grams for deed in deeds if deed.issued_us > since_us)
    return Wall(
        scene,
        balance if enough else None,
        min(fresh_g, balance.covered_g) if enough else 0,
        tuple(Latest(name, just_now=deed.issued_us > since_us) for deed, name in last),
    )
