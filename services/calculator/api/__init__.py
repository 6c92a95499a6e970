"""The calculator's addresses: for programs under /v1, for people everywhere else."""

from services.calculator.domain.answers import AnswersRefused, AnswersTooLarge
from services.calculator.domain.factors import NoFactor, ReleaseAltered, UnknownRelease
from services.calculator.domain.footprint import AlreadyReplaced, ZeroFootprint
from services.calculator.domain.scenes import CodeTaken, SceneNotOpen, SceneNotYours
from services.calculator.domain.throttle import TooManyFootprints
from services.calculator.handlers import UnknownFootprint, UnknownScene
from shared.refusal import Refusal
from shared.web.auth import PUBLIC, Access, Capability, Scope

ACCESS: dict[str, Access] = {
    "GET /v1/scenes": PUBLIC,
    "GET /v1/scenes/{scene_id}": PUBLIC,
    # A token with an organiser_id opens the scenes of that organiser only.
    "PUT /v1/scenes/{scene_id}": Scope("scenes:write"),
    "POST /v1/scenes/{scene_id}/footprints": Scope("scenes:write"),
    "GET /v1/airports": PUBLIC,
    "POST /v1/footprints": PUBLIC,
    "GET /v1/footprints/{footprint_id}": Capability("fp", "footprint_id"),
    "GET /": PUBLIC,
    "GET /S/{code}": PUBLIC,
    "GET /s/{code}": PUBLIC,
    "GET /s/{code}/qr.svg": PUBLIC,
    "GET /s/{code}/qr.png": PUBLIC,
    "GET /how": PUBLIC,
    "GET /privacy": PUBLIC,
    "GET /s/{code}/refine": PUBLIC,
    "POST /s/{code}/preview": PUBLIC,
    "GET /s/{code}/count": PUBLIC,
    "GET /s/{code}/footprints": PUBLIC,
    "POST /s/{code}/footprints": PUBLIC,
    "GET /life": PUBLIC,
    "GET /life/footprints": PUBLIC,
    "POST /life/footprints": PUBLIC,
    "POST /life/preview": PUBLIC,
    "GET /footprints/{footprint_id}": Capability("fp", "footprint_id"),
}
STATUSES: dict[type[Refusal], int] = {
    UnknownScene: 404,
    UnknownFootprint: 404,
    SceneNotOpen: 409,
    SceneNotYours: 403,
    TooManyFootprints: 429,
    CodeTaken: 409,
    AlreadyReplaced: 409,
    AnswersRefused: 422,
    AnswersTooLarge: 413,
    ZeroFootprint: 422,
    NoFactor: 422,
    UnknownRelease: 404,
    ReleaseAltered: 500,
}
