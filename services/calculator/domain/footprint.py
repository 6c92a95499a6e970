"""What a footprint is once it is made: whose it is, what it replaces, and what is published of it."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from services.calculator.domain.answers import Answers, Place
from services.calculator.domain.claims import jurisdiction_of
from services.calculator.domain.lines import Result
from shared.contracts.calculator import FootprintCalculated
from shared.refusal import Refusal
from shared.sentence import Sentence

Role = Literal["guest", "organiser"]


class AlreadyReplaced(Refusal):
    """Another footprint has replaced this one; change that one instead (409)."""

    code = "already_replaced"


class ZeroFootprint(Refusal):
    """Nothing was emitted by what is counted, so there is nothing to record or to offset (422)."""

    code = "zero_footprint"


@dataclass(frozen=True)
class Footprint:
    """A result that was recorded; `root` is the first of its chain, `replaced_by` the one that counts instead.

    `place` is where its scene lay when it was made: with it the answers give the same grams, wherever the scene moves.
    """

    footprint_id: str
    scene_id: str | None
    role: Role
    place: Place
    answers: Answers
    result: Result
    jurisdiction: str
    claim_hash: str
    root: str
    replaces: str | None
    replaced_by: str | None
    made_at: datetime


def first(
    footprint_id: str,
    *,
    scene_id: str | None,
    role: Role,
    place: Place,
    answers: Answers,
    result: Result,
    claim_hash: str,
    made_at: datetime,
) -> Footprint:
    """Return a footprint that replaces none and is its own root. Raises ZeroFootprint."""
    return Footprint(
        footprint_id=footprint_id,
        scene_id=scene_id,
        role=role,
        place=place,
        answers=answers,
        result=_of_some_mass(result),
        jurisdiction=jurisdiction_of(place),
        claim_hash=claim_hash,
        root=footprint_id,
        replaces=None,
        replaced_by=None,
        made_at=made_at,
    )


def replace(
    old: Footprint,
    *,
    footprint_id: str,
    place: Place,
    answers: Answers,
    result: Result,
    claim_hash: str,
    made_at: datetime,
) -> Footprint:
    """Return the footprint with changed answers: same scene, role, jurisdiction and root, and the same token.

    `claim_hash` is the hash of the old footprint's token under the new id. Asked again for the same id it answers the
    same. Raises AlreadyReplaced when another one has replaced `old`, ZeroFootprint.
    """
    if old.replaced_by not in (None, footprint_id):
        raise AlreadyReplaced(
            Sentence("This footprint was replaced by {newer}. Change that one.", newer=old.replaced_by),
            replaced_by=old.replaced_by,
        )
    return dataclasses.replace(
        old,
        footprint_id=footprint_id,
        place=place,
        answers=answers,
        result=_of_some_mass(result),
        claim_hash=claim_hash,
        replaces=old.footprint_id,
        replaced_by=None,
        made_at=made_at,
    )


def calculated(footprint: Footprint) -> FootprintCalculated:
    """Return what is published of the footprint: masses and names of things, never the answers."""
    result = footprint.result
    return FootprintCalculated(
        footprint_id=footprint.footprint_id,
        scene_id=footprint.scene_id,
        role=footprint.role,
        people=footprint.answers.people,
        grams=result.grams,
        low_grams=result.low_grams,
        high_grams=result.high_grams,
        grams_by_category=dict(result.grams_by_category),
        release=f"{result.release}/{result.method_version}",
        jurisdiction=footprint.jurisdiction,
        claim_hash=footprint.claim_hash,
        replaces=footprint.replaces,
        root=footprint.root,
    )


def _of_some_mass(result: Result) -> Result:
    if result.grams == 0:
        raise ZeroFootprint(Sentence("What is counted here emitted nothing, so there is nothing to offset."))
    return result
