"""What a request names: which board, and whose profile."""

from __future__ import annotations

import secrets
from collections.abc import Iterator

from fastapi import Request

from services.ranking.domain.boards import Boards
from services.ranking.domain.selection import Board, Measure, Selection, select
from services.ranking.domain.windows import WindowKind
from shared.refusal import Refusal
from shared.sentence import Sentence
from shared.web.auth import CAPABILITY_HEADER, Forbidden, Unauthenticated, hash_of, presented


class NotFound(Refusal):
    """There is no scene under this id or code, or no such rebuild (404)."""

    code = "not_found"


def no_scene(scene: str) -> NotFound:
    """Return the refusal of a scene that does not exist."""
    return NotFound(
        Sentence("There is no scene {scene}. Look at the code under its QR code.", scene=scene), field="scene"
    )


def selection_of(
    boards: Boards,
    board: Board,
    *,
    measure: Measure | None = None,
    window: WindowKind | None = None,
    scene: str | None = None,
    city: str | None = None,
) -> Selection:
    """Return the board that a request names. Raises NotOffered, or NotFound for a scene that does not exist."""
    found = boards.scene(scene) if scene else None
    if scene and found is None:
        raise no_scene(scene)
    scene_id = found.scene_id if found else None
    return select(board, measure=measure, window=window, scene_id=scene_id, city=city)


def profile_of(request: Request, boards: Boards, beneficiary_id: str | None = None) -> str | None:
    """Return the beneficiary whose profile's capability comes with the request; none when none fits."""
    return next((one for one in _named(request, beneficiary_id) if _fits(request, boards, one)), None)


def required_profile(request: Request, boards: Boards, beneficiary_id: str | None) -> str:
    """Return the beneficiary whose capability comes along. Raises Unauthenticated, or Forbidden if none fits."""
    found = profile_of(request, boards, beneficiary_id)
    if found is not None:
        return found
    if any(presented(request, one) for one in _named(request, beneficiary_id)):
        raise Forbidden("The capability does not fit, or the profile has not reached the boards yet.")
    raise Unauthenticated(
        f"Show the cookie of your profile, or name it as beneficiary and send its capability in {CAPABILITY_HEADER}."
    )


def _named(request: Request, beneficiary_id: str | None) -> Iterator[str]:
    if beneficiary_id is not None:
        yield beneficiary_id
    else:
        yield from (name for name in request.cookies if name.startswith("ben_"))


def _fits(request: Request, boards: Boards, beneficiary_id: str) -> bool:
    token, stored = presented(request, beneficiary_id), boards.profile_hash(beneficiary_id)
    if token is None or stored is None:
        return False
    return secrets.compare_digest(stored, hash_of("ben", beneficiary_id, token))
