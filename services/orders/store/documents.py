"""How orders and beneficiaries lie in their documents, and come back."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime

from pydantic import TypeAdapter

from services.orders.domain.beneficiary.beneficiary import Beneficiary
from services.orders.domain.order.order import Order
from services.orders.domain.order.payments import poll_at
from services.orders.domain.order.refunds import refund_at
from shared.mongodb import Document

_ORDER, _BENEFICIARY = TypeAdapter(Order), TypeAdapter(Beneficiary)


def order_document(order: Order) -> Document:
    """Return the order's fields, and what it is found by.

    `roots` with `live`, and `settlements`, are what unique indexes look at; `refund_at` and `ask_at` are when its money
    needs us next.
    """
    fields = _ORDER.dump_python(order)
    refunds = [payment.refund for payment in order.payments if payment.refund]
    settlements = [refund.settlement.request_id for refund in refunds if refund.settlement]
    roots = [footprint.root for footprint in order.priced.footprints] if order.priced else []
    return {
        "_id": fields.pop("order_id"),
        **fields,
        "live": order.covers,
        **({"roots": roots} if roots else {}),
        **({"settlements": settlements} if settlements else {}),
        "refund_at": _first(map(refund_at, order.payments)),
        "ask_at": _first(map(poll_at, order.payments)),
    }


def order_of(document: Document) -> Order:
    """Return the order that lies in the document."""
    return _ORDER.validate_python({**document, "order_id": document["_id"]})


def beneficiary_document(beneficiary: Beneficiary) -> Document:
    """Return the beneficiary's fields; how often it was published is the outbox's to count."""
    fields = _BENEFICIARY.dump_python(beneficiary)
    del fields["sequence"]
    return {"_id": fields.pop("beneficiary_id"), **fields}


def beneficiary_of(document: Document) -> Beneficiary:
    """Return the beneficiary that lies in the document."""
    return _BENEFICIARY.validate_python(
        {**document, "beneficiary_id": document["_id"], "sequence": document["event_sequence"]}
    )


def _first(moments: Iterable[datetime | None]) -> datetime | None:
    return min((moment for moment in moments if moment), default=None)
