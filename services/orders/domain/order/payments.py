"""How money comes: one payment credits an order once, and what is not the order's goes back or is let go in full."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Literal

from services.orders.domain.order import machine
from services.orders.domain.order.order import Decision, NotOurs, Order, Payment, PaymentState, Received
from services.orders.domain.order.refunds import returned, wait
from services.orders.domain.order.steps import advance, event_of
from shared.contracts.orders import OffsetPurchased, OrderClosed
from shared.refusal import Refusal
from shared.sentence import Sentence

# The provider's notice is the rule; after this long without one it is polled, and again after as long.
NOTICE_PATIENCE = timedelta(seconds=60)
PAYMENTS_MAX = 20

Outcome = Literal["authorised", "paid", "declined", "lapsed", "refused", "voided"]
# Which reports count in each state of a payment; all else is late or a repeat, and changes nothing. Money that is there
# always counts. `refused` is the answer to a capture, `voided` that to a void.
ACCEPTED: Mapping[PaymentState, frozenset[Outcome]] = {
    "started": frozenset({"authorised", "paid", "declined", "lapsed"}),
    "declined": frozenset({"authorised", "paid"}),
    "lapsed": frozenset({"authorised", "paid"}),
    "capturing": frozenset({"paid", "refused"}),
    "voiding": frozenset({"paid", "voided"}),
    "refused": frozenset({"paid"}),
    "voided": frozenset({"paid"}),
    "paid": frozenset(),
}


class PaymentUnknown(Refusal):
    """No order has this payment (404)."""

    code = "payment_unknown"


class PaymentsExhausted(Refusal):
    """The order has been tried to be paid too often (409)."""

    code = "payments_exhausted"


class ProviderRefused(Refusal):
    """The provider refuses the request; it may do it later (409)."""

    code = "provider_refused"


class ProviderSilent(Refusal):
    """The provider gave no answer, so that it may or may not have done it (503)."""

    code = "provider_silent"


class PurchaseInvalid(Refusal):
    """The events of a purchase of this order would not be valid, so no money is taken for it (409)."""

    code = "purchase_invalid"


class NoticeForged(Refusal):
    """The notice is not signed by the provider, or was signed too long ago (401)."""

    code = "notice_forged"


@dataclass(frozen=True)
class Report:
    """What the provider reports of a payment.

    `received` is the money authorised or captured; `refunded` its reference of having given that back, if it has.
    """

    outcome: Outcome
    received: Received | None = None
    refunded: str = ""


def start(order: Order, *, payment_id: str, provider: str, request_hash: str, now: datetime) -> Decision:
    """Add a payment to a held order.

    Raises DoesNotFit in every other state, PaymentsExhausted, or PurchaseInvalid when the order could not go on.
    """
    if len(order.payments) >= PAYMENTS_MAX:
        raise PaymentsExhausted(
            Sentence("Payment of this order was tried {times} times. Cancel it and make a new one.", times=PAYMENTS_MAX)
        )
    begun = Payment(payment_id, provider, request_hash, started_at=now)
    decision = advance(order.with_payment(begun), "payment_started", now=now)
    _check_purchase(decision.order, begun)
    return decision


def apply_report(order: Order, payment_id: str, report: Report, *, now: datetime) -> Decision:
    """Apply what the provider reports, any number of times and in any order.

    Money authorised for a held order is captured; captured money buys it; what is not the order's is voided or
    refunded. Raises PaymentUnknown when the order has no such payment.
    """
    payment = order.payment(payment_id)
    if payment is None:
        raise PaymentUnknown(f"The order {order.order_id} has no payment {payment_id}.")
    if report.outcome not in ACCEPTED[payment.state]:
        return Decision(order)
    match report.outcome:
        case "authorised":
            return _authorised(order, payment, report.received, now)
        case "paid":
            return _paid(order, payment, report.received, now)
        case "refused":
            return advance(order.with_payment(replace(payment, state="refused")), "capture_refused", now=now)
        case _:
            return Decision(order.with_payment(replace(payment, state=report.outcome)))


def poll_at(payment: Payment) -> datetime | None:
    """Return when the provider is to be polled about it; none once the outcome is certain.

    A silent payment is looked up each time after the same patience; a capture or a void that is not answered is
    sent again ever more rarely.
    """
    if payment.state == "started":
        return (payment.sent_at or payment.started_at) + NOTICE_PATIENCE
    if payment.state in {"capturing", "voiding"}:
        return (payment.sent_at or payment.started_at) + wait(payment.attempts)
    return None


def polls_due(order: Order, *, now: datetime) -> tuple[Payment, ...]:
    """Return the payments about which the provider is to be polled now."""
    return tuple(payment for payment in order.payments if (at := poll_at(payment)) and at <= now)


def polled(order: Order, *, now: datetime) -> Decision:
    """Note that the provider is polled about all payments that are due, which puts them back in the line."""
    for payment in polls_due(order, now=now):
        order = order.with_payment(replace(payment, sent_at=now, attempts=payment.attempts + 1))
    return Decision(order)


def _check_purchase(order: Order, payment: Payment) -> None:
    """Raise PurchaseInvalid unless what would be published once the payment is made is valid.

    Money that has come can only go on to an event, so the event is built before there is any.
    """
    paid = order.with_payment(replace(payment, credited=True))
    try:
        event_of(OffsetPurchased, paid)
        event_of(OrderClosed, replace(paid, state="refunded"))
    except ValueError as invalid:
        raise PurchaseInvalid(
            Sentence("This order cannot be completed, so nothing was charged. Cancel it and make a new one.")
        ) from invalid


def _authorised(order: Order, payment: Payment, received: Received | None, now: datetime) -> Decision:
    assert received is not None, "an authorisation has an amount"
    set_aside = replace(payment, authorised=received, sent_at=now, void_why=None)
    if why := _why_not_ours(order, payment, received, "authorised"):
        return Decision(order.with_payment(replace(set_aside, state="voiding", void_why=why, attempts=0)))
    # Whoever writes this captures the money at once, which is the first attempt.
    capturing = replace(set_aside, state="capturing", attempts=1)
    return advance(order.with_payment(capturing), "authorised", now=now)


def _paid(order: Order, payment: Payment, received: Received | None, now: datetime) -> Decision:
    assert received is not None, "money that came has an amount"
    paid = replace(payment, state="paid", received=received)
    why = _why_not_ours(order, payment, received, "paid")
    if why is None:
        return advance(order.with_payment(replace(paid, credited=True)), "paid", now=now)
    after = returned(order, paid, why, now=now)
    return advance(after, "capture_refused", now=now) if payment.state == "capturing" else Decision(after)


def _why_not_ours(
    order: Order, payment: Payment, received: Received, happening: Literal["authorised", "paid"]
) -> NotOurs | None:
    if received.currency != order.listing.currency:
        return "wrong_currency"
    if received.amount_fen != order.total_fen:
        return "wrong_amount"
    # While one payment is being captured it is open whether it buys, so no other may.
    if order.credited or (order.state == "capturing" and payment.state != "capturing"):
        return "second"
    if not machine.fits(order.state, happening):
        return "late"
    return None
