"""The addresses of orders: for programs under /v1, for people everywhere else, and those of the payment provider."""

from services.orders import domain
from services.orders.api.balances import balance_router
from services.orders.api.payments import SANDBOX_NOTICES, payment_router
from services.orders.api.people import page_router
from services.orders.api.profiles import profile_router
from services.orders.api.programs import CursorUnknown, FootprintUnknown, api_router
from services.orders.api.served import Served
from shared.refusal import Refusal
from shared.web.auth import PUBLIC, Access, Capability, Scope

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
    "GET /v1/orders/payables": BACK_OFFICE,
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
    "PUT /v1/balances/{scene_id}/strikes/{footprint_id}": ORGANISER,
    "DELETE /v1/balances/{scene_id}/strikes/{footprint_id}": ORGANISER,
    "POST /v1/balances/{scene_id}/orders": ORGANISER,
    "PATCH /v1/balances/beneficiary": ORGANISER,
    # Whoever signs a notice is the provider.
    f"POST {SANDBOX_NOTICES}": PUBLIC,
    # The sandbox plays a provider's site: whoever knows a payment's address may decide it.
    "POST /v1/sandbox/payments/{payment_id}/approve": PUBLIC,
    "POST /v1/sandbox/payments/{payment_id}/decline": PUBLIC,
    "GET /sandbox/payments/{payment_id}": PUBLIC,
    "POST /sandbox/payments/{payment_id}": PUBLIC,
    "GET /orders/new": PUBLIC,
    "POST /orders": PUBLIC,
    "GET /orders/profiles/{beneficiary_id}": PROFILE,
    "POST /orders/profiles/{beneficiary_id}": PROFILE,
    "GET /orders/{order_id}": BUYER,
    "POST /orders/{order_id}/payments": BUYER,
    "POST /orders/{order_id}/cancel": BUYER,
}
STATUSES: dict[type[Refusal], int] = {
    CursorUnknown: 422,
    FootprintUnknown: 404,
    domain.DoesNotFit: 409,
    domain.ProjectUnknown: 404,
    domain.ProjectNotForSale: 409,
    domain.PriceChanged: 409,
    domain.AmountOutOfRange: 422,
    domain.ClaimRefused: 409,
    domain.ClaimMismatch: 403,
    domain.SceneUnknown: 404,
    domain.SceneNotYours: 403,
    domain.SceneOpen: 409,
    domain.NothingLeft: 409,
    domain.NotInBalance: 404,
    domain.MandateOutdated: 409,
    domain.NameInvalid: 422,
    domain.NameMissing: 422,
    domain.NameUnprintable: 422,
    domain.KindFixed: 409,
    domain.BeneficiaryErased: 409,
    domain.PaymentUnknown: 404,
    domain.PaymentDecided: 409,
    domain.PaymentsExhausted: 409,
    domain.FaultNotPlayable: 422,
    domain.ProviderRefused: 409,
    domain.ProviderSilent: 503,
    domain.RefundUnknown: 404,
    domain.RefundNotOpen: 409,
    domain.NoticeForged: 401,
}

__all__ = [
    "ACCESS",
    "SANDBOX_NOTICES",
    "STATUSES",
    "Served",
    "api_router",
    "balance_router",
    "page_router",
    "payment_router",
    "profile_router",
]
