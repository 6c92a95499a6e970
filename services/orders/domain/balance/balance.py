"""What the guests of a scene have left to its organiser: which footprint of a chain counts, and how it stands."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Literal

from services.orders.domain.order.claim import ClaimTooLarge, FootprintCovered, FootprintFacts
from services.orders.domain.order.offers import ORDER_GRAMS_MAX
from services.orders.domain.order.order import Offered
from shared.contracts.calculator import FootprintCalculated, ScenePublished
from shared.refusal import Refusal

Standing = Literal["left", "covered", "struck"]


class SceneUnknown(Refusal):
    """No scene of this id has arrived (404)."""

    code = "scene_unknown"


class SceneNotYours(Refusal):
    """The scene belongs to another organiser (403)."""

    code = "scene_not_yours"


class SceneOpen(Refusal):
    """Guests may still neutralise by themselves; `scene_status` says how the scene stands (409)."""

    code = "scene_open"


class NothingLeft(Refusal):
    """Nothing of the scene is left that an order could take (409)."""

    code = "nothing_left"


class NotInBalance(Refusal):
    """The scene counts no such footprint: it is unknown, or a newer one has replaced it (404)."""

    code = "footprint_not_counted"


class NotStruck(Refusal):
    """The footprint counts in the scene and is not struck (404)."""

    code = "footprint_not_struck"


@dataclass(frozen=True)
class Struck:
    """That the organiser does not answer for a footprint, and why."""

    reason: str
    at: datetime


@dataclass(frozen=True)
class Chain:
    """A footprint and all that replaced it, by their root: the one that counts, and how it stands in the balance."""

    root: str
    scene_id: str
    role: Literal["guest", "organiser"]
    footprint_id: str
    grams: int
    standing: Standing
    struck: Struck | None = None


@dataclass(frozen=True)
class Share:
    """A part of a scene's footprints; `own_grams` of its mass are the organiser's own account."""

    footprints: int = 0
    grams: int = 0
    own_grams: int = 0


@dataclass(frozen=True)
class Balance:
    """All counting footprints of a scene, by how they stand."""

    left: Share
    covered: Share
    struck: Share


def chain(footprints: Iterable[FootprintCalculated], covering: str | None, before: Chain | None) -> Chain:
    """Return the chain of these footprints of one root, of which a live order covers `covering`, if any.

    The covered one counts, else the one that nobody replaced. What is struck is a footprint: another one that takes its
    place counts again.
    """
    facts = {one.footprint_id: one for one in footprints}
    counting = facts[covering or _last(facts)]
    assert counting.scene_id is not None, "a footprint of no scene is in no balance"
    struck = before.struck if before and before.footprint_id == counting.footprint_id else None
    return Chain(
        root=counting.root,
        scene_id=counting.scene_id,
        role=counting.role,
        footprint_id=counting.footprint_id,
        grams=counting.grams,
        standing="covered" if covering else "struck" if struck else "left",
        struck=struck,
    )


def strike(found: Chain | None, footprint_id: str, *, reason: str | None, now: datetime) -> Chain:
    """Strike the counting footprint of a chain from the balance, or, without a reason, take that back.

    Raises NotInBalance, or FootprintCovered when nothing of it is left to strike.
    """
    found = _counting(found, footprint_id)
    if reason is None:
        return replace(found, standing="left" if found.standing == "struck" else found.standing, struck=None)
    if found.struck and found.struck.reason == reason:
        # Struck already, and perhaps neutralised since.
        return found
    if found.standing == "covered":
        raise FootprintCovered(f"{footprint_id} is neutralised by an order already.", field="footprint_id")
    return replace(found, standing="struck", struck=Struck(reason, now))


def check_struck(found: Chain | None, footprint_id: str) -> None:
    """Raise NotInBalance unless a footprint is the counting one of its chain, NotStruck unless it is struck."""
    if _counting(found, footprint_id).struck is None:
        raise NotStruck(f"{footprint_id} counts, and is not struck.", field="footprint_id")


def _counting(found: Chain | None, footprint_id: str) -> Chain:
    if found is None or found.footprint_id != footprint_id:
        raise NotInBalance(
            f"{footprint_id} does not count in this scene. Look the balance up again.", field="footprint_id"
        )
    return found


def check_organiser(scene: ScenePublished | None, organiser_id: str, *, scene_id: str) -> ScenePublished:
    """Return the scene if it is the organiser's. Raises SceneUnknown or SceneNotYours."""
    if scene is None:
        raise SceneUnknown(f"There is no scene {scene_id} here yet.", field="scene_id")
    if scene.organiser_id != organiser_id:
        raise SceneNotYours("This scene belongs to another organiser.", field="scene_id")
    return scene


def check_closed(scene: ScenePublished) -> None:
    """Raise SceneOpen while the guests of a scene may still neutralise by themselves."""
    if scene.status != "closed":
        raise SceneOpen(
            f"This scene is {scene.status}. Close it; what its guests have left then is yours to neutralise.",
            field="scene_id",
            scene_status=scene.status,
        )


def taken(left: Iterable[Chain], facts: FootprintFacts) -> tuple[Offered, ...]:
    """Return what one order takes of what is left: of one jurisdiction, and no more mass than an order may hold.

    What another order has taken, or an answer changed, meanwhile is left out, so that nothing may remain. The right is
    the organiser's, so no token is shown. Raises ClaimTooLarge when each alone is more than an order may hold.
    """
    free = [
        footprint
        for one in left
        if (footprint := facts.footprints.get(one.footprint_id))
        and footprint.root not in facts.covered
        and footprint.footprint_id not in facts.replaced
    ]
    fitting = [footprint for footprint in free if footprint.grams <= ORDER_GRAMS_MAX]
    if free and not fitting:
        raise ClaimTooLarge(f"An order holds at most {ORDER_GRAMS_MAX} g. Strike what cannot be true.")
    offered, grams = [], 0
    for footprint in fitting:
        if footprint.jurisdiction == fitting[0].jurisdiction and grams + footprint.grams <= ORDER_GRAMS_MAX:
            offered.append(Offered(footprint.footprint_id, token_hash=None))
            grams += footprint.grams
    return tuple(offered)


def _last(facts: Mapping[str, FootprintCalculated]) -> str:
    """Return the one that nobody replaced; while one between others has not come, a later one than the root."""
    last = facts.keys() - {one.replaces for one in facts.values()}
    return max(last, key=lambda footprint_id: (facts[footprint_id].replaces is not None, footprint_id))
