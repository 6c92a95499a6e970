"""How an order takes a step of the table, and its event: the one place that changes state, deadline and history."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime
from typing import Any

from services.orders.domain.order import machine
from services.orders.domain.order.machine import Happening, Step
from services.orders.domain.order.order import Decision, Order, Passed
from shared.contracts.event import Event
from shared.contracts.orders import Claim, OffsetPurchased, OrderClosed, OrderPlaced


def begin(order: Order, happening: Happening, *, now: datetime, **facts: Any) -> Decision:
    """Let a new order come into its first state."""
    return _take(order, machine.BEGINNING[happening], now, facts)


def advance(order: Order, happening: Happening, *, now: datetime, **facts: Any) -> Decision:
    """Take the step that the table gives, and note the facts. Raises DoesNotFit when it gives none."""
    return _take(order, machine.step(order.state, happening), now, facts)


def advance_if_fits(order: Order, happening: Happening, *, now: datetime, **facts: Any) -> Decision:
    """Take the step if there is one; a message that does not fit the state changes nothing."""
    return advance(order, happening, now=now, **facts) if machine.fits(order.state, happening) else Decision(order)


def _take(order: Order, step: Step, now: datetime, facts: dict[str, Any]) -> Decision:
    comes_new = not order.history or step.to != order.state
    after = replace(
        order,
        state=step.to,
        deadline=now + step.lasts if step.lasts else order.deadline,
        history=(*order.history, Passed(step.to, now)) if comes_new else order.history,
        **facts,
    )
    return Decision(after, (event_of(step.event, after),) if step.event else ())


def event_of(event: type[Event], order: Order) -> Event:
    """Return the event of this kind about the order as it stands."""
    assert order.priced is not None, "an order with events is priced"
    about = {"order_id": order.order_id, "project_id": order.listing.project_id}
    if event is OrderPlaced:
        wanted = {"grams": order.priced.grams, "listing_version": order.listing.listing_version}
        return OrderPlaced.model_validate({**about, **wanted})
    if event is OrderClosed:
        # The states in which an order closes are the words that say why.
        return OrderClosed.model_validate({**about, "why": order.state})
    return _purchased(order)


def _purchased(order: Order) -> OffsetPurchased:
    listing, priced, payment = order.listing, order.priced, order.credited
    assert priced is not None
    assert payment is not None, "nothing is bought without a payment"
    return OffsetPurchased(
        order_id=order.order_id,
        project_id=listing.project_id,
        owner_id=listing.owner_id,
        unit_price_fen=listing.unit_price_fen,
        listing_version=listing.listing_version,
        grams=priced.grams,
        subtotal_fen=priced.subtotal_fen,
        fee_fen=order.fee_fen,
        total_fen=priced.subtotal_fen + order.fee_fen,
        currency=listing.currency,
        payment_id=payment.payment_id,
        order_hash=order.capability_hash,
        claim=Claim(
            beneficiary_id=order.buyer.beneficiary_id,
            beneficiary_kind=order.buyer.kind,
            name_sequence=order.buyer.name_sequence,
            scene_id=priced.scene_id,
            footprints=priced.footprints,
            jurisdiction=priced.jurisdiction,
            mandate_version=order.buyer.mandate_version,
        ),
    )
