"""The audit of money sees each way in which orders and the provider's own record can disagree."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
from pydantic import TypeAdapter

from deploy.audit.books import Books
from deploy.audit.money import check_money
from deploy.audit.provider import payment_of
from deploy.sandbox import payments as sandbox
from deploy.sandbox.bodies import PaymentResponse
from deploy.sandbox.payments import Payment
from services.orders.domain.order.decide import apply_answer
from services.orders.domain.order.order import Order, Received, Settlement
from services.orders.domain.order.payments import Report, apply_report
from services.orders.domain.order.refunds import refund_made, settle_refund
from services.orders.handlers.sandbox import read_payment
from services.orders.store.documents import order_document
from tests.unit.orders.examples import MINUTE, NOW, ORDER, PAYMENT, POST_REFUSED, authorisation, in_every_state

Document = dict[str, Any]
AGAINST_PROVIDER = ("M3 M4", "M side record")
OPEN = Payment(PAYMENT, ORDER, {"en": "Groves (demo)"}, 533_014, 2759, "CNY", NOW)
CARD = replace(OPEN, mode="authorise")
SETTLEMENT = Settlement("set_1", "4" * 64, "ana")


def notified(payment: Payment) -> Payment:
    """All notices are taken."""
    return replace(payment, notices=())


def looked_up(order: Order, payment: Payment) -> Order:
    """Orders asks the provider."""
    shown = PaymentResponse.of(payment, now=NOW).model_dump_json()
    report = read_payment(shown.encode()).report()
    assert report is not None
    return apply_report(order, PAYMENT, report, now=NOW).order


def side_document(payment: Payment) -> Document:
    """The provider's record as the audit reads it."""
    return payment_of(PaymentResponse.of(payment, now=NOW).model_dump(mode="json"))


def bought() -> tuple[Order, Payment]:
    paid = notified(sandbox.approve(OPEN, now=NOW))
    return looked_up(in_every_state()["held"], paid), paid


def captured() -> tuple[Order, Payment]:
    approved = sandbox.approve(CARD, now=NOW)
    capturing = looked_up(in_every_state()["held"], approved)
    taken = notified(sandbox.capture(approved, now=NOW))
    return looked_up(capturing, taken), taken


def capturing() -> tuple[Order, Payment]:
    approved = notified(sandbox.approve(CARD, now=NOW))
    return looked_up(in_every_state()["held"], approved), approved


def refused() -> tuple[Order, Payment]:
    order, approved = capturing()
    after = sandbox.capture(replace(approved, faults=("capture_refused",)), now=NOW)
    return apply_report(order, PAYMENT, Report("refused"), now=NOW).order, after


def voided() -> tuple[Order, Payment]:
    approved = notified(sandbox.approve(CARD, now=NOW))
    late = looked_up(in_every_state()["expired"], approved)
    after = apply_report(late, PAYMENT, Report("voided"), now=NOW).order
    return after, sandbox.void(approved, now=NOW)


def refunding() -> tuple[Order, Payment]:
    order, paid = bought()
    return apply_answer(order, POST_REFUSED, now=NOW).order, paid


def refunded() -> tuple[Order, Payment]:
    order, paid = refunding()
    back = sandbox.refund(paid, amount_fen=2759, currency="CNY", now=NOW)
    return refund_made(order, PAYMENT, reference="r", now=NOW).order, back


def settled() -> tuple[Order, Payment]:
    order, paid = refunding()
    after = settle_refund(order, PAYMENT, reference="BANK", settlement=SETTLEMENT, now=NOW).order
    return after, paid


SOUND: dict[str, Callable[[], tuple[Order, Payment]]] = {
    act.__name__: act for act in (bought, captured, capturing, refused, voided, refunding, refunded, settled)
}


def offences(orders: list[Document], side: list[Document]) -> list[str]:
    """What the audit says is broken about payments and the side record."""
    books = Books(collections={("orders", "orders"): orders}, payments=side)
    return [found.report for found in check_money(books) if found.invariant in AGAINST_PROVIDER and not found.holds]


@pytest.mark.parametrize("story", SOUND)
def test_what_the_domain_makes_is_sound(story: str) -> None:
    order, payment = SOUND[story]()
    assert offences([order_document(order)], [side_document(payment)]) == []


def changed(order: Document, **changes: Any) -> Document:
    """The order with its payment changed."""
    return {**order, "payments": [{**order["payments"][0], **changes}]}


RECEIVED = TypeAdapter(Received).dump_python(Received(2759, "CNY", "r", NOW))
# A sound story, what happens to its two documents behind everybody's back, and what the audit says then.
BROKEN: list[tuple[str, Callable[[Document], Document], Callable[[Document], Document], str]] = [
    ("bought", lambda o: changed(o, credited=False), lambda s: s, "not paid"),
    ("bought", lambda o: {**o, "state": "held"}, lambda s: s, "is held and paid"),
    ("bought", lambda o: {**o, "payments": o["payments"] * 2}, lambda s: s, "is paid 2 times"),
    ("bought", lambda o: changed(o, received={**RECEIVED, "amount_fen": 1}), lambda s: s, "due were"),
    ("bought", lambda o: o, lambda s: {**s, "taken_at": None, "decided_at": None}, "not for the provider"),
    ("bought", lambda o: o, lambda s: {**s, "amount_fen": 2700}, "the provider took"),
    ("bought", lambda o: o, lambda s: {**s, "payment_id": "pay_other"}, "no order has this payment"),
    ("bought", lambda o: o, lambda s: {**s, "payment_id": "pay_other"}, "unknown to the provider"),
    ("bought", lambda o: o, lambda s: {**s, "refunded_at": NOW}, "orders never asked for that"),
    ("capturing", lambda o: {**o, "state": "held"}, lambda s: s, "with 1 payments that are being captured"),
    ("capturing", lambda o: changed(o, state="started"), lambda s: s, "is capturing with 0 payments"),
    ("capturing", lambda o: o, lambda s: {**s, "taken_at": NOW}, "the provider took"),
    ("capturing", lambda o: o, lambda s: {**s, "voided_at": NOW}, "the provider let it go"),
    ("refused", lambda o: o, lambda s: {**s, "taken_at": NOW, "refused_at": None}, "for orders it is refused"),
    ("refused", lambda o: o, lambda s: {**s, "refused_at": None}, "set aside"),
    ("voided", lambda o: o, lambda s: {**s, "voided_at": None}, "for orders and not for the provider"),
    ("voided", lambda o: changed(o, void_why=None), lambda s: s, "nobody knows why"),
    ("refunding", lambda o: changed(o, refund=None), lambda s: s, "is not returned although"),
    ("refunded", lambda o: o, lambda s: {**s, "refunded_at": None}, "returned for orders and not"),
    ("refunded", lambda o: {**o, "state": "retired"}, lambda s: s, "although its credits are retired"),
    ("refunded", lambda o: {**o, "state": "refunding"}, lambda s: s, "while the order is refunding"),
    ("settled", lambda o: o, lambda s: {**s, "refunded_at": NOW}, "went back twice"),
    (
        "settled",
        lambda o: changed(o, refund={**o["payments"][0]["refund"], "reference": ""}),
        lambda s: s,
        "without a reference",
    ),
]


@pytest.mark.parametrize(("story", "ours", "theirs", "report"), BROKEN)
def test_m4_each_disagreement_is_named(
    story: str, ours: Callable[[Document], Document], theirs: Callable[[Document], Document], report: str
) -> None:
    order, payment = SOUND[story]()
    found = offences([ours(order_document(order))], [theirs(side_document(payment))])
    assert report in "; ".join(found)


def test_money_that_is_neither_credited_nor_returned_is_named() -> None:
    _, paid = bought()
    late = looked_up(in_every_state()["expired"], paid)
    assert offences([order_document(late)], [side_document(paid)]) == []
    assert "neither credited nor returned" in offences([changed(order_document(late), refund=None)], [])[0]


def test_what_is_still_to_be_notified_may_differ_and_what_is_never_found_out_may_not() -> None:
    held = in_every_state()["held"]
    untold = replace(sandbox.approve(OPEN, now=NOW), taken_at=NOW.replace(year=2020))
    assert "and orders has not found out" in offences([order_document(held)], [side_document(untold)])[0]
    soon = replace(untold, taken_at=NOW.replace(year=2200))
    assert offences([order_document(held)], [side_document(soon)]) == []
    silent = replace(soon, faults=("silent",), notices=())
    assert offences([order_document(held)], [side_document(silent)]) == []
    late = apply_report(in_every_state()["expired"], PAYMENT, authorisation(), now=NOW + MINUTE).order
    approved = notified(sandbox.approve(CARD, now=NOW))
    assert offences([order_document(late)], [side_document(approved)]) == [], "it is being let go"
