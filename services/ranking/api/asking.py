"""Which board a request asks for, and who asks."""

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


class NothingThere(Refusal):
    """No scene is known under this id or code (404)."""

    code = "not_found"


def no_scene(scene: str) -> NothingThere:
    """Return the refusal of a scene that nobody knows."""
    return NothingThere(
        Sentence("There is no scene {scene}. Look at the code under its QR code.", scene=scene), field="scene"
    )


def selected(
    boards: Boards,
    board: Board,
    *,
    measure: Measure | None = None,
    window: WindowKind | None = None,
    scene: str | None = None,
    city: str | None = None,
) -> Selection:
    """Return the board that is asked for. Raises NotOffered, or NothingThere for a scene that nobody knows."""
    found = boards.scene(scene) if scene else None
    if scene and found is None:
        raise no_scene(scene)
    scene_id = found.scene_id if found else None
    return select(board, measure=measure, window=window, scene_id=scene_id, city=city)


def asker(request: Request, boards: Boards, beneficiary_id: str | None = None) -> str | None:
    """Return the beneficiary whose profile's capability the request shows; none when it shows none that fits."""
    return next((one for one in _offered(request, beneficiary_id) if _fits(request, boards, one)), None)


def required(request: Request, boards: Boards, beneficiary_id: str | None) -> str:
    """Return the beneficiary who asks. Raises Unauthenticated when no capability is shown, Forbidden when none fits."""
    found = asker(request, boards, beneficiary_id)
    if found is not None:
        return found
    if any(presented(request, one) for one in _offered(request, beneficiary_id)):
        raise Forbidden("The capability does not fit, or the profile is not known here yet.")
    raise Unauthenticated(
        f"Show the cookie of your profile, or name it as beneficiary and send its capability in {CAPABILITY_HEADER}."
    )


def _offered(request: Request, beneficiary_id: str | None) -> Iterator[str]:
    if beneficiary_id is not None:
        yield beneficiary_id
    else:
        yield from (name for name in request.cookies if name.startswith("ben_"))


def _fits(request: Request, boards: Boards, beneficiary_id: str) -> bool:
    token, stored = presented(request, beneficiary_id), boards.profile_hash(beneficiary_id)
    if token is None or stored is None:
        return False
    return secrets.compare_digest(stored, hash_of("ben", beneficiary_id, token))
