"""A refund is tried until it is made, and staff settle it by another way only while nobody else may be making it."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any, get_args

import pytest

from services.orders.domain.order.order import Decision, Order, Refund, RefundState, Settlement
from services.orders.domain.order.payments import apply_report
from services.orders.domain.order.refunds import (
    RefundNotOpen,
    RefundUnderWay,
    RefundUnknown,
    refund_failed,
    refund_made,
    refund_requested,
    refunds_due,
    settle_refund,
)
from shared.contracts.orders import OrderClosed
from tests.unit.orders.examples import MINUTE, NOW, ORDER, PAYMENT, PROJECT, in_every_state, money

SETTLEMENT = Settlement("set_1", "4" * 64, "ana")


def settle(order: Order, now: Any = NOW) -> Decision:
    return settle_refund(order, PAYMENT, reference="BANK-7", settlement=SETTLEMENT, now=now)


ACTS: dict[str, Callable[[Order], Decision]] = {
    "requested": lambda order: refund_requested(order, PAYMENT, now=NOW),
    "made": lambda order: refund_made(order, PAYMENT, reference="r", now=NOW),
    "failed": lambda order: refund_failed(order, PAYMENT, now=NOW),
    "settled": settle,
}
# refund state: {what is done: next state}; "-" changes nothing, "!" is refused. Written out anew on purpose.
EXPECTED = {
    "requested": {"requested": "requested", "made": "made", "failed": "failed", "settled": "settled_outside"},
    "failed": {"requested": "failed", "made": "made", "failed": "failed", "settled": "settled_outside"},
    "made": {"requested": "-", "made": "-", "failed": "-", "settled": "!"},
    "settled_outside": {"requested": "-", "made": "-", "failed": "-", "settled": "!"},
}


def returning(state: str) -> Order:
    """An order whose credits could not be posted, with its refund in the state."""
    order = in_every_state()["refunding"]
    act = {"requested": None, "made": "made", "failed": "failed", "settled_outside": "settled"}[state]
    return ACTS[act](order).order if act else order


def refund_of(order: Order) -> Refund:
    payment = order.payment(PAYMENT)
    assert payment is not None
    assert payment.refund is not None
    return payment.refund


@pytest.mark.parametrize("act", ACTS)
@pytest.mark.parametrize("state", get_args(RefundState))
def test_every_cell_of_the_refund_s_table(state: str, act: str) -> None:
    order = returning(state)
    assert refund_of(order).state == state
    expected = EXPECTED[state][act]
    if expected == "!":
        with pytest.raises(RefundNotOpen) as refusal:
            ACTS[act](order)
        assert refusal.value.facts["state"] == state
        return
    decision = ACTS[act](order)
    if expected == "-":
        assert decision == Decision(order)
        return
    assert refund_of(decision.order).state == expected
    ends = expected in {"made", "settled_outside"}
    assert decision.order.state == ("refunded" if ends else "refunding")
    closed = (OrderClosed(order_id=ORDER, project_id=PROJECT, why="refunded"),)
    assert decision.events == (closed if ends else ())


@pytest.mark.parametrize("act", ["made", "settled"])
def test_a_refund_of_money_that_was_not_the_order_s_leaves_the_order_as_it_was(act: str) -> None:
    late = apply_report(in_every_state()["expired"], PAYMENT, money(), now=NOW + 17 * MINUTE).order
    after = ACTS[act](late)
    assert (after.order.state, after.events, after.order.history) == ("expired", (), late.history)
    assert refund_of(after.order).state in {"made", "settled_outside"}


def test_a_refund_that_fails_is_tried_again_ever_more_rarely_until_it_is_made() -> None:
    order = returning("requested")
    now, waits = NOW, []
    assert len(refunds_due(order, now=now)) == 1
    for _ in range(12):
        order = refund_requested(order, PAYMENT, now=now).order
        assert refunds_due(order, now=now) == (), "it is asked for already"
        order = refund_failed(order, PAYMENT, now=now).order
        start = now
        while not refunds_due(order, now=now):
            now += timedelta(seconds=1)
        waits.append((now - start).total_seconds())
    assert waits == [4, 8, 16, 32, 64, 128, 256, 300, 300, 300, 300, 300]
    order = refund_made(order, PAYMENT, reference="r", now=now).order
    assert refunds_due(order, now=now + timedelta(days=1)) == ()


def test_an_attempt_without_an_answer_is_tried_again_later() -> None:
    order = refund_requested(returning("requested"), PAYMENT, now=NOW).order
    assert refunds_due(order, now=NOW + timedelta(seconds=3)) == ()
    assert len(refunds_due(order, now=NOW + timedelta(seconds=4))) == 1


def test_nobody_settles_what_the_provider_may_be_giving_back_at_this_moment() -> None:
    requested = refund_requested(returning("failed"), PAYMENT, now=NOW).order
    for seconds in (0, 29):
        with pytest.raises(RefundUnderWay) as refusal:
            settle(requested, NOW + timedelta(seconds=seconds))
        assert refusal.value.code == "refund_under_way"
    assert refund_of(settle(requested, NOW + timedelta(seconds=30)).order).state == "settled_outside"
    answered = refund_failed(requested, PAYMENT, now=NOW).order
    settled = refund_of(settle(answered).order)
    assert (settled.reference, settled.settlement, settled.changed_at) == ("BANK-7", SETTLEMENT, NOW)


def test_a_payment_that_is_not_returned_cannot_be_settled() -> None:
    with pytest.raises(RefundUnknown):
        settle(in_every_state()["purchased"])
