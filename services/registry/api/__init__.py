"""The registry's addresses: for programs under /v1, for people everywhere else."""

from services.registry.api.retirements import NothingThere
from services.registry.domain.commands import (
    ExceedsVerifiedAmount,
    IdentityFixed,
    IdentityTaken,
    KeyReused,
    ListingChanged,
    ListingMissing,
    NotEnoughToCancel,
    ReportIssuedOtherwise,
    SerialsOverlap,
    UnknownBatch,
)
from services.registry.domain.serials import NotASerial
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
    "GET /v1/order-retirements/{order_id}": PUBLIC,
    "GET /v1/retirements/{serial}": PUBLIC,
    "GET /v1/proof": PUBLIC,
    "POST /v1/proof/recounts": REGISTRAR,
    "GET /projects": PUBLIC,
    "GET /projects/{project_id}": PUBLIC,
    "GET /retirements/{about}": PUBLIC,
    "GET /proof": PUBLIC,
}
STATUSES: dict[type[Refusal], int] = {
    NothingThere: 404,
    NotASerial: 404,
    UnknownBatch: 404,
    ListingChanged: 412,
    ExceedsVerifiedAmount: 422,
    ReportIssuedOtherwise: 409,
    SerialsOverlap: 409,
    NotEnoughToCancel: 409,
    ListingMissing: 409,
    IdentityFixed: 409,
    IdentityTaken: 409,
    KeyReused: 422,
}
