"""How money goes back: requested until the provider has made it, or until staff note that it went another way."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta

from services.orders.domain.order.order import Decision, Order, Payment, Refund, RefundReason, Settlement
from services.orders.domain.order.steps import advance_if_fits
from shared.refusal import Refusal

RETRY_SECONDS = 2
RETRY_SECONDS_MAX = 300
# Longer than a provider is waited for: after that an attempt without an answer is over, whatever came of it.
UNDER_WAY = timedelta(seconds=30)


class RefundUnknown(Refusal):
    """No such payment is being returned (404)."""

    code = "refund_unknown"


class RefundNotOpen(Refusal):
    """The refund is over; `state` says how (409)."""

    code = "refund_state"


class RefundUnderWay(RefundNotOpen):
    """The request for the refund is at the provider at this moment (409)."""

    code = "refund_under_way"


def wait(attempts: int) -> timedelta:
    """Return how long to let the provider rest after so many attempts: nothing, 4 s, 8 s … five minutes."""
    seconds = RETRY_SECONDS * 2 ** min(attempts, 10) if attempts else 0
    return timedelta(seconds=min(seconds, RETRY_SECONDS_MAX))


def returned(order: Order, payment: Payment, why: RefundReason, *, now: datetime) -> Order:
    """Return the order with a refund of the whole payment requested."""
    return order.with_payment(replace(payment, refund=Refund("requested", why, requested_at=now)))


def refund_at(payment: Payment) -> datetime | None:
    """Return when its refund is to be tried: at once, then ever more rarely; none when there is nothing to try."""
    refund = payment.refund
    if refund is None or not refund.is_open:
        return None
    return (refund.sent_at or refund.tried_at or refund.requested_at) + wait(refund.attempts)


def refunds_due(order: Order, *, now: datetime) -> tuple[Payment, ...]:
    """Return the payments whose refund is to be tried now."""
    return tuple(payment for payment in order.payments if (at := refund_at(payment)) and at <= now)


def refund_requested(order: Order, payment_id: str, *, now: datetime) -> Decision:
    """Note that the refund is requested, before it is: until the answer, nobody settles it otherwise."""
    payment, refund = _refund(order, payment_id)
    if not refund.is_open:
        return Decision(order)
    return _noted(order, payment, replace(refund, attempts=refund.attempts + 1, sent_at=now))


def refund_made(order: Order, payment_id: str, *, reference: str, now: datetime) -> Decision:
    """Note that the money went back; an order that was only waiting for that is refunded."""
    payment, refund = _refund(order, payment_id)
    if not refund.is_open:
        return Decision(order)
    return _closed(order, payment, replace(refund, state="made", reference=reference), now)


def refund_failed(order: Order, payment_id: str, *, now: datetime) -> Decision:
    """Note that the provider refused; it is tried again later."""
    payment, refund = _refund(order, payment_id)
    if not refund.is_open:
        return Decision(order)
    return _noted(order, payment, replace(refund, state="failed", tried_at=now, sent_at=None))


def settle_refund(order: Order, payment_id: str, *, reference: str, settlement: Settlement, now: datetime) -> Decision:
    """Note that staff gave the money back by another way; then it is not requested any more.

    Raises RefundUnknown, RefundNotOpen when it went back already, or RefundUnderWay while it may be going back.
    """
    payment, refund = _refund(order, payment_id)
    if not refund.is_open:
        raise RefundNotOpen(f"This refund is {refund.state} already. Do not pay it a second time.", state=refund.state)
    if refund.sent_at and now < refund.sent_at + UNDER_WAY:
        raise RefundUnderWay(
            "The request for this refund is at the provider right now. Try again in half a minute.", state=refund.state
        )
    settled = replace(refund, state="settled_outside", reference=reference, settlement=settlement)
    return _closed(order, payment, settled, now)


def _closed(order: Order, payment: Payment, refund: Refund, now: datetime) -> Decision:
    after = _noted(order, payment, replace(refund, tried_at=now, sent_at=None)).order
    return advance_if_fits(after, "refund_made", now=now) if payment.credited else Decision(after)


def _noted(order: Order, payment: Payment, refund: Refund) -> Decision:
    return Decision(order.with_payment(replace(payment, refund=refund)))


def _refund(order: Order, payment_id: str) -> tuple[Payment, Refund]:
    payment = order.payment(payment_id)
    if payment is None or payment.refund is None:
        raise RefundUnknown(f"The order {order.order_id} returns no payment {payment_id}.")
    return payment, payment.refund
