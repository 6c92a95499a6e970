"""What an order says aloud when it comes into a state."""

from __future__ import annotations

from services.orders.domain.order import Order
from shared.contracts.event import Event
from shared.contracts.orders import Claim, OffsetPurchased, OrderClosed, OrderPlaced


def told(event: type[Event], order: Order) -> Event:
    """Return the event of this kind about the order as it stands."""
    assert order.priced is not None, "an order that tells something is priced"
    about = {"order_id": order.order_id, "project_id": order.listing.project_id}
    if event is OrderPlaced:
        asked = {"grams": order.priced.grams, "listing_version": order.listing.listing_version}
        return OrderPlaced.model_validate({**about, **asked})
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
