"""Money that is first set aside: captured for the order that waits for it, let go for every other."""

from __future__ import annotations

import itertools
from dataclasses import replace
from datetime import timedelta
from typing import get_args

import pytest

from services.orders.domain.order import payments
from services.orders.domain.order.decide import apply_answer, cancel, expire
from services.orders.domain.order.machine import DoesNotFit
from services.orders.domain.order.order import Decision, Order, Payment, PaymentState
from services.orders.domain.order.payments import ACCEPTED, Outcome, Report, apply_report, poll_at, polls_due
from shared.contracts.orders import OffsetPurchased, OrderClosed
from shared.web.idempotency import id_of
from tests.unit.orders.examples import MINUTE, NOW, PAYMENT, RETIRED, authorisation, in_every_state, money, paying

OTHER = id_of("pay", "b")
SECOND = timedelta(seconds=1)
REPORTS: dict[str, Report] = {
    "authorised": authorisation(),
    "paid": money(),
    **{outcome: Report(outcome) for outcome in ("declined", "lapsed", "refused", "voided")},
}
# payment state: {what the provider says: (payment state, order state, events published)}; all else changes nothing.
# Written out anew on purpose, for an order that is held but where the payment stands at its capture or has bought it.
BOUGHT: tuple[str, str, list[type]] = ("paid", "purchased", [OffsetPurchased])
EXPECTED: dict[str, dict[str, tuple[str, str, list[type]]]] = {
    "started": {
        "authorised": ("capturing", "capturing", []),
        "paid": BOUGHT,
        "declined": ("declined", "held", []),
        "lapsed": ("lapsed", "held", []),
    },
    "declined": {"authorised": ("capturing", "capturing", []), "paid": BOUGHT},
    "lapsed": {"authorised": ("capturing", "capturing", []), "paid": BOUGHT},
    "capturing": {"paid": BOUGHT, "refused": ("refused", "held", [])},
    "voiding": {"paid": BOUGHT, "voided": ("voided", "held", [])},
    "refused": {"paid": BOUGHT},
    "voided": {"paid": BOUGHT},
    "paid": {},
}


def payment_in(state: str) -> Order:
    """An order with a payment in the state."""
    held = in_every_state()["held"]
    if state in {"capturing", "refused"}:
        held = apply_report(held, PAYMENT, authorisation(), now=NOW).order
    if state == "paid":
        held = apply_report(held, PAYMENT, money(), now=NOW).order
    if state in {"voiding", "voided"}:
        held = apply_report(held, PAYMENT, authorisation(1), now=NOW).order
    if state in {"refused", "voided", "declined", "lapsed"}:
        held = apply_report(held, PAYMENT, REPORTS[state], now=NOW).order
    return held


def of(order: Order, payment_id: str = PAYMENT) -> Payment:
    payment = order.payment(payment_id)
    assert payment is not None
    return payment


@pytest.mark.parametrize("outcome", get_args(Outcome))
@pytest.mark.parametrize("state", get_args(PaymentState))
def test_every_report_of_the_provider_does_in_every_state_of_a_payment_what_the_table_shows(
    state: str, outcome: str
) -> None:
    order = payment_in(state)
    assert of(order).state == state
    decision = apply_report(order, PAYMENT, REPORTS[outcome], now=NOW)
    expected = EXPECTED[state].get(outcome)
    if expected is None:
        assert decision == Decision(order)
        return
    assert (of(decision.order).state, decision.order.state) == expected[:2]
    assert [type(event) for event in decision.events] == expected[2]
    assert apply_report(decision.order, PAYMENT, REPORTS[outcome], now=NOW) == Decision(decision.order)


def test_the_table_of_words_has_every_state_and_nothing_besides() -> None:
    assert set(ACCEPTED) == set(EXPECTED) == set(get_args(PaymentState))
    assert {state: set(words) for state, words in EXPECTED.items()} == {
        state: set(ACCEPTED[state]) for state in ACCEPTED
    }


def test_s12_a_capture_that_succeeds_buys_once_and_one_that_is_refused_leads_back_to_held() -> None:
    capturing = payment_in("capturing")
    assert (of(capturing).attempts, of(capturing).authorised, of(capturing).received) == (
        1,
        authorisation().received,
        None,
    )
    bought = apply_report(capturing, PAYMENT, money(), now=NOW)
    assert (bought.order.state, of(bought.order).credited) == ("purchased", True)
    assert apply_report(bought.order, PAYMENT, money(), now=NOW) == Decision(bought.order)
    again = apply_report(capturing, PAYMENT, Report("refused"), now=NOW + MINUTE).order
    assert (again.state, again.due, of(again).state) == ("held", NOW + 15 * MINUTE, "refused")
    late = apply_report(capturing, PAYMENT, Report("refused"), now=NOW + 20 * MINUTE).order
    expired = expire(late, now=NOW + 20 * MINUTE)
    assert (expired.order.state, [type(event) for event in expired.events]) == ("expired", [OrderClosed])
    second = paying(again, OTHER, NOW + MINUTE)
    assert apply_report(second, OTHER, authorisation(), now=NOW + MINUTE).order.state == "capturing"


def test_s12_neither_time_nor_the_buyer_ends_an_order_whose_money_is_being_captured() -> None:
    capturing = payment_in("capturing")
    assert expire(capturing, now=NOW + 600 * MINUTE) == Decision(capturing)
    for act in (
        lambda: cancel(capturing, now=NOW),
        lambda: paying(capturing, OTHER),
    ):
        with pytest.raises(DoesNotFit) as refusal:
            act()
        assert refusal.value.facts["state"] == "capturing"


@pytest.mark.parametrize(
    ("state", "report", "why"),
    [
        ("held", authorisation(2758), "wrong_amount"),
        ("held", authorisation(2760), "wrong_amount"),
        ("held", authorisation(2759, "USD"), "wrong_currency"),
        ("expired", authorisation(), "late"),
        ("cancelled", authorisation(), "late"),
        ("capturing", authorisation(), "second"),
        ("purchased", authorisation(), "second"),
        ("completed", authorisation(), "second"),
        ("refunding", authorisation(), "second"),
        ("refunded", authorisation(), "second"),
    ],
)
def test_s9_s10_authorised_money_that_is_not_the_order_s_is_let_go_and_the_order_stays_as_it_was(
    state: str, report: Report, why: str
) -> None:
    other = Payment(OTHER, "sandbox_card", "2" * 64, started_at=NOW)
    order = in_every_state()[state].with_payment(other)
    decision = apply_report(order, OTHER, report, now=NOW)
    after = of(decision.order, OTHER)
    assert (after.state, after.void_why, after.received, after.refund) == ("voiding", why, None, None)
    assert decision.events == ()
    assert (decision.order.state, decision.order.history, decision.order.deadline) == (
        order.state,
        order.history,
        order.deadline,
    )
    assert other in order.payments
    assert [payment.payment_id for payment in polls_due(decision.order, now=NOW)] == [OTHER], "at once"
    voided = apply_report(decision.order, OTHER, Report("voided"), now=NOW).order
    assert of(voided, OTHER).state == "voided"
    assert poll_at(of(voided, OTHER)) is None


def test_a_payment_that_pays_at_once_while_another_is_captured_is_second_whatever_becomes_of_that() -> None:
    order = payment_in("capturing").with_payment(Payment(OTHER, "sandbox", "2" * 64, started_at=NOW))
    paid = apply_report(order, OTHER, money(), now=NOW)
    refund = of(paid.order, OTHER).refund
    assert refund is not None
    assert (paid.order.state, paid.events, refund.why) == ("capturing", (), "second")
    for answer, state in ((money(), "purchased"), (Report("refused"), "held")):
        assert apply_report(paid.order, PAYMENT, answer, now=NOW).order.state == state


def test_a_capture_of_another_amount_than_was_authorised_goes_back_and_the_order_is_held_again() -> None:
    decision = apply_report(payment_in("capturing"), PAYMENT, money(2700), now=NOW)
    refund = of(decision.order).refund
    assert refund is not None
    assert (decision.order.state, decision.events, refund.why) == ("held", (), "wrong_amount")


@pytest.mark.parametrize("state", ["capturing", "voiding"])
def test_an_answer_that_does_not_come_is_requested_ever_more_rarely(state: str) -> None:
    order, now, polls = payment_in(state), NOW, []
    for second in range(1400):
        now = NOW + second * SECOND
        if polls_due(order, now=now):
            polls.append(second)
            order = payments.polled(order, now=now).order
    waits = [after - before for before, after in itertools.pairwise(polls)]
    assert polls[0] == (4 if state == "capturing" else 0), "who writes `capturing` asks at once"
    assert waits[-3:] == [256, 300, 300]
    assert waits == sorted(waits)


def test_notices_in_any_order_and_number_leave_the_same_bought_order() -> None:
    held = in_every_state()["held"]
    ends = set()
    for line in itertools.permutations([authorisation(), money(), authorisation(), money(), Report("declined")]):
        order, published = held, list[object]()
        for report in line:
            decision = apply_report(order, PAYMENT, report, now=NOW)
            order, published = decision.order, [*published, *decision.events]
        bought = replace(of(order), authorised=None, sent_at=None, attempts=0)
        ends.add((order.state, bought, tuple(type(event) for event in published)))
        assert apply_answer(order, RETIRED, now=NOW).order.state == "retired"
    assert [(state, published) for state, _, published in ends] == [("purchased", (OffsetPurchased,))]


def test_m4_after_any_words_what_was_taken_is_what_bought_or_what_goes_back() -> None:
    words = [
        authorisation(),
        authorisation(1),
        money(),
        money(1),
        *(REPORTS[word] for word in ("declined", "refused", "voided")),
    ]
    for start in ("held", "expired", "cancelled", "capturing", "purchased"):
        base = in_every_state()[start].with_payment(Payment(OTHER, "sandbox", "2" * 64, started_at=NOW))
        for line in itertools.product([PAYMENT, OTHER], words, [PAYMENT, OTHER], words):
            order = base
            for payment_id, report in (line[:2], line[2:]):
                order = apply_report(order, payment_id, report, now=NOW).order
            for payment in order.payments:
                returned = payment.refund is not None
                assert (payment.received is not None) == (payment.credited != returned) == (payment.state == "paid")
            bought = order.state == "purchased"
            assert sum(payment.credited for payment in order.payments) == bought
            asking = [payment for payment in order.payments if payment.state == "capturing"]
            assert len(asking) == (order.state == "capturing")
