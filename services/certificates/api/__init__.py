"""The addresses of certificates, who may ask at each, and what a refusal answers."""

from services.certificates import domain
from services.certificates.api.people import page_router
from services.certificates.api.programs import api_router
from services.certificates.api.sheet import Gone, NotPrintable, Sheets
from shared.refusal import Refusal
from shared.web.auth import PUBLIC, Access, Capability, Scope

ACCESS: dict[str, Access] = {
    "GET /v1/verifications/{code}": PUBLIC,
    "GET /v1/certificates/{code}": PUBLIC,
    "GET /v1/certificates/orders/{order_id}": Capability("ord", "order_id"),
    "POST /v1/certificates/{certificate_id}/revoke": Scope("certificates:revoke"),
    "GET /v": PUBLIC,
    "GET /c/{code}": PUBLIC,
    "GET /C/{code}": PUBLIC,
    "GET /c/{code}.pdf": PUBLIC,
    "GET /c/{code}.png": PUBLIC,
    "GET /c/orders/{order_id}": Capability("ord", "order_id"),
}
STATUSES: dict[type[Refusal], int] = {
    Gone: 410,
    NotPrintable: 409,
    domain.PurchaseUnknown: 404,
    domain.UnknownCertificate: 404,
    domain.NotIssuedYet: 409,
    domain.RevokedOtherwise: 409,
    domain.TooManyCodes: 429,
}

__all__ = ["ACCESS", "STATUSES", "Sheets", "api_router", "page_router"]
