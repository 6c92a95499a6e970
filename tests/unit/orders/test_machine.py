"""The life of an order: every cell of (state × happening), and what each decision makes of an order in each state."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from services.orders.domain.order import machine
from services.orders.domain.order.decide import apply_answer, cancel, expire, settle
from services.orders.domain.order.machine import DoesNotFit
from services.orders.domain.order.order import Decision, Order, Wish
from services.orders.domain.order.payments import Report, apply_report
from shared.contracts.orders import OffsetPurchased, OrderClosed, OrderPlaced
from tests.unit.orders.examples import (
    CERTIFIED,
    HELD,
    HOLD_REFUSED,
    MINUTE,
    NOW,
    PAYMENT,
    POST_REFUSED,
    PROJECT,
    RETIRED,
    footprint,
    in_every_state,
    known,
    made,
    offered,
    paying,
)

# state: {happening: (next state, event published)}; every cell that is not here refuses. Written out anew on purpose.
EXPECTED: dict[str, dict[str, tuple[str, type | None]]] = {
    "waiting": {
        "claim_fits": ("placed", OrderPlaced),
        "claim_refused": ("refused", None),
        "cancel": ("cancelled", None),
        "time_up": ("expired", None),
    },
    "placed": {
        "credits_held": ("held", None),
        "hold_refused": ("refused", None),
        "cancel": ("cancelled", OrderClosed),
        "time_up": ("expired", OrderClosed),
    },
    "held": {
        "payment_started": ("held", None),
        "authorised": ("capturing", None),
        "paid": ("purchased", OffsetPurchased),
        "cancel": ("cancelled", OrderClosed),
        "time_up": ("expired", OrderClosed),
    },
    "capturing": {"paid": ("purchased", OffsetPurchased), "capture_refused": ("held", None)},
    "purchased": {
        "credits_retired": ("retired", None),
        "certificate_issued": ("purchased", None),
        "post_refused": ("refunding", None),
    },
    "retired": {"certificate_issued": ("completed", None)},
    "completed": {},
    "refused": {},
    "expired": {},
    "cancelled": {},
    "refunding": {"refund_made": ("refunded", OrderClosed)},
    "refunded": {},
}


@pytest.mark.parametrize("happening", machine.HAPPENINGS)
@pytest.mark.parametrize("state", machine.STATES)
def test_every_cell_of_the_table_is_as_the_domain_defines_it(
    state: machine.State, happening: machine.Happening
) -> None:
    if happening not in EXPECTED[state]:
        assert not machine.fits(state, happening)
        with pytest.raises(DoesNotFit) as refusal:
            machine.step(state, happening)
        assert refusal.value.facts["state"] == state
        assert f"The order is {state};" in refusal.value.detail
        return
    step = machine.step(state, happening)
    assert (step.to, step.event) == EXPECTED[state][happening]


def test_the_table_has_no_state_or_happening_besides() -> None:
    assert set(machine.TABLE) == set(machine.STATES) == set(EXPECTED)
    used = {happening for steps in machine.TABLE.values() for happening in steps} | set(machine.BEGINNING)
    assert used == set(machine.HAPPENINGS)


def test_an_order_begins_waiting_or_placed() -> None:
    assert {happening: step.to for happening, step in machine.BEGINNING.items()} == {
        "claim_awaited": "waiting",
        "claim_fits": "placed",
    }


def test_the_kinds_of_states_follow_from_the_table() -> None:
    assert {"completed", "refused", "expired", "cancelled", "refunded"} == machine.FINAL
    assert {"waiting", "placed", "held"} == machine.TIMED
    assert {"placed", "held", "capturing", "purchased", "retired", "completed", "refunding"} == machine.COVERING


MESSAGES: dict[str, Callable[[Order], Decision]] = {
    "credits_held": lambda order: apply_answer(order, HELD, now=NOW),
    "hold_refused": lambda order: apply_answer(order, HOLD_REFUSED, now=NOW),
    "post_refused": lambda order: apply_answer(order, POST_REFUSED, now=NOW),
    "credits_retired": lambda order: apply_answer(order, RETIRED, now=NOW),
    "certificate_issued": lambda order: apply_answer(order, CERTIFIED, now=NOW),
    "time_up": lambda order: expire(order, now=NOW + 60 * MINUTE),
    "claim_fits": lambda order: settle(order, known(footprint()), now=NOW),
}
COMMANDS: dict[str, Callable[[Order], Decision]] = {
    "cancel": lambda order: cancel(order, now=NOW),
    "payment_started": lambda order: Decision(paying(order, PAYMENT)),
}


@pytest.mark.parametrize("happening", [*MESSAGES, *COMMANDS])
@pytest.mark.parametrize("state", machine.STATES)
def test_every_decision_does_in_every_state_what_the_table_shows(state: str, happening: str) -> None:
    order = in_every_state()[state]
    assert order.state == state
    expected = EXPECTED[state].get(happening)
    done_already = (state, happening) == ("cancelled", "cancel")
    if happening in COMMANDS and expected is None and not done_already:
        with pytest.raises(DoesNotFit):
            COMMANDS[happening](order)
        return
    decision = (MESSAGES | COMMANDS)[happening](order)
    if expected is None:
        assert decision == Decision(order), "a message that does not fit, or what is done already, changes nothing"
        return
    assert decision.order.state == expected[0]
    assert [type(event) for event in decision.events] == ([expected[1]] if expected[1] else [])


def test_orders_come_through_their_states_in_the_order_of_their_history() -> None:
    completed = in_every_state()["completed"]
    assert [passed.state for passed in completed.history] == [
        "waiting",
        "placed",
        "held",
        "purchased",
        "retired",
        "completed",
    ]


def test_time_runs_anew_in_waiting_placed_and_held_and_stands_elsewhere() -> None:
    waiting = made(Wish(PROJECT, 3, offered=offered("a"))).order
    placed = settle(waiting, known(footprint()), now=NOW + MINUTE).order
    held = apply_answer(placed, HELD, now=NOW + 2 * MINUTE).order
    assert waiting.due == NOW + 10 * MINUTE
    assert placed.due == NOW + 16 * MINUTE
    assert held.due == NOW + 17 * MINUTE
    assert in_every_state()["purchased"].due is None
    assert expire(held, now=NOW + 17 * MINUTE - MINUTE / 60).order == held
    assert expire(held, now=NOW + 17 * MINUTE).order.state == "expired"


def test_s12_a_refused_capture_leads_back_to_held_under_the_old_deadline() -> None:
    capturing = in_every_state()["capturing"]
    assert expire(capturing, now=NOW + 60 * MINUTE).order == capturing
    again = apply_report(capturing, PAYMENT, Report("refused"), now=NOW + 20 * MINUTE).order
    assert (again.state, again.due) == ("held", NOW + 15 * MINUTE)
    assert expire(again, now=NOW + 20 * MINUTE).order.state == "expired"


def test_a_certificate_consumed_first_is_noted_and_the_retirement_then_completes() -> None:
    purchased = in_every_state()["purchased"]
    noted = apply_answer(purchased, CERTIFIED, now=NOW).order
    assert (noted.state, noted.history) == ("purchased", purchased.history)
    completed = apply_answer(noted, RETIRED, now=NOW).order
    assert completed.state == "completed"
    assert completed.certified is not None
    assert completed.allocations == RETIRED.allocations
