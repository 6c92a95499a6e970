"""A payment credits once, what does not belong to the order goes back in full, a refund is tried until it is made."""

from __future__ import annotations

import itertools
from dataclasses import replace
from datetime import timedelta

import pytest

from services.orders.domain.order import payments
from services.orders.domain.order.decide import Answer, apply_answer, cancel, expire
from services.orders.domain.order.order import Decision, Order, Refund, Wish
from services.orders.domain.order.payments import (
    PaymentsExhausted,
    PaymentUnknown,
    PurchaseInvalid,
    Report,
    apply_report,
    polls_due,
)
from services.orders.domain.order.refunds import refund_made
from shared.contracts.orders import OffsetPurchased, OrderClosed
from shared.web.idempotency import id_of
from tests.unit.orders.examples import (
    BUYER,
    CERTIFIED,
    HELD,
    MINUTE,
    NOW,
    ORDER,
    PAYMENT,
    POST_REFUSED,
    PROJECT,
    RETIRED,
    footprint,
    in_every_state,
    known,
    made,
    money,
    offered,
    paying,
)

OTHER = id_of("pay", "b")


def held() -> Order:
    """A held order by footprint, with a payment started."""
    placed = made(Wish(PROJECT, 3, offered=offered("a")), known(footprint())).order
    return paying(apply_answer(placed, HELD, now=NOW).order)


def refund_of(order: Order, payment_id: str = PAYMENT) -> Refund | None:
    payment = order.payment(payment_id)
    assert payment is not None
    return payment.refund


def test_a_paid_notice_buys_the_order_and_publishes_the_whole_claim() -> None:
    decision = apply_report(held(), PAYMENT, money(), now=NOW)
    (event,) = decision.events
    assert isinstance(event, OffsetPurchased)
    assert (event.order_id, event.payment_id, event.order_hash) == (ORDER, PAYMENT, "1" * 64)
    assert (event.subtotal_fen, event.fee_fen, event.total_fen, event.currency) == (2559, 200, 2759, "CNY")
    assert (event.owner_id, event.unit_price_fen, event.listing_version) == ("own_groves", 4800, 3)
    claim = event.claim
    assert (claim.beneficiary_id, claim.name_sequence) == (BUYER.beneficiary_id, 1)
    assert (claim.jurisdiction, claim.scene_id, claim.mandate_version) == ("CN", footprint().scene_id, "1")
    assert [(one.grams, one.low_grams, one.high_grams, one.release) for one in claim.footprints] == [
        (533_014, 390_000, 680_000, "2026.1")
    ]


def test_s9_a_notice_that_comes_twice_buys_once() -> None:
    bought = apply_report(held(), PAYMENT, money(), now=NOW).order
    assert apply_report(bought, PAYMENT, money(), now=NOW + MINUTE) == Decision(bought)


@pytest.mark.parametrize(
    ("report", "why"),
    [(money(2758), "wrong_amount"), (money(2760), "wrong_amount"), (money(2759, "USD"), "wrong_currency")],
)
def test_s9_another_amount_or_currency_goes_back_and_leaves_the_order_as_it_was(report: Report, why: str) -> None:
    order = held()
    decision = apply_report(order, PAYMENT, report, now=NOW)
    refund = refund_of(decision.order)
    assert refund is not None
    assert (refund.state, refund.why) == ("requested", why)
    assert decision.events == ()
    assert (decision.order.state, decision.order.history, decision.order.deadline) == (
        "held",
        order.history,
        order.deadline,
    )
    again = paying(decision.order, OTHER)
    assert apply_report(again, OTHER, money(), now=NOW).order.state == "purchased"


@pytest.mark.parametrize("end", [cancel, lambda order, now: expire(order, now=now + 16 * MINUTE)])
def test_s10_money_that_comes_after_the_end_goes_back_and_the_order_shows_it(end: object) -> None:
    ended = end(held(), now=NOW).order  # type: ignore[operator]
    decision = apply_report(ended, PAYMENT, money(), now=NOW + 17 * MINUTE)
    refund = refund_of(decision.order)
    assert refund is not None
    assert refund.why == "late"
    assert (decision.order.state, decision.events) == (ended.state, ())
    made_good = refund_made(decision.order, PAYMENT, reference="r", now=NOW + 18 * MINUTE)
    assert (made_good.order.state, made_good.events) == (ended.state, ()), "an order that has ended is not ended again"


@pytest.mark.parametrize("until", [(), (RETIRED,), (RETIRED, CERTIFIED)])
def test_a_second_payment_goes_back_whatever_became_of_the_first(until: tuple[Answer, ...]) -> None:
    order = apply_report(paying(held(), OTHER), PAYMENT, money(), now=NOW).order
    for report in until:
        order = apply_answer(order, report, now=NOW).order
    decision = apply_report(order, OTHER, money(), now=NOW)
    refund = refund_of(decision.order, OTHER)
    assert refund is not None
    assert (refund.why, decision.order.state, decision.events) == ("second", order.state, ())
    assert refund_of(decision.order, PAYMENT) is None


def test_a_declined_payment_leaves_the_order_held_and_another_may_be_started() -> None:
    declined = apply_report(held(), PAYMENT, Report("declined"), now=NOW).order
    assert declined.state == "held"
    assert apply_report(paying(declined, OTHER), OTHER, money(), now=NOW).order.state == "purchased"


def test_credits_that_cannot_be_posted_give_the_money_back_and_then_close_the_order_once() -> None:
    bought = apply_report(held(), PAYMENT, money(), now=NOW).order
    refunding = apply_answer(bought, POST_REFUSED, now=NOW)
    refund = refund_of(refunding.order)
    assert refund is not None
    assert (refunding.order.state, refund.why, refunding.events) == ("refunding", "credits_refused", ())
    refunded = refund_made(refunding.order, PAYMENT, reference="r-1", now=NOW + MINUTE)
    assert refunded.order.state == "refunded"
    assert refunded.events == (OrderClosed(order_id=ORDER, project_id=PROJECT, why="refunded"),)
    assert refund_made(refunded.order, PAYMENT, reference="r-2", now=NOW) == Decision(refunded.order)


def test_a_provider_is_polled_once_a_minute_about_each_payment_until_it_has_answered() -> None:
    order = paying(held(), OTHER, now=NOW + MINUTE)
    polls = []
    for second in range(200):
        now = NOW + timedelta(seconds=second)
        polls += [(second, payment.payment_id) for payment in polls_due(order, now=now)]
        order = payments.polled(order, now=now).order
    assert polls == [(60, PAYMENT), (120, PAYMENT), (120, OTHER), (180, PAYMENT), (180, OTHER)]
    declined = apply_report(order, PAYMENT, Report("declined"), now=NOW).order
    due = polls_due(declined, now=NOW + 60 * MINUTE)
    assert [payment.payment_id for payment in due] == [OTHER]


def test_an_order_is_tried_to_be_paid_so_often_and_no_more() -> None:
    order = held()
    for number in range(19):
        order = paying(order, id_of("pay", "x", str(number)))
    with pytest.raises(PaymentsExhausted):
        paying(order, OTHER)


def test_a_payment_that_the_order_does_not_have_is_unknown() -> None:
    with pytest.raises(PaymentUnknown):
        apply_report(held(), OTHER, money(), now=NOW)


def test_s18_answers_consumed_twice_in_any_order_leave_the_same_order_and_the_same_events() -> None:
    bought = apply_report(held(), PAYMENT, money(), now=NOW)
    ends = set()
    answers: list[Answer] = [HELD, RETIRED, CERTIFIED, RETIRED, CERTIFIED]
    for line in itertools.permutations(answers):
        order, published = bought.order, [*bought.events]
        for report in line:
            decision = apply_answer(order, report, now=NOW)
            order, published = decision.order, [*published, *decision.events]
        ends.add((order.state, order.certified, order.allocations, tuple(type(event) for event in published)))
    assert len(ends) == 1
    assert ends.pop()[0] == "completed"


@pytest.mark.parametrize("fee_fen", [-300, 10**19])
def test_no_payment_is_started_for_an_order_whose_purchase_would_not_validate(fee_fen: int) -> None:
    order = replace(in_every_state()["held"], fee_fen=fee_fen)
    with pytest.raises(PurchaseInvalid, match="nothing was charged") as refused:
        paying(order, id_of("pay", "another"))
    assert "fen" in str(refused.value.__cause__)
