"""The calculator's addresses: for programs under /v1, for people everywhere else."""

from services.calculator import domain
from services.calculator.api.forms import form_router
from services.calculator.api.organisers import organiser_router
from services.calculator.api.people import page_router
from services.calculator.api.programs import api_router
from services.calculator.handlers import UnknownFootprint, UnknownScene
from shared.refusal import Refusal
from shared.web.auth import PUBLIC, Access, Capability, Scope

ACCESS: dict[str, Access] = {
    "GET /v1/scenes": PUBLIC,
    "GET /v1/scenes/{code}": PUBLIC,
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
    domain.SceneNotOpen: 409,
    domain.SceneNotYours: 403,
    domain.TooManyFootprints: 429,
    domain.CodeTaken: 409,
    domain.AlreadyReplaced: 409,
    domain.AnswersRefused: 422,
    domain.AnswersTooLarge: 413,
    domain.ZeroFootprint: 422,
    domain.NoFactor: 422,
    domain.UnknownRelease: 404,
    domain.ReleaseAltered: 500,
}

__all__ = ["ACCESS", "STATUSES", "api_router", "form_router", "organiser_router", "page_router"]
