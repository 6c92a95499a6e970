"""What travels between the sandbox and its merchant, and between it and a guest."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Self

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field

from deploy.sandbox.payments import FAULTS, Fault, Mode, Payment, State

AMOUNT_MAX = 10**15
PaymentId = Annotated[str, Field(pattern=r"^pay_[0-9A-HJKMNP-TV-Z]{26}$")]
Amount = Annotated[int, Field(gt=0, le=AMOUNT_MAX, strict=True)]
Currency = Annotated[str, Field(pattern=r"^[A-Z]{3}$")]


class _Request(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Start(_Request):
    """A payment to be started. The same under the same id again is answered as at first."""

    payment_id: PaymentId
    order_id: Annotated[str, Field(max_length=64)]
    names: Annotated[dict[str, Annotated[str, Field(max_length=500)]], Field(max_length=10)]
    grams: Annotated[int, Field(gt=0, le=AMOUNT_MAX)]
    amount_fen: Amount
    currency: Currency
    mode: Mode = "direct"
    pay_by: AwareDatetime | None = None
    return_url: Annotated[str, Field(max_length=500)] = "/"

    def payment(self, *, now: datetime) -> Payment:
        """Return the payment as it is opened."""
        return Payment(**self.model_dump(), opened_at=now)


class Refund(_Request):
    """What is to be given back: all that came."""

    amount_fen: Amount
    currency: Currency


class Approval(_Request):
    """What goes wrong with an approved payment, as a provider's test cards do; nothing unless it is named."""

    faults: Annotated[list[Fault], Field(max_length=len(FAULTS))] = []


class PaymentResponse(BaseModel):
    """A payment as its merchant sees it. `url` is the guest's page; `notices_pending` counts what is not taken yet."""

    payment_id: str
    order_id: str
    mode: Mode
    state: State
    amount_fen: int
    currency: str
    reference: str
    refund_reference: str
    url: str
    faults: list[Fault]
    decided_at: datetime | None
    taken_at: datetime | None
    refused_at: datetime | None
    voided_at: datetime | None
    refunded_at: datetime | None
    notices_pending: int

    @classmethod
    def of(cls, payment: Payment, *, now: datetime) -> Self:
        """Show a payment."""
        return cls(
            payment_id=payment.payment_id,
            order_id=payment.order_id,
            mode=payment.mode,
            state=payment.settled_state(now),
            amount_fen=payment.amount_fen,
            currency=payment.currency,
            reference=payment.reference,
            refund_reference=payment.refund_reference,
            url=page_of(payment),
            faults=list(payment.faults),
            decided_at=payment.decided_at,
            taken_at=payment.taken_at,
            refused_at=payment.refused_at,
            voided_at=payment.voided_at,
            refunded_at=payment.refunded_at,
            notices_pending=len(payment.notices),
        )


class PaymentPage(BaseModel):
    """Payments by id; `next_cursor` is none on the last page."""

    data: list[PaymentResponse]
    has_more: bool
    next_cursor: str | None


class Decided(BaseModel):
    """A payment as a guest sees it."""

    payment_id: str
    order_id: str
    livemode: bool
    method: str
    state: State
    amount_fen: int
    currency: str
    faults: list[Fault]

    @classmethod
    def of(cls, payment: Payment, *, now: datetime) -> Self:
        """Show a payment."""
        return cls(
            payment_id=payment.payment_id,
            order_id=payment.order_id,
            livemode=False,
            method="sandbox_card" if payment.mode == "authorise" else "sandbox",
            state=payment.state(now),
            amount_fen=payment.amount_fen,
            currency=payment.currency,
            faults=list(payment.faults),
        )


def page_of(payment: Payment) -> str:
    """Return the guest's page: a path, because the gateway puts the sandbox under the address of its merchant."""
    return f"/sandbox/payments/{payment.payment_id}"
