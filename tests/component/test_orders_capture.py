"""Money in both modes, and each fault that the sandbox can play, on real Kafka, MongoDB protocol and HTTP."""

# ruff: noqa: F811 -- a test asks for its fixtures by their names

from __future__ import annotations

import asyncio
import secrets
from collections.abc import Callable
from datetime import datetime
from typing import Any

import httpx
import pytest

from deploy.audit.books import Books
from deploy.audit.money import check_money
from deploy.audit.provider import payment_of as as_audited
from deploy.sandbox.bodies import PaymentResponse
from services.orders.store.store import Store
from shared.contracts.orders import OffsetPurchased, OrderClosed, OrderPlaced
from shared.messaging import outbox
from tests.component.orders_world import (  # noqa: F401 -- the fixtures are used by name
    World,
    running,
    shows,
    world,
)
from tests.component.provider import Provider
from tests.component.test_orders_money import refunded, send_notice, side
from tests.conftest import until

MODES = ("sandbox", "sandbox_card")
Side = dict[str, Any]


async def payment_of(world: World, guest: httpx.AsyncClient, order: dict[str, Any], payment_id: str) -> dict[str, Any]:
    """The payment as the order shows it."""
    (payment,) = [one for one in (await world.look(guest, order))["payments"] if one["payment_id"] == payment_id]
    return dict(payment)


async def comes_to(
    world: World, guest: httpx.AsyncClient, order: dict[str, Any], payment_id: str, state: str
) -> dict[str, Any]:
    """Wait until the payment is in the state."""

    async def there() -> dict[str, Any] | None:
        payment = await payment_of(world, guest, order, payment_id)
        return payment if payment["state"] == state else None

    return dict(await until(there))


async def goes_back(world: World, guest: httpx.AsyncClient, order: dict[str, Any], payment_id: str, method: str) -> str:
    """Wait until money that is not the order's has gone back, or was let go before it was taken; return why."""
    if method == "sandbox":
        return str((await refunded(world, guest, order, payment_id))["why"])
    voided = await comes_to(world, guest, order, payment_id, "voided")
    assert (voided["received_fen"], voided["refund"]) == (None, None)
    return str(voided["void_reason"])


async def money_is_sound(
    store: Store, order_id: str, provider: Provider, clock: Callable[[], datetime] = outbox.clock
) -> None:
    """Let the audit look at an order's money in both books. Raises AssertionError with what it finds."""
    ours = await store._database["orders"].find({"_id": order_id}).to_list(None)
    payments = provider.records.page(after="", limit=10_000)
    theirs = [
        as_audited(PaymentResponse.of(payment, now=outbox.clock()).model_dump(mode="json"))
        for payment in payments
        if payment.order_id == order_id
    ]
    assert ours
    assert theirs
    books = Books(collections={("orders", "orders"): ours}, payments=theirs, read_at=clock())
    found = [found for found in check_money(books) if found.invariant in {"M3 M4", "M side record"}]
    assert [one.report for one in found if not one.holds] == []
    assert len(found) == 2


async def events_of(world: World, order: dict[str, Any], count: int) -> list[str]:
    published = await world.events_of_subject(order["order_id"], OrderPlaced, OffsetPurchased, OrderClosed, count=count)
    assert [envelope.sequence for envelope in published] == list(range(1, count + 1))
    return [envelope.data.topic for envelope in published]


async def test_s12_a_card_is_authorised_then_captured_and_the_order_completes_once(world: World) -> None:
    project_id, guest = await world.project(), await world.guest()
    held = await world.held_order(guest, project_id)
    payment_id = await world.pay(guest, held, method="sandbox_card")
    bought = await world.in_state(guest, held, "purchased")
    assert [step["state"] for step in bought["steps"]] == ["placed", "held", "capturing", "purchased"]
    payment = await payment_of(world, guest, held, payment_id)
    assert (payment["state"], payment["authorised_fen"], payment["received_fen"]) == ("paid", 2759, 2759)

    async def all_notified() -> bool:
        return not (await side(world, payment_id)).notices

    # The provider notifies of the capture too, which changes nothing any more.
    await until(all_notified)
    assert (await side(world, payment_id)).captures == 1
    await world.retire(held)
    await world.certify(held)
    await world.in_state(guest, held, "completed")
    assert await events_of(world, held, 2) == ["order.placed", "offset.purchased"]


@pytest.mark.parametrize("method", MODES)
@pytest.mark.parametrize(("fault", "seconds"), [("twice", 0), ("slow", 11), ("silent", 61)])
async def test_s9_notices_that_come_twice_late_or_never_buy_once(
    world: World, method: str, fault: str, seconds: int
) -> None:
    project_id, guest = await world.project(), await world.guest()
    held = await world.held_order(guest, project_id)
    payment_id = await world.pay(guest, held, method=method, faults=(fault,))
    if seconds:
        assert (await world.look(guest, held))["state"] == "held"
        world.clock.forward(seconds=seconds)
    await world.in_state(guest, held, "purchased")
    world.clock.forward(seconds=seconds)

    async def all_notified() -> bool:
        return not (await side(world, payment_id)).notices

    await until(all_notified)
    assert await events_of(world, held, 2) == ["order.placed", "offset.purchased"]
    assert (await payment_of(world, guest, held, payment_id))["refund"] is None
    world.clock.forward(seconds=-2 * seconds)
    await money_is_sound(world.replica.store, held["order_id"], world.provider, world.clock)


@pytest.mark.parametrize("method", MODES)
async def test_s10_late_money_goes_back_in_full_and_the_order_shows_it(world: World, method: str) -> None:
    project_id, guest = await world.project(), await world.guest()
    held = await world.held_order(guest, project_id)
    payment_id = await world.pay(guest, held, method=method, faults=("late",))
    world.clock.forward(minutes=15, seconds=1)
    await world.in_state(guest, held, "expired")
    assert (await payment_of(world, guest, held, payment_id))["state"] == "started"
    world.clock.forward(minutes=1)
    assert await goes_back(world, guest, held, payment_id, method) == "late"
    assert (await world.look(guest, held))["state"] == "expired"
    assert await events_of(world, held, 2) == ["order.placed", "order.closed"]
    page = await guest.get(f"/orders/{held['order_id']}?t={held['capability']}", follow_redirects=True)
    assert ("You got 27.59 CNY back" if method == "sandbox" else "Let go") in page.text
    assert "This payment came when the order had ended." in page.text
    world.clock.forward(minutes=-16, seconds=-1)
    await money_is_sound(world.replica.store, held["order_id"], world.provider, world.clock)


@pytest.mark.parametrize("method", MODES)
@pytest.mark.parametrize("fault", ["wrong_amount", "wrong_currency"])
async def test_s9_wrong_money_goes_back_in_full_and_the_order_is_as_it_was(
    world: World, method: str, fault: str
) -> None:
    project_id, guest = await world.project(), await world.guest()
    held = await world.held_order(guest, project_id)
    payment_id = await world.pay(guest, held, method=method, faults=(fault,))
    assert await goes_back(world, guest, held, payment_id, method) == fault
    order = await world.look(guest, held)
    assert (order["state"], order["deadline"], order["steps"]) == ("held", held["deadline"], held["steps"])
    record = await side(world, payment_id)
    assert bool(record.refunded_at) != bool(record.voided_at)
    await world.pay(guest, held, method=method)
    await world.in_state(guest, held, "purchased")
    await money_is_sound(world.replica.store, held["order_id"], world.provider, world.clock)


@pytest.mark.parametrize("method", MODES)
async def test_m3_of_two_payments_one_buys_and_the_other_goes_back(world: World, method: str) -> None:
    project_id, guest = await world.project(), await world.guest()
    held = await world.held_order(guest, project_id)
    first = await world.pay(guest, held, approve=False)
    second = await world.pay(guest, held, approve=False, method=method)
    await guest.post(f"/v1/sandbox/payments/{first}/approve")
    await world.in_state(guest, held, "purchased")
    await guest.post(f"/v1/sandbox/payments/{second}/approve")
    assert await goes_back(world, guest, held, second, method) == "second"
    assert (await world.look(guest, held))["state"] == "purchased"
    await money_is_sound(world.replica.store, held["order_id"], world.provider, world.clock)


async def test_s9_notices_out_of_order_twice_and_after_the_capture_buy_once(world: World) -> None:
    project_id, guest = await world.project(), await world.guest()
    held = await world.held_order(guest, project_id)
    payment_id = await world.pay(guest, held, approve=False, method="sandbox_card")
    for outcome in ("paid", "authorised", "declined", "paid", "authorised"):
        assert (await send_notice(world, guest, payment_id, outcome=outcome)).status_code == 200
    order = await world.look(guest, held)
    assert [step["state"] for step in order["steps"]] == ["placed", "held", "purchased"]
    assert await events_of(world, held, 2) == ["order.placed", "offset.purchased"]
    assert (await side(world, payment_id)).captures == 0


async def test_the_sandbox_s_page_shows_what_will_happen_and_plays_what_is_ticked(world: World) -> None:
    project_id, guest = await world.project(), await world.guest()
    held = await world.held_order(guest, project_id)
    direct = await world.pay(guest, held, approve=False)
    card = await world.pay(guest, held, approve=False, method="sandbox_card")
    pages = {one: (await guest.get(f"/sandbox/payments/{one}")).text for one in (direct, card)}
    for page in pages.values():
        assert "Play a fault (demo)" in page
        assert page.count('type="checkbox"') == (10 if page is pages[card] else 8)
    assert "Taken at once when you approve" in pages[direct]
    assert "Set aside when you approve" in pages[card]
    answer = await guest.post(
        f"/sandbox/payments/{card}", data={"decision": "approve", "fault": ["capture_refused", "twice"]}
    )
    assert answer.status_code == 303
    after = (await guest.get(f"/sandbox/payments/{card}")).text
    assert "The bank said no. Nothing was charged." in after
    assert "Every notice comes twice." in after
    unknown = await guest.post(f"/v1/sandbox/payments/{direct}/approve", json={"faults": ["capture_refused"]})
    assert (unknown.status_code, unknown.json()["code"]) == (422, "fault_not_playable")
    nonsense = await guest.post(f"/v1/sandbox/payments/{direct}/approve", json={"faults": ["nonsense"]})
    assert (nonsense.status_code, nonsense.json()["code"]) == (422, "invalid_request")


async def test_o1_a_payment_is_started_once_for_each_key_body_and_caller(world: World) -> None:
    project_id, guest = await world.project(), await world.guest()
    held, other = [await world.held_order(guest, project_id) for _ in range(2)]
    address, key = f"/v1/orders/{held['order_id']}/payments", secrets.token_hex(8)
    headers = {**shows(held), "Idempotency-Key": key}
    answers = await asyncio.gather(*(guest.post(address, json={}, headers=headers) for _ in range(5)))
    assert [answer.status_code for answer in answers] == [201] * 5, "none has to hear that another still runs"
    assert len({answer.text for answer in answers}) == 1
    assert sum("Idempotency-Replayed" not in answer.headers for answer in answers) == 1
    otherwise = await guest.post(address, json={"method": "sandbox_card"}, headers=headers)
    assert (otherwise.status_code, otherwise.json()["code"]) == (422, "idempotency_key_reused")
    none = await guest.post(address, json={}, headers=shows(held))
    assert (none.status_code, none.json()["code"]) == (400, "idempotency_key_missing")
    unknown = await guest.post(address, json={"method": "cash"}, headers=headers)
    assert (unknown.status_code, unknown.json()["errors"][0]["pointer"]) == (422, "/method")
    by_other = await guest.post(
        f"/v1/orders/{other['order_id']}/payments", json={}, headers={**shows(other), "Idempotency-Key": key}
    )
    assert by_other.status_code == 201
    assert by_other.json()["payment_id"] != answers[0].json()["payment_id"], "another buyer's key is another key"
