"""What the sandbox, a payment provider without money, knows of a payment; like a real one it keeps its own record."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Literal

from services.orders.domain.notice import Notice
from services.orders.domain.order import Received
from services.orders.domain.payments import Said
from shared.refusal import Refusal

Decided = Literal["paid", "declined"]
LIFE = timedelta(hours=1)


class PaymentDecided(Refusal):
    """The payment was approved, declined or has lapsed already (409)."""

    code = "payment_decided"


class ProviderRefused(Refusal):
    """The provider does not do what was asked; it may later (409)."""

    code = "provider_refused"


@dataclass(frozen=True)
class SandboxPayment:
    """The provider's side record of one payment. `notified` once its notice was taken."""

    payment_id: str
    order_id: str
    names: Mapping[str, str]
    grams: int
    amount_fen: int
    currency: str
    opened_at: datetime
    decided: Decided | None = None
    decided_at: datetime | None = None
    refunded_at: datetime | None = None
    notified: bool = False

    @property
    def reference(self) -> str:
        """The provider's own name for the payment."""
        return f"sandbox-{self.payment_id[-8:].lower()}"

    def is_open(self, now: datetime) -> bool:
        """Whether the guest may still decide."""
        return self.decided is None and now < self.opened_at + LIFE


def decide(payment: SandboxPayment, decided: Decided, *, now: datetime) -> SandboxPayment:
    """Approve or decline; the same again changes nothing. Raises PaymentDecided when it is decided otherwise."""
    if payment.decided == decided:
        return payment
    if not payment.is_open(now):
        raise PaymentDecided(f"This payment is {payment.decided or 'lapsed'} already. Go back to the order.")
    return replace(payment, decided=decided, decided_at=now)


def give_back(payment: SandboxPayment, *, amount_fen: int, currency: str, now: datetime) -> SandboxPayment:
    """Refund in full, once. Raises ProviderRefused when no such money came."""
    if payment.decided != "paid" or (amount_fen, currency) != (payment.amount_fen, payment.currency):
        raise ProviderRefused("There is no such payment to give back.")
    return payment if payment.refunded_at else replace(payment, refunded_at=now)


def said(payment: SandboxPayment, *, now: datetime) -> Said | None:
    """Return what the provider answers when it is asked; none while the guest has not decided."""
    if payment.decided == "paid" and payment.decided_at:
        return Said("paid", Received(payment.amount_fen, payment.currency, payment.reference, payment.decided_at))
    if payment.decided == "declined":
        return Said("declined")
    return None if payment.is_open(now) else Said("lapsed")


def notice(payment: SandboxPayment) -> Notice:
    """Return what is sent to the merchant about a decided payment."""
    assert payment.decided is not None
    assert payment.decided_at is not None
    return Notice(
        payment_id=payment.payment_id,
        outcome=payment.decided,
        amount_fen=payment.amount_fen,
        currency=payment.currency,
        reference=payment.reference,
        decided_at=payment.decided_at,
    )


def notified(payment: SandboxPayment) -> SandboxPayment:
    """Note that the merchant took the notice."""
    return replace(payment, notified=True)
