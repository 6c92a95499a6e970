"""How money comes: one payment credits an order once, and what is not the order's goes back or is let go in full."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Literal

from services.orders.domain.order import machine
from services.orders.domain.order.order import Decision, NotOurs, Order, Payment, PaymentState, Received
from services.orders.domain.order.refunds import returned, wait
from services.orders.domain.order.steps import advance
from shared.refusal import Refusal
from shared.sentence import Sentence

# The provider's notice is the rule; after this long without one it is asked, and again after as long.
NOTICE_PATIENCE = timedelta(seconds=60)
PAYMENTS_MAX = 20

Outcome = Literal["authorised", "paid", "declined", "lapsed", "refused", "voided"]
# What is listened to in each state of a payment; all else is late or a repeat, and changes nothing. Money that is there
# always counts. `refused` is the answer to a capture, `voided` that to a void.
HEARS: Mapping[PaymentState, frozenset[Outcome]] = {
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
    """The provider does not do what was asked; it may later (409)."""

    code = "provider_refused"


class ProviderSilent(Refusal):
    """The provider gave no answer, so that nobody knows whether it did what was asked (503)."""

    code = "provider_silent"


class NoticeForged(Refusal):
    """The notice is not signed by the provider, or was signed too long ago (401)."""

    code = "notice_forged"


@dataclass(frozen=True)
class Said:
    """What the provider says became of a payment.

    `received` is the money set aside or taken; `refunded` its reference of having given that back, if it has.
    """

    outcome: Outcome
    received: Received | None = None
    refunded: str = ""


def start(order: Order, *, payment_id: str, provider: str, request_hash: str, now: datetime) -> Decision:
    """Add a payment to a held order. Raises DoesNotFit in every other state, or PaymentsExhausted."""
    if len(order.payments) >= PAYMENTS_MAX:
        raise PaymentsExhausted(
            Sentence("Payment of this order was tried {times} times. Cancel it and make a new one.", times=PAYMENTS_MAX)
        )
    begun = Payment(payment_id, provider, request_hash, started_at=now)
    return advance(order.with_payment(begun), "payment_started", now=now)


def hear_provider(order: Order, payment_id: str, said: Said, *, now: datetime) -> Decision:
    """Take in what the provider says, any number of times and in any order.

    Money set aside for a held order is captured; money that was taken buys it; what is not the order's is let go, or
    goes back. Raises PaymentUnknown when the order has no such payment.
    """
    payment = order.payment(payment_id)
    if payment is None:
        raise PaymentUnknown(f"The order {order.order_id} has no payment {payment_id}.")
    if said.outcome not in HEARS[payment.state]:
        return Decision(order)
    match said.outcome:
        case "authorised":
            return _authorised(order, payment, said.received, now)
        case "paid":
            return _paid(order, payment, said.received, now)
        case "refused":
            return advance(order.with_payment(replace(payment, state="refused")), "capture_refused", now=now)
        case _:
            return Decision(order.with_payment(replace(payment, state=said.outcome)))


def ask_at(payment: Payment) -> datetime | None:
    """Return when the provider is to be asked about it; none once that is known.

    A silent payment is looked up each time after the same patience; a capture or a void that is not answered is asked
    for again ever more rarely.
    """
    if payment.state == "started":
        return (payment.asked_at or payment.started_at) + NOTICE_PATIENCE
    if payment.state in {"capturing", "voiding"}:
        return (payment.asked_at or payment.started_at) + wait(payment.attempts)
    return None


def asks_due(order: Order, *, now: datetime) -> tuple[Payment, ...]:
    """Return the payments about which the provider is to be asked now."""
    return tuple(payment for payment in order.payments if (at := ask_at(payment)) and at <= now)


def asked(order: Order, *, now: datetime) -> Decision:
    """Note that the provider is asked about all payments that are due, which puts them back in the line."""
    for payment in asks_due(order, now=now):
        order = order.with_payment(replace(payment, asked_at=now, attempts=payment.attempts + 1))
    return Decision(order)


def _authorised(order: Order, payment: Payment, received: Received | None, now: datetime) -> Decision:
    assert received is not None, "an authorisation says of how much"
    set_aside = replace(payment, authorised=received, asked_at=now, void_why=None)
    if why := _why_not_ours(order, payment, received, "authorised"):
        return Decision(order.with_payment(replace(set_aside, state="voiding", void_why=why, attempts=0)))
    # Whoever writes this asks for the money at once, which is the first attempt.
    capturing = replace(set_aside, state="capturing", attempts=1)
    return advance(order.with_payment(capturing), "authorised", now=now)


def _paid(order: Order, payment: Payment, received: Received | None, now: datetime) -> Decision:
    assert received is not None, "money that came says how much"
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
    # While one payment is being captured nobody knows yet whether it buys, so no other may.
    if order.credited or (order.state == "capturing" and payment.state != "capturing"):
        return "second"
    if not machine.fits(order.state, happening):
        return "late"
    return None
