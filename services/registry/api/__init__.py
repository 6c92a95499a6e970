"""The registry's addresses: for programs under /v1, for people everywhere else."""

from services.registry import domain
from services.registry.api.people import page_router
from services.registry.api.programs import VersionMissing, api_router
from services.registry.api.retirements import NothingThere
from shared.refusal import Refusal
from shared.web.auth import PUBLIC, Access, Scope

REGISTRAR = Scope("registry:write")
ACCESS: dict[str, Access] = {
    "GET /v1/projects": PUBLIC,
    "GET /v1/projects/{project_id}": PUBLIC,
    "GET /v1/projects/{project_id}/pages": PUBLIC,
    "POST /v1/projects/{project_id}/listings": REGISTRAR,
    "POST /v1/projects/{project_id}/batches": REGISTRAR,
    "POST /v1/projects/{project_id}/cancellations": REGISTRAR,
    "GET /v1/retirements/orders/{order_id}": PUBLIC,
    "GET /v1/retirements/{serial}": PUBLIC,
    "GET /v1/proof": PUBLIC,
    "GET /projects": PUBLIC,
    "GET /projects/{project_id}": PUBLIC,
    "GET /retirements/{about}": PUBLIC,
    "GET /proof": PUBLIC,
}
STATUSES: dict[type[Refusal], int] = {
    NothingThere: 404,
    VersionMissing: 428,
    domain.NotASerial: 404,
    domain.UnknownBatch: 404,
    domain.ListingChanged: 412,
    domain.ExceedsVerifiedAmount: 422,
    domain.ReportIssuedOtherwise: 409,
    domain.SerialsOverlap: 409,
    domain.NotEnoughToCancel: 409,
    domain.ListingMissing: 409,
    domain.IdentityFixed: 409,
    domain.IdentityTaken: 409,
    domain.KeyReused: 422,
}

__all__ = ["ACCESS", "STATUSES", "api_router", "page_router"]
