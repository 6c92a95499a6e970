"""What programs get from orders, and how an order is shown to them."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Annotated, Literal, Self

from pydantic import BaseModel, Field

from services.orders.domain.beneficiary.beneficiary import Beneficiary
from services.orders.domain.order.decide import as_made
from services.orders.domain.order.machine import State
from services.orders.domain.order.order import NotOurs, Order, Payment, PaymentState, RefundReason, RefundState
from shared.contracts.orders import ClaimedFootprint
from shared.web.lists import ListResponse


class OfferResponse(BaseModel):
    """One project's price: subtotal + fee = total, in fen."""

    project_id: str
    names: dict[str, str]
    standard: str
    type: str
    listing_version: int
    unit_price_fen: int
    mass_g: int
    subtotal_fen: int
    fee_fen: int
    total_fen: int
    currency: str


class Quote(BaseModel):
    """The price list, CDCER first. After `ask_again_at` ask again; it promises nothing."""

    livemode: bool
    mandate_version: str
    mandate_text: str
    ask_again_at: datetime
    data: list[OfferResponse]


class ProfileResponse(BaseModel):
    """A beneficiary as it stands."""

    beneficiary_id: str
    livemode: bool
    kind: str
    name: str | None
    alias: str | None
    board: str

    @classmethod
    def of(cls, beneficiary: Beneficiary, *, livemode: bool) -> Self:
        """Show a beneficiary."""
        return cls(
            beneficiary_id=beneficiary.beneficiary_id,
            livemode=livemode,
            kind=beneficiary.kind,
            name=beneficiary.name,
            alias=beneficiary.alias,
            board=beneficiary.board,
        )


class RefundResponse(BaseModel):
    """Money on its way back; `settled_outside` when staff gave it back by another way, which the reference names."""

    state: RefundState
    why: RefundReason
    requested_at: datetime
    reference: str


class PaymentResponse(BaseModel):
    """A payment of an order. `void_reason` is why money was only authorised and is voided: nothing was charged."""

    payment_id: str
    method: str
    state: PaymentState
    started_at: datetime
    authorised_fen: int | None
    authorised_currency: str | None
    void_reason: NotOurs | None
    received_fen: int | None
    received_currency: str | None
    refund: RefundResponse | None

    @classmethod
    def of(cls, payment: Payment) -> Self:
        """Show a payment."""
        return cls.model_validate(_payment(payment))


class PaymentStarted(BaseModel):
    """A payment that was started, and the provider's page to send the buyer to."""

    payment_id: str
    order_id: str
    livemode: bool
    amount_fen: int
    currency: str
    url: str


class RefusalResponse(BaseModel):
    """Why an order was refused, and what the registry added to it."""

    reason: str
    available_g: int | None
    unit_price_fen: int | None
    listing_version: int | None


class CertificateResponse(BaseModel):
    """The certificate that came of an order."""

    certificate_id: str
    number: str


class SerialsResponse(BaseModel):
    """The serials that an order's grams lie in."""

    first_serial: str
    last_serial: str


class StepResponse(BaseModel):
    """A state that the order came into."""

    state: str
    at: datetime


class OrderFacts(BaseModel):
    """An order; mass and money are none while it waits for a footprint."""

    order_id: str
    livemode: bool
    state: State
    created_at: datetime
    deadline: datetime | None
    project_id: str
    project_names: dict[str, str]
    listing_version: int
    unit_price_fen: int
    mass_g: int | None
    subtotal_fen: int | None
    fee_fen: int
    total_fen: int | None
    currency: str
    beneficiary_id: str
    scene_id: str | None
    jurisdiction: str | None
    footprints: list[ClaimedFootprint]
    payments: list[PaymentResponse]
    refusal: RefusalResponse | None
    serials: list[SerialsResponse]
    certificate: CertificateResponse | None
    steps: list[StepResponse]


class OrderResponse(OrderFacts):
    """An order as it stands, and how its scene is called."""

    scene_names: dict[str, str]

    @classmethod
    def of(cls, order: Order, *, scene_names: Mapping[str, str], livemode: bool) -> Self:
        """Show an order."""
        return cls.model_validate({**_fields(order, livemode=livemode), "scene_names": scene_names})


class OrderMade(OrderFacts):
    """An order as it was made, and the capabilities that open it and the profile, shown to whoever made them."""

    capability: str
    profile_capability: Annotated[str | None, Field(description="none for a profile that was there before")]

    @classmethod
    def made(cls, order: Order, *, livemode: bool, capability: str, profile_capability: str | None) -> Self:
        """Show an order as it was when it was made."""
        fields = _fields(as_made(order), livemode=livemode)
        return cls.model_validate({**fields, "capability": capability, "profile_capability": profile_capability})


class Orders(ListResponse[OrderResponse]):
    """Orders by time and id."""


class PayableResponse(BaseModel):
    """What a project's owner is due for the credits that are retired."""

    owner_id: str
    currency: str
    orders: int
    mass_g: int
    subtotal_fen: int


class Payables(ListResponse[PayableResponse]):
    """What owners are due, by owner and currency."""

    livemode: bool


class Taken(BaseModel):
    """A notice was taken."""

    taken: Literal[True] = True


def _fields(order: Order, *, livemode: bool) -> dict[str, object]:
    listing, priced, refused, certified = order.listing, order.priced, order.refused, order.certified
    return {
        "order_id": order.order_id,
        "livemode": livemode,
        "state": order.state,
        "created_at": order.created_at,
        "deadline": order.due,
        "project_id": listing.project_id,
        "project_names": listing.names,
        "listing_version": listing.listing_version,
        "unit_price_fen": listing.unit_price_fen,
        "mass_g": order.grams,
        "subtotal_fen": order.subtotal_fen,
        "fee_fen": order.fee_fen,
        "total_fen": order.total_fen,
        "currency": listing.currency,
        "beneficiary_id": order.buyer.beneficiary_id,
        "scene_id": priced.scene_id if priced else None,
        "jurisdiction": priced.jurisdiction if priced else None,
        "footprints": list(priced.footprints) if priced else [],
        "payments": [_payment(payment) for payment in order.payments],
        "refusal": refused
        and {
            "reason": refused.reason,
            "available_g": refused.available_grams,
            "unit_price_fen": refused.unit_price_fen,
            "listing_version": refused.listing_version,
        },
        "serials": [{"first_serial": part.first_serial, "last_serial": part.last_serial} for part in order.allocations],
        "certificate": certified and {"certificate_id": certified.certificate_id, "number": certified.number},
        "steps": [{"state": passed.state, "at": passed.at} for passed in order.history],
    }


def _payment(payment: Payment) -> dict[str, object]:
    received, refund, authorised = payment.received, payment.refund, payment.authorised
    return {
        "payment_id": payment.payment_id,
        "method": payment.provider,
        "state": payment.state,
        "started_at": payment.started_at,
        "authorised_fen": authorised.amount_fen if authorised else None,
        "authorised_currency": authorised.currency if authorised else None,
        "void_reason": payment.void_why,
        "received_fen": received.amount_fen if received else None,
        "received_currency": received.currency if received else None,
        "refund": refund
        and {
            "state": refund.state,
            "why": refund.why,
            "requested_at": refund.requested_at,
            "reference": refund.reference,
        },
    }
