"""The addresses of certificates, who may ask at each, and what a refusal answers."""

from services.certificates.api.sheet import Gone, NotPrintable
from services.certificates.domain.decide import NotIssuedYet, PurchaseUnknown, RevokedOtherwise, UnknownCertificate
from services.certificates.domain.throttle import TooManyCodes
from shared.refusal import Refusal
from shared.web.auth import PUBLIC, Access, Capability, Scope

ACCESS: dict[str, Access] = {
    "GET /v1/verifications/{code}": PUBLIC,
    "GET /v1/certificates/{code}": PUBLIC,
    "GET /v1/order-certificates/{order_id}": Capability("ord", "order_id"),
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
    PurchaseUnknown: 404,
    UnknownCertificate: 404,
    NotIssuedYet: 409,
    RevokedOtherwise: 409,
    TooManyCodes: 429,
}
