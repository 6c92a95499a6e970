"""The addresses of orders: for programs under /v1, for people everywhere else, and those of the payment provider."""

from services.orders.api.quotes import FootprintUnknown
from services.orders.domain.balance.balance import (
    NothingLeft,
    NotInBalance,
    NotStruck,
    SceneNotYours,
    SceneOpen,
    SceneUnknown,
)
from services.orders.domain.beneficiary.beneficiary import BeneficiaryErased, KindFixed, MandateOutdated, NameMissing
from services.orders.domain.beneficiary.names import NameInvalid, NameUnprintable
from services.orders.domain.order.claim import ClaimMismatch, ClaimRefused
from services.orders.domain.order.machine import DoesNotFit
from services.orders.domain.order.offers import AmountOutOfRange, PriceChanged, ProjectNotForSale, ProjectUnknown
from services.orders.domain.order.payments import (
    NoticeForged,
    PaymentsExhausted,
    PaymentUnknown,
    ProviderRefused,
    ProviderSilent,
    PurchaseInvalid,
)
from services.orders.domain.order.refunds import RefundNotOpen, RefundUnknown
from services.orders.handlers.sandbox import SIGNATURE_HEADER
from shared.refusal import Refusal
from shared.web.auth import PUBLIC, Access, Capability, Scope, Signature

BUYER = Capability("ord", "order_id")
PROFILE = Capability("ben", "beneficiary_id")
BACK_OFFICE = Scope("orders:read")
CASHIER = Scope("orders:settle")
ORGANISER = Scope("orders:organise")
ACCESS: dict[str, Access] = {
    "POST /v1/quotes": PUBLIC,
    # The capabilities of the footprints, and of the profile if there is one, come in the request itself.
    "POST /v1/orders": PUBLIC,
    "GET /v1/orders": BACK_OFFICE,
    "GET /v1/payables": BACK_OFFICE,
    "GET /v1/orders/{order_id}": BUYER,
    "GET /v1/orders/{order_id}/events": BUYER,
    "POST /v1/orders/{order_id}/cancel": BUYER,
    "POST /v1/orders/{order_id}/payments": BUYER,
    "POST /v1/orders/{order_id}/payments/{payment_id}/settle": CASHIER,
    "PATCH /v1/beneficiaries/{beneficiary_id}": PROFILE,
    "DELETE /v1/beneficiaries/{beneficiary_id}": PROFILE,
    # The token's organiser_id says whose scenes these may be.
    "GET /v1/balances/{scene_id}": ORGANISER,
    "GET /v1/balances/{scene_id}/footprints": ORGANISER,
    "GET /v1/balances/{scene_id}/strikes/{footprint_id}": ORGANISER,
    "PUT /v1/balances/{scene_id}/strikes/{footprint_id}": ORGANISER,
    "DELETE /v1/balances/{scene_id}/strikes/{footprint_id}": ORGANISER,
    "POST /v1/balances/{scene_id}/orders": ORGANISER,
    "PATCH /v1/organiser/beneficiary": ORGANISER,
    # Whoever signs a notice is the provider.
    "POST /v1/payments/notices/sandbox": Signature(SIGNATURE_HEADER),
    "GET /orders/new": PUBLIC,
    "POST /orders": PUBLIC,
    "GET /orders/profiles/{beneficiary_id}": PROFILE,
    "POST /orders/profiles/{beneficiary_id}": PROFILE,
    "GET /orders/{order_id}": BUYER,
    "POST /orders/{order_id}/payments": BUYER,
    "POST /orders/{order_id}/cancel": BUYER,
}
STATUSES: dict[type[Refusal], int] = {
    NotStruck: 404,
    FootprintUnknown: 404,
    DoesNotFit: 409,
    ProjectUnknown: 404,
    ProjectNotForSale: 409,
    PriceChanged: 409,
    AmountOutOfRange: 422,
    ClaimRefused: 409,
    ClaimMismatch: 403,
    SceneUnknown: 404,
    SceneNotYours: 403,
    SceneOpen: 409,
    NothingLeft: 409,
    NotInBalance: 404,
    MandateOutdated: 409,
    NameInvalid: 422,
    NameMissing: 422,
    NameUnprintable: 422,
    KindFixed: 409,
    BeneficiaryErased: 409,
    PaymentUnknown: 404,
    PaymentsExhausted: 409,
    PurchaseInvalid: 409,
    ProviderRefused: 409,
    ProviderSilent: 503,
    RefundUnknown: 404,
    RefundNotOpen: 409,
    NoticeForged: 401,
}
