"""How money comes and goes back: one payment credits an order once, and whatever else comes is returned in full."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Literal

from services.orders.domain import machine
from services.orders.domain.order import Decision, Order, Payment, Received, Refund, RefundReason
from services.orders.domain.steps import advance, advance_if_fits
from shared.refusal import Refusal

RETRY_SECONDS = 2
RETRY_SECONDS_MAX = 300
# The provider's notice is the rule; after this long without one it is asked, and again after as long.
NOTICE_PATIENCE = timedelta(seconds=60)


class PaymentUnknown(Refusal):
    """No order has this payment (404)."""

    code = "payment_unknown"


@dataclass(frozen=True)
class Said:
    """What the provider says became of a payment; `received` when money came."""

    outcome: Literal["paid", "declined", "lapsed"]
    received: Received | None = None


def start(order: Order, *, payment_id: str, provider: str, request_hash: str, now: datetime) -> Decision:
    """Add a payment to a held order. Raises DoesNotFit in every other state."""
    begun = Payment(payment_id, provider, request_hash, started_at=now)
    return advance(order.with_payment(begun), "payment_started", now=now)


def hear_provider(order: Order, payment_id: str, said: Said, *, now: datetime) -> Decision:
    """Take in what the provider says, any number of times: the order is bought, or the money goes back.

    Raises PaymentUnknown when the order has no such payment.
    """
    payment = order.payment(payment_id)
    if payment is None:
        raise PaymentUnknown(f"The order {order.order_id} has no payment {payment_id}.")
    if payment.state == "paid":
        return Decision(order)
    if said.outcome != "paid" or said.received is None:
        return Decision(order.with_payment(replace(payment, state=said.outcome)))
    paid = replace(payment, state="paid", received=said.received)
    if why := _why_not_ours(order, said.received):
        return Decision(returned(order, paid, why, now=now))
    return advance(order.with_payment(replace(paid, credited=True)), "paid", now=now)


def returned(order: Order, payment: Payment, why: RefundReason, *, now: datetime) -> Order:
    """Return the order with a refund of the whole payment asked for."""
    return order.with_payment(replace(payment, refund=Refund("requested", why, requested_at=now)))


def refund_at(payment: Payment) -> datetime | None:
    """Return when its refund is to be tried: at once, then ever more rarely; none when there is nothing to try."""
    refund = payment.refund
    if refund is None or refund.state not in {"requested", "failed"}:
        return None
    if refund.tried_at is None:
        return refund.requested_at
    wait = min(RETRY_SECONDS * 2 ** min(refund.attempts, 10), RETRY_SECONDS_MAX)
    return refund.tried_at + timedelta(seconds=wait)


def refunds_due(order: Order, *, now: datetime) -> tuple[Payment, ...]:
    """Return the payments whose refund is to be tried now."""
    return tuple(payment for payment in order.payments if (at := refund_at(payment)) and at <= now)


def ask_at(payment: Payment) -> datetime | None:
    """Return when the provider is to be asked about it, each time after the same patience; none once it has said."""
    return (payment.asked_at or payment.started_at) + NOTICE_PATIENCE if payment.state == "started" else None


def asks_due(order: Order, *, now: datetime) -> tuple[Payment, ...]:
    """Return the payments about which the provider is to be asked now."""
    return tuple(payment for payment in order.payments if (at := ask_at(payment)) and at <= now)


def asked(order: Order, *, now: datetime) -> Decision:
    """Note that the provider is asked about all payments that are due, which puts them back in the line."""
    for payment in asks_due(order, now=now):
        order = order.with_payment(replace(payment, asked_at=now))
    return Decision(order)


def refund_made(order: Order, payment_id: str, *, reference: str, now: datetime) -> Decision:
    """Note that the money went back; an order that was only waiting for that is refunded."""
    payment, refund = _refund(order, payment_id)
    if refund.state == "made":
        return Decision(order)
    made = replace(refund, state="made", attempts=refund.attempts + 1, tried_at=now, reference=reference)
    after = order.with_payment(replace(payment, refund=made))
    return advance_if_fits(after, "refund_made", now=now) if payment.credited else Decision(after)


def refund_failed(order: Order, payment_id: str, *, now: datetime) -> Decision:
    """Note that the provider refused; it is tried again later."""
    payment, refund = _refund(order, payment_id)
    if refund.state == "made":
        return Decision(order)
    failed = replace(refund, state="failed", attempts=refund.attempts + 1, tried_at=now)
    return Decision(order.with_payment(replace(payment, refund=failed)))


def _why_not_ours(order: Order, received: Received) -> RefundReason | None:
    if received.currency != order.listing.currency:
        return "wrong_currency"
    if received.amount_fen != order.total_fen:
        return "wrong_amount"
    if order.credited:
        return "second"
    if not machine.fits(order.state, "paid"):
        return "late"
    return None


def _refund(order: Order, payment_id: str) -> tuple[Payment, Refund]:
    payment = order.payment(payment_id)
    if payment is None or payment.refund is None:
        raise PaymentUnknown(f"The order {order.order_id} returns no payment {payment_id}.")
    return payment, payment.refund
