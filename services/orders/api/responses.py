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
from shared.web.livemode import Livemode


class OfferResponse(BaseModel):
    """One project's price: subtotal + fee = total, in fen."""

    project_id: Annotated[str, Field(description="the project")]
    names: Annotated[dict[str, str], Field(description="its name by language tag")]
    standard: Annotated[str, Field(description="the standard of its credits")]
    type: Annotated[str, Field(description="the kind of activity that reduces emissions")]
    listing_version: Annotated[int, Field(description="what an order must name as seen")]
    unit_price_fen: Annotated[int, Field(description="price of a tonne, in fen")]
    mass_g: Annotated[int, Field(description="what is priced, in grams")]
    subtotal_fen: Annotated[int, Field(description="price of the credits, in fen")]
    fee_fen: Annotated[int, Field(description="the fee, in fen")]
    total_fen: Annotated[int, Field(description="what the buyer pays, in fen")]
    currency: Annotated[str, Field(description="ISO 4217; fen are its hundredth part")]


class Quote(ListResponse[OfferResponse]):
    """A price list of projects on sale. After `ask_again_at` ask again; it promises nothing."""

    livemode: Livemode
    mandate_version: Annotated[str, Field(description="what an order must name as its mandate")]
    mandate_text: Annotated[str, Field(description="what the buyer mandates with an order, to be shown")]
    ask_again_at: Annotated[datetime, Field(description="from then on these prices may be old")]


class ProfileResponse(BaseModel):
    """A beneficiary as it stands."""

    beneficiary_id: Annotated[str, Field(description="its id")]
    livemode: Livemode
    kind: Annotated[str, Field(description="person, company or organiser")]
    name: Annotated[str | None, Field(description="stands on its certificates; null: it has an alias only")]
    alias: Annotated[str | None, Field(description="was made for it; null once it is erased")]
    board: Annotated[str, Field(description="how boards show it: by its alias, by its name, or not at all")]

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

    state: Annotated[RefundState, Field(description="how far it is")]
    why: Annotated[RefundReason, Field(description="why the money goes back")]
    requested_at: Annotated[datetime, Field(description="when it was requested")]
    reference: Annotated[str, Field(description="finds it at the provider, or in the books")]


class PaymentResponse(BaseModel):
    """A payment of an order. `void_reason` is why money was only authorised and is voided: nothing was charged."""

    payment_id: Annotated[str, Field(description="its id")]
    method: Annotated[str, Field(description="how it is paid")]
    state: Annotated[PaymentState, Field(description="how far it is")]
    started_at: Annotated[datetime, Field(description="when it was started")]
    authorised_fen: Annotated[
        int | None, Field(description="what the bank has authorised, in minor units; null: nothing")
    ]
    authorised_currency: Annotated[str | None, Field(description="ISO 4217, of what is authorised")]
    void_reason: Annotated[NotOurs | None, Field(description="why it was voided; null: it was not")]
    received_fen: Annotated[int | None, Field(description="what has come, in minor units; null: nothing")]
    received_currency: Annotated[str | None, Field(description="ISO 4217, of what has come")]
    refund: Annotated[RefundResponse | None, Field(description="the refund of it; null: there is none")]

    @classmethod
    def of(cls, payment: Payment) -> Self:
        """Show a payment."""
        return cls.model_validate(_payment(payment))


class PaymentStarted(BaseModel):
    """A payment that was started, and the provider's page to send the buyer to."""

    payment_id: Annotated[str, Field(description="its id")]
    order_id: Annotated[str, Field(description="the order that it pays")]
    livemode: Livemode
    amount_fen: Annotated[int, Field(description="what is to be paid, in minor units")]
    currency: Annotated[str, Field(description="ISO 4217")]
    url: Annotated[str, Field(description="the page of the provider where the buyer pays")]


class RefusalResponse(BaseModel):
    """Why an order was refused, and what the registry added to it."""

    reason: Annotated[str, Field(description="why, as a stable code")]
    available_g: Annotated[int | None, Field(description="what was left at that moment, in grams, where that is why")]
    unit_price_fen: Annotated[int | None, Field(description="the price at that moment, where that is why")]
    listing_version: Annotated[
        int | None, Field(description="the version of the listing at that moment, where that is why")
    ]


class CertificateResponse(BaseModel):
    """The certificate that came of an order."""

    certificate_id: Annotated[str, Field(description="its id")]
    number: Annotated[str, Field(description="its number, as printed")]


class SerialsResponse(BaseModel):
    """The serials that an order's grams lie in."""

    first_serial: Annotated[str, Field(description="the serial that holds the first gram")]
    last_serial: Annotated[str, Field(description="the serial that holds the last gram")]


class StepResponse(BaseModel):
    """A state that the order came into."""

    state: Annotated[str, Field(description="the state")]
    at: Annotated[datetime, Field(description="when the order came into it")]


class OrderFacts(BaseModel):
    """An order; mass and money are none while it waits for a footprint."""

    order_id: Annotated[str, Field(description="its id")]
    livemode: Livemode
    state: Annotated[State, Field(description="where it stands")]
    created_at: Annotated[datetime, Field(description="when it was made")]
    deadline: Annotated[datetime | None, Field(description="when it ends by itself; null: it does not, in this state")]
    project_id: Annotated[str, Field(description="the project whose credits are bought")]
    project_names: Annotated[dict[str, str], Field(description="its name by language tag")]
    listing_version: Annotated[int, Field(description="the version of the listing that the buyer saw")]
    unit_price_fen: Annotated[int, Field(description="price of a tonne, frozen when the order was made, in fen")]
    mass_g: Annotated[int | None, Field(description="what is neutralised, in grams")]
    subtotal_fen: Annotated[int | None, Field(description="price of the credits, in fen")]
    fee_fen: Annotated[int, Field(description="the fee, in fen")]
    total_fen: Annotated[int | None, Field(description="what the buyer pays, in fen")]
    currency: Annotated[str, Field(description="ISO 4217; fen are its hundredth part")]
    beneficiary_id: Annotated[str, Field(description="for whom it is")]
    scene_id: Annotated[str | None, Field(description="the scene of its footprints; null: none, or several")]
    jurisdiction: Annotated[
        str | None, Field(description="whose rules the words of the claim follow: a country, or country and city")
    ]
    footprints: Annotated[list[ClaimedFootprint], Field(description="the footprints that it neutralises")]
    payments: Annotated[
        list[PaymentResponse], Field(description="its payments, in the order in which they were started")
    ]
    refusal: Annotated[RefusalResponse | None, Field(description="why it was refused; null: it was not")]
    serials: Annotated[list[SerialsResponse], Field(description="where its grams lie, once they are retired")]
    certificate: Annotated[
        CertificateResponse | None, Field(description="the certificate that came of it; null: not yet")
    ]
    steps: Annotated[list[StepResponse], Field(description="the states that it came through, in order")]


class OrderResponse(OrderFacts):
    """An order as it stands, and how its scene is called."""

    scene_names: Annotated[
        dict[str, str], Field(description="the name of its scene by language tag; empty without one")
    ]

    @classmethod
    def of(cls, order: Order, *, scene_names: Mapping[str, str], livemode: bool) -> Self:
        """Show an order."""
        return cls.model_validate({**_fields(order, livemode=livemode), "scene_names": scene_names})


class OrderMade(OrderFacts):
    """An order as it was made, and the capabilities that open it and the profile, shown to whoever made them."""

    capability: Annotated[str, Field(description="opens the order: send it in `Diandian-Capability`")]
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

    owner_id: Annotated[str, Field(description="the enterprise behind the project")]
    currency: Annotated[str, Field(description="ISO 4217")]
    orders: Annotated[int, Field(description="how many orders it is the sum of")]
    mass_g: Annotated[int, Field(description="what these orders retired, in grams")]
    subtotal_fen: Annotated[int, Field(description="what it is due, in minor units")]


class Payables(ListResponse[PayableResponse]):
    """What owners are due, by owner and currency."""

    livemode: Livemode


class Taken(BaseModel):
    """A notice was taken."""

    taken: Annotated[Literal[True], Field(description="always true")] = True


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
