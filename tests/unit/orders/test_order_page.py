"""The page of an order in every state that it can be in."""

from __future__ import annotations

from pathlib import Path

import pytest

import services.orders
from services.orders.api.people import order_context
from services.orders.domain.order import machine
from services.orders.domain.order.order import Order, Payment, Refused, Settlement
from services.orders.domain.order.payments import Report, apply_report
from services.orders.domain.order.refunds import refund_failed, refund_made, settle_refund
from services.orders.domain.order.steps import advance
from services.orders.handlers.sandbox import Sandbox
from shared.web.idempotency import id_of
from shared.web.pages import Pages
from tests.unit.orders.examples import MINUTE, NOW, PAYMENT, authorisation, in_every_state, money, paying

SANDBOX = Sandbox("http://127.0.0.1:1", "key", lambda: NOW)
PAGES = Pages(Path(str(services.orders.__file__)).parent / "pages", service="orders", livemode=False)
OTHER = id_of("pay", "b")
HEADLINES = {
    "waiting": "Your order waits for its footprint",
    "placed": "Asking the registry for 533 kg",
    "held": "533 kg are held for you",
    "capturing": "Confirming with the bank",
    "purchased": "Paid. The registry is cancelling your credits.",
    "retired": "All 533 kg are offset.",
    "completed": "All 533 kg are offset.",
    "refused": "These credits could not be held",
    "expired": "The time for this order ran out",
    "cancelled": "You cancelled this order",
    "refunding": "You get 27.59 CNY back",
    "refunded": "You got 27.59 CNY back",
}


def page(order: Order) -> str:
    return PAGES.render("order.html", **order_context(order, SANDBOX, now=NOW))


@pytest.mark.parametrize("state", machine.STATES)
def test_every_state_has_its_headline_and_every_step_its_time(state: machine.State) -> None:
    text = page(in_every_state()[state])
    assert f"<h1>{HEADLINES[state]}</h1>" in text
    assert ('http-equiv="refresh"' in text) == (state not in {*machine.FINAL, "held"})
    assert ("Cancel this order" in text) == (state in {"waiting", "placed", "held"})


def test_money_that_came_too_late_is_shown_on_the_page() -> None:
    late = apply_report(in_every_state()["expired"], PAYMENT, money(), now=NOW + 17 * MINUTE).order
    assert "You get 27.59 CNY back" in page(late)
    back = refund_made(late, PAYMENT, reference="refund-1", now=NOW + 18 * MINUTE).order
    assert "refund-1" in page(back)


@pytest.mark.parametrize(
    ("state", "report", "why", "back"),
    [
        ("expired", money(), "This payment came when the order had ended.", "27.59 CNY"),
        ("cancelled", money(2700), "This payment was of another amount than the total.", "27.00 CNY"),
        ("held", money(2759, "USD"), "This payment was in another currency than the total.", "27.59 USD"),
        ("completed", money(), "Another payment of this order came first.", "27.59 CNY"),
    ],
)
def test_a_refund_shows_its_own_why_and_its_own_currency(
    state: machine.State, report: Report, why: str, back: str
) -> None:
    order = in_every_state()[state]
    second = Payment(OTHER, "sandbox", "2" * 64, started_at=NOW)
    text = page(apply_report(order.with_payment(second), OTHER, report, now=NOW + 17 * MINUTE).order)
    assert why in text
    assert back in text
    others = ["order had ended", "another amount", "another currency", "came first", "could not be retired"]
    assert sum(other in text for other in others) == 1


def test_a_refund_is_shown_from_its_request_to_its_end() -> None:
    order = in_every_state()["refunding"]
    assert "Refund on its way" in page(order)
    failed = refund_failed(order, PAYMENT, now=NOW).order
    assert "Refund delayed, we try again" in page(failed)
    assert "You get 27.59 CNY back" in page(failed)
    made = page(refund_made(failed, PAYMENT, reference="refund-1", now=NOW).order)
    assert "Refunded in full" in made
    assert "You got 27.59 CNY back" in made
    settlement = Settlement("set_1", "4" * 64, "ana")
    settled = page(settle_refund(failed, PAYMENT, reference="BANK-7", settlement=settlement, now=NOW).order)
    assert "Refunded by hand" in settled
    assert "BANK-7" in settled


def test_a_capture_is_shown_while_it_waits_and_after_a_no() -> None:
    capturing = in_every_state()["capturing"]
    text = page(capturing)
    assert "The bank has set 27.59 CNY aside" in text
    assert "Cancel this order" not in text
    held = apply_report(capturing, PAYMENT, Report("refused"), now=NOW).order
    assert "The bank said no." in page(held)
    again = apply_report(paying(held, OTHER), OTHER, money(), now=NOW).order
    assert "Paid. The registry is cancelling your credits." in page(again)


@pytest.mark.parametrize(
    ("state", "report", "why"),
    [
        ("expired", authorisation(), "This payment came when the order had ended."),
        ("held", authorisation(2700), "This payment was of another amount than the total."),
        ("purchased", authorisation(), "Another payment of this order came first."),
    ],
)
def test_money_that_was_only_authorised_and_let_go_shows_why(state: machine.State, report: Report, why: str) -> None:
    second = Payment(OTHER, "sandbox_card", "2" * 64, started_at=NOW)
    order = in_every_state()[state].with_payment(second)
    letting_go = apply_report(order, OTHER, report, now=NOW).order
    let_go = apply_report(letting_go, OTHER, Report("voided"), now=NOW).order
    for text in (page(letting_go), page(let_go)):
        assert f"was only set aside. {why}" in text
        assert "back</h1>" not in text


def test_a_page_looks_again_while_money_is_on_its_way_back() -> None:
    late = apply_report(in_every_state()["expired"], PAYMENT, money(), now=NOW + 17 * MINUTE).order
    assert 'http-equiv="refresh"' in page(late)
    made = refund_made(late, PAYMENT, reference="r", now=NOW + 18 * MINUTE).order
    assert 'http-equiv="refresh"' not in page(made)


def test_credits_that_could_not_be_retired_are_the_why_of_their_refund() -> None:
    text = page(in_every_state()["refunding"])
    assert "The credits could not be retired." in text
    assert "order had ended" not in text


@pytest.mark.parametrize("code", ["claim_mismatch", "footprint_covered", "footprint_replaced"])
def test_a_refused_claim_is_explained_although_its_mass_is_not_known(code: str) -> None:
    order = in_every_state()["waiting"]
    refused = advance(order, "claim_refused", now=NOW, refused=Refused(code)).order
    assert code in page(refused)
