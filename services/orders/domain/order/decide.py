"""What becomes of an order by its buyer, by time and by other services' events; payments.py has the money's part."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime

from services.orders.domain.order import machine
from services.orders.domain.order.claim import ClaimRefused, FootprintFacts, priced
from services.orders.domain.order.offers import seen
from services.orders.domain.order.order import Buyer, Certified, Decision, Order, Refused, Wish
from services.orders.domain.order.refunds import returned
from services.orders.domain.order.steps import advance, advance_if_fits, begin
from shared.contracts.certificates import CertificateIssued
from shared.contracts.registry import CreditsHeld, CreditsRefused, CreditsRetired, ProjectListed

Answer = CreditsHeld | CreditsRefused | CreditsRetired | CertificateIssued


def make(
    wish: Wish,
    listing: ProjectListed | None,
    facts: FootprintFacts,
    *,
    order_id: str,
    request_hash: str,
    capability_hash: str,
    buyer: Buyer,
    fee_fen: int,
    now: datetime,
) -> Decision:
    """Make an order, placed when all that it names has arrived, else waiting; its price and fee are frozen.

    Raises ProjectUnknown, ProjectNotForSale, PriceChanged, AmountOutOfRange, or a ClaimRefused.
    """
    order = Order(
        order_id=order_id,
        request_hash=request_hash,
        capability_hash=capability_hash,
        wish=wish,
        listing=seen(listing, project_id=wish.project_id, version=wish.seen_version),
        fee_fen=fee_fen,
        buyer=buyer,
        created_at=now,
    )
    comes_to = priced(wish, order.listing, facts)
    return begin(order, "claim_fits" if comes_to else "claim_awaited", now=now, priced=comes_to)


def as_made(order: Order) -> Order:
    """Return the order as it was when it was made, so that a repeated request gets the first answer again."""
    first = order.history[0]
    begun = next(step for step in machine.BEGINNING.values() if step.to == first.state)
    assert begun.lasts is not None
    return replace(
        order,
        state=first.state,
        deadline=first.at + begun.lasts,
        priced=order.priced if first.state == "placed" else None,
        payments=(),
        refused=None,
        allocations=(),
        certified=None,
        history=order.history[:1],
    )


def settle(order: Order, facts: FootprintFacts, *, now: datetime) -> Decision:
    """Place or refuse a waiting order as soon as its footprints allow; any other order stays as it is."""
    if order.state != "waiting":
        return Decision(order)
    try:
        comes_to = priced(order.wish, order.listing, facts)
    except ClaimRefused as refusal:
        return advance(order, "claim_refused", now=now, refused=Refused(refusal.code))
    return advance(order, "claim_fits", now=now, priced=comes_to) if comes_to else Decision(order)


def latest_name(order: Order, name_sequence: int) -> Order:
    """Let an order that is not paid yet ask for at least this version of its beneficiary's name."""
    if order.credited or order.buyer.name_sequence >= name_sequence:
        return order
    return replace(order, buyer=replace(order.buyer, name_sequence=name_sequence))


def apply_answer(order: Order, answer: Answer, *, now: datetime) -> Decision:
    """Apply what registry or certificates publish; what does not fit the state changes nothing."""
    match answer:
        case CreditsHeld():
            return advance_if_fits(order, "credits_held", now=now)
        case CreditsRefused(phase="hold"):
            refused = Refused(answer.reason, answer.available_grams, answer.unit_price_fen, answer.listing_version)
            return advance_if_fits(order, "hold_refused", now=now, refused=refused)
        case CreditsRefused():
            return _post_refused(order, Refused(answer.reason), now)
        case CreditsRetired():
            retired = advance_if_fits(order, "credits_retired", now=now, allocations=answer.allocations)
            # The certificate may have arrived first.
            return advance_if_fits(retired.order, "certificate_issued", now=now) if order.certified else retired
        case CertificateIssued():
            certified = Certified(answer.certificate_id, answer.number)
            return advance_if_fits(order, "certificate_issued", now=now, certified=certified)


def cancel(order: Order, *, now: datetime) -> Decision:
    """End the order as its buyer wishes; one that is cancelled stays so. Raises DoesNotFit where it is too late."""
    return Decision(order) if order.state == "cancelled" else advance(order, "cancel", now=now)


def expire(order: Order, *, now: datetime) -> Decision:
    """End the order when its time is up; before that it stays as it is."""
    if order.due is None or now < order.due:
        return Decision(order)
    return advance(order, "time_up", now=now)


def _post_refused(order: Order, refused: Refused, now: datetime) -> Decision:
    payment = order.credited
    if payment is None or not machine.fits(order.state, "post_refused"):
        return Decision(order)
    return advance(returned(order, payment, "credits_refused", now=now), "post_refused", now=now, refused=refused)
