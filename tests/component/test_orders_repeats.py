"""Acts that are done already are answered as at first, and no money is taken for an order that could not go on."""

# ruff: noqa: F811 -- a test asks for its fixtures by their names

from __future__ import annotations

import secrets

import pytest
from structlog.testing import capture_logs

from services.orders.domain.order.payments import PurchaseInvalid
from services.orders.handlers.orders import Handlers
from shared.contracts.event import Cause
from shared.contracts.orders import BeneficiaryNamed, OrderClosed, OrderPlaced
from shared.web.auth import CAPABILITY_HEADER
from tests.component.orders_world import (  # noqa: F401 -- the fixtures are used by name
    World,
    new_id,
    running,
    shows,
    world,
)
from tests.component.test_orders_concurrency import make
from tests.conftest import until


async def test_a_cancel_whose_answer_was_lost_gets_the_cancelled_order_and_publishes_nothing_more(world: World) -> None:
    guest = await world.guest()
    held = await world.held_order(guest, await world.project())
    address = f"/v1/orders/{held['order_id']}/cancel"
    answers = [await guest.post(address, headers=shows(held)) for _ in range(3)]
    assert [(answer.status_code, answer.json()["state"]) for answer in answers] == [(200, "cancelled")] * 3
    assert len({answer.text for answer in answers}) == 1
    assert len(await world.events_of_subject(held["order_id"], OrderPlaced, OrderClosed, count=2)) == 2
    page = await guest.get(f"/orders/{held['order_id']}?t={held['capability']}", follow_redirects=True)
    by_page = await guest.post(f"/orders/{held['order_id']}/cancel")
    assert (page.status_code, by_page.status_code) == (200, 303)


async def test_a_payment_whose_answer_was_lost_is_answered_again_whatever_became_of_the_order(world: World) -> None:
    guest = await world.guest()
    held = await world.held_order(guest, await world.project())
    address, headers = (
        f"/v1/orders/{held['order_id']}/payments",
        {**shows(held), "Idempotency-Key": secrets.token_hex(8)},
    )
    first = await guest.post(address, headers=headers)
    before = await guest.post(address, headers=headers)
    await guest.post(f"/v1/sandbox/payments/{first.json()['payment_id']}/approve", json={"faults": ["wrong_amount"]})
    wrong = await guest.post(address, headers=headers)
    await world.pay(guest, held)
    await world.in_state(guest, held, "purchased")
    after = await guest.post(address, headers=headers)
    assert {(answer.status_code, answer.text) for answer in (before, wrong, after)} == {(201, first.text)}


async def test_an_erasure_whose_answer_was_lost_is_answered_as_at_first_and_published_once(world: World) -> None:
    guest = await world.guest()
    made = (await world.order(guest, await world.project())).json()
    profile = {CAPABILITY_HEADER: made["profile_capability"]}
    address = f"/v1/beneficiaries/{made['beneficiary_id']}"
    assert [(await guest.delete(address, headers=profile)).status_code for _ in range(2)] == [204, 204]
    *_, last = await world.events_of_subject(made["beneficiary_id"], BeneficiaryNamed, count=2)
    assert isinstance(last.data, BeneficiaryNamed)
    assert (last.sequence, last.data.erased) == (2, True)


async def test_no_money_is_taken_for_an_order_whose_purchase_would_not_be_a_valid_event(world: World) -> None:
    project_id = await world.project()
    # As a misspelt setting made it: each copy of orders would sell at this fee.
    order = await make(Handlers(world.replica.store, world.clock, fee_fen=-300), project_id)
    await world.replica.store.sources[1].release()
    await world.hold({"order_id": order.order_id, "project_id": project_id, "mass_g": order.grams})

    async def is_held() -> bool:
        loaded = await world.replica.store.order(order.order_id)
        return loaded is not None and loaded.value.state == "held"

    await until(is_held)
    payment_id = new_id("pay")
    with capture_logs() as logs, pytest.raises(PurchaseInvalid, match="nothing was charged"):
        await world.replica.payments.start(
            order.order_id, payment_id=payment_id, method="sandbox", request_hash="2" * 64, cause=Cause(id="test")
        )
    (line,) = [line for line in logs if line["log_level"] == "critical"]
    assert (line["event"], line["order_id"]) == ("purchase would be invalid", order.order_id)
    assert "fee_fen" in line["reason"]
    assert world.provider.records.payment(payment_id) is None, "the provider was not even asked"
    after = await world.replica.store.order(order.order_id)
    assert after is not None
    assert (after.value.state, after.value.payments) == ("held", ())
    ended = await world.replica.handlers.cancel(order.order_id, cause=Cause(id="test"))
    assert ended.state == "cancelled", "the guest may leave it"
