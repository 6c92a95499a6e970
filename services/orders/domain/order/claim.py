"""Whether footprints may be claimed: they have arrived, the token fits, nothing else covers them."""

from __future__ import annotations

import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from services.orders.domain.order.offers import ORDER_GRAMS_MAX, bought
from services.orders.domain.order.order import Offered, Priced, Wish
from shared.contracts.calculator import FootprintCalculated
from shared.contracts.orders import ClaimedFootprint
from shared.contracts.registry import ProjectListed
from shared.refusal import Refusal
from shared.sentence import Sentence

FOOTPRINTS_MAX = 500


class ClaimRefused(Refusal):
    """The footprints cannot be claimed; each subclass names the reason."""


class ClaimMismatch(ClaimRefused):
    """The token does not belong to the footprint (403)."""

    code = "claim_mismatch"


class FootprintCovered(ClaimRefused):
    """Another live order covers the footprint, or one of its chain (409)."""

    code = "footprint_covered"


class FootprintReplaced(ClaimRefused):
    """A newer footprint has replaced this one (409)."""

    code = "footprint_replaced"


class JurisdictionsDiffer(ClaimRefused):
    """One claim follows the rules of one place (409)."""

    code = "jurisdictions_differ"


class ClaimTooLarge(ClaimRefused):
    """The footprints together are more than one order may hold (409)."""

    code = "claim_too_large"


@dataclass(frozen=True)
class FootprintFacts:
    """What orders has of footprints: those that have arrived, which of them are replaced, which roots are covered."""

    footprints: Mapping[str, FootprintCalculated]
    replaced: frozenset[str] = frozenset()
    covered: frozenset[str] = frozenset()


def claimed(offered: Sequence[Offered], facts: FootprintFacts) -> tuple[FootprintCalculated, ...] | None:
    """Return the footprints when all may be claimed, none while one has not arrived.

    Raises a ClaimRefused as soon as one that is known may not.
    """
    found = [facts.footprints.get(one.footprint_id) for one in offered]
    footprints = tuple(one for one in found if one is not None)
    for token, footprint in zip(offered, found, strict=True):
        if footprint is not None:
            _check(token, footprint, facts)
    if len({footprint.root for footprint in footprints}) < len(footprints):
        raise FootprintReplaced(
            Sentence("Two of the footprints are one chain of changes; keep the newest."), field="claims"
        )
    if len({footprint.jurisdiction for footprint in footprints}) > 1:
        raise JurisdictionsDiffer(
            Sentence("The footprints fall under different rules of claims. Make one order for each."), field="claims"
        )
    if sum(footprint.grams for footprint in footprints) > ORDER_GRAMS_MAX:
        raise ClaimTooLarge(
            Sentence("An order holds at most {grams} g. Take fewer footprints.", grams=ORDER_GRAMS_MAX), field="claims"
        )
    return footprints if len(footprints) == len(found) else None


def priced(wish: Wish, listing: ProjectListed, facts: FootprintFacts) -> Priced | None:
    """Return what the wish comes to at the frozen price, none while a footprint has not arrived.

    Mass and jurisdiction of footprints are theirs, never the client's word. Raises ClaimRefused or AmountOutOfRange.
    """
    if not wish.offered:
        return Priced(*bought(listing, mass_g=wish.mass_g, money_fen=wish.money_fen), jurisdiction=wish.country)
    footprints = claimed(wish.offered, facts)
    if footprints is None:
        return None
    scenes = {footprint.scene_id for footprint in footprints}
    mass_g = sum(footprint.grams for footprint in footprints)
    return Priced(
        *bought(listing, mass_g=mass_g, money_fen=None),
        jurisdiction=footprints[0].jurisdiction,
        scene_id=scenes.pop() if len(scenes) == 1 else None,
        footprints=tuple(ClaimedFootprint.model_validate(footprint.model_dump()) for footprint in footprints),
    )


def _check(offered: Offered, footprint: FootprintCalculated, facts: FootprintFacts) -> None:
    footprint_id = footprint.footprint_id
    if offered.token_hash is not None and not secrets.compare_digest(footprint.claim_hash, offered.token_hash):
        raise ClaimMismatch(
            Sentence(
                "The token shown is not that of {footprint_id}. Open the footprint by its own link and order from"
                " there.",
                footprint_id=footprint_id,
            ),
            field="claims",
            footprint_id=footprint_id,
        )
    if footprint.root in facts.covered:
        raise FootprintCovered(
            Sentence("The footprint {footprint_id} is covered by another order already.", footprint_id=footprint_id),
            field="claims",
            footprint_id=footprint_id,
        )
    if footprint_id in facts.replaced:
        raise FootprintReplaced(
            Sentence("A newer footprint has replaced {footprint_id}. Order that one.", footprint_id=footprint_id),
            field="claims",
            footprint_id=footprint_id,
        )
