"""Refunds that a provider refuses, and staff who give money back by another way: never twice, and never in silence."""

# ruff: noqa: F811 -- a test asks for its fixtures by their names

from __future__ import annotations

import asyncio
import secrets
from dataclasses import replace
from typing import Any, ClassVar

import httpx
import pytest

from deploy.sandbox import payments as sandbox
from services.orders.domain.order.order import Order, Payment, Settlement
from services.orders.handlers.payments import Payments
from services.orders.handlers.sandbox import Sandbox
from services.orders.store.store import Loaded, Store
from shared.contracts.event import Cause
from shared.contracts.orders import OffsetPurchased, OrderClosed, OrderPlaced
from shared.contracts.registry import CreditsRefused
from tests.component.orders_world import (  # noqa: F401 -- the fixtures are used by name
    Issuer,
    World,
    new_id,
    running,
    world,
)
from tests.component.test_orders_capture import money_is_sound, payment_of
from tests.component.test_orders_money import refunded, side
from tests.conftest import enveloped, until


async def refund_in(
    world: World, guest: httpx.AsyncClient, order: dict[str, Any], payment_id: str, state: str
) -> dict[str, Any]:
    """Wait until the payment's refund is in the state, and return it."""

    async def there() -> dict[str, Any] | None:
        refund = (await payment_of(world, guest, order, payment_id))["refund"]
        return refund if refund and refund["state"] == state else None

    return dict(await until(there))


async def not_made(world: World, guest: httpx.AsyncClient, *, of_the_order: bool) -> tuple[dict[str, Any], str]:
    """An order with a payment whose refund the provider refuses for ever."""
    held = await world.held_order(guest, await world.project())
    faults = ("refund_refused",) if of_the_order else ("refund_refused", "wrong_amount")
    payment_id = await world.pay(guest, held, faults=faults)
    if of_the_order:
        await world.in_state(guest, held, "purchased")
        refusal = CreditsRefused(
            order_id=held["order_id"], project_id=held["project_id"], phase="post", reason="hold_not_found"
        )
        await world.publish(enveloped(refusal, sequence=2))
    await refund_in(world, guest, held, payment_id, "failed")
    return held, payment_id


@pytest.fixture
def cashier(issuer: Issuer) -> str:
    return issuer[0].token("ana", "orders:settle")


async def settle(
    world: World,
    token: str,
    order: dict[str, Any],
    payment_id: str,
    *,
    key: str | None = None,
    reference: str = "BANK-2026-0042",
) -> httpx.Response:
    staff = await world.guest(Authorization=f"Bearer {token}")
    return await staff.post(
        f"/v1/orders/{order['order_id']}/payments/{payment_id}/settle",
        json={"reference": reference},
        headers={"Idempotency-Key": secrets.token_hex(8) if key is None else key},
    )


async def test_a_refund_that_is_refused_twice_is_made_at_the_third_time(world: World) -> None:
    guest = await world.guest()
    held = await world.held_order(guest, await world.project())
    payment_id = await world.pay(guest, held, faults=("refund_refused_twice", "wrong_amount"))
    await refund_in(world, guest, held, payment_id, "failed")
    for _ in range(2):
        world.clock.forward(seconds=10)
        await world.replica.payments.give_back()
    assert (await refunded(world, guest, held, payment_id))["why"] == "wrong_amount"
    record = await side(world, payment_id)
    assert (record.refunds, record.refunded_at is not None) == (3, True)
    await money_is_sound(world.replica.store, held["order_id"], world.provider, world.clock)


@pytest.mark.parametrize("of_the_order", [True, False])
async def test_staff_settle_a_refund_that_the_provider_refuses_and_the_provider_is_left_alone(
    world: World, cashier: str, of_the_order: bool
) -> None:
    guest = await world.guest()
    order, payment_id = await not_made(world, guest, of_the_order=of_the_order)
    page = await guest.get(f"/orders/{order['order_id']}?t={order['capability']}", follow_redirects=True)
    assert "Refund delayed, we try again" in page.text
    settled = await settle(world, cashier, order, payment_id)
    assert settled.status_code == 200, settled.text
    assert settled.json()["refund"]["state"] == "settled_outside"
    shown = await world.look(guest, order)
    assert shown["state"] == ("refunded" if of_the_order else "held")
    assert shown["payments"][0]["refund"]["reference"] == "BANK-2026-0042"
    requested = (await side(world, payment_id)).refunds
    world.clock.forward(minutes=1)
    await world.replica.payments.give_back()
    assert (await side(world, payment_id)).refunds == requested
    page = await guest.get(f"/orders/{order['order_id']}")
    assert "Refunded by hand" in page.text
    assert "BANK-2026-0042" in page.text
    await money_is_sound(world.replica.store, order["order_id"], world.provider, world.clock)
    if of_the_order:
        *_, closed = await world.events_of_subject(
            order["order_id"], OrderPlaced, OffsetPurchased, OrderClosed, count=3
        )
        assert isinstance(closed.data, OrderClosed)
        assert (closed.data.why, closed.sequence) == ("refunded", 3)


async def test_o1_a_settlement_is_noted_once_for_each_key_body_and_caller(
    world: World, cashier: str, issuer: Issuer
) -> None:
    guest, key = await world.guest(), secrets.token_hex(8)
    order, payment_id = await not_made(world, guest, of_the_order=False)
    other, other_payment = await not_made(world, guest, of_the_order=False)
    answers = await asyncio.gather(*(settle(world, cashier, order, payment_id, key=key) for _ in range(5)))
    assert [answer.status_code for answer in answers] == [200] * 5
    assert len({answer.text for answer in answers}) == 1
    assert sum("Idempotency-Replayed" not in answer.headers for answer in answers) == 1
    bodies = [
        await settle(world, cashier, order, payment_id, key=key, reference="BANK-2026-0043"),
        await settle(world, cashier, other, other_payment, key=key),
    ]
    assert [(answer.status_code, answer.json()["code"]) for answer in bodies] == [(422, "idempotency_key_reused")] * 2
    again = await settle(world, cashier, order, payment_id)
    assert (again.status_code, again.json()["code"], again.json()["state"]) == (409, "refund_state", "settled_outside")
    by_other = await settle(world, issuer[0].token("bo", "orders:settle"), other, other_payment, key=key)
    assert by_other.status_code == 200, "the key of another caller is another key"
    none = await settle(world, cashier, order, payment_id, key="")
    assert (none.status_code, none.json()["code"]) == (400, "idempotency_key_missing")


async def test_o1_a_settlement_that_another_replica_notes_meanwhile_is_replayed(world: World) -> None:
    guest = await world.guest()
    order, payment_id = await not_made(world, guest, of_the_order=False)
    settlement = Settlement(new_id("set"), "4" * 64, "ana")

    async def note(payments: Payments) -> tuple[Payment, bool]:
        return await payments.settle(
            order["order_id"], payment_id, reference="BANK", settlement=settlement, cause=Cause(id="test")
        )

    class Interleaved(Store):
        meanwhile: ClassVar = [note(world.replica.payments)]

        async def order(self, order_id: str) -> Loaded[Order] | None:
            if self.meanwhile:
                assert (await self.meanwhile.pop())[1] is False
            return await super().order(order_id)

    store = Interleaved(world.replica.store._database, livemode=False, wake=lambda: None)
    payment, replayed = await note(Payments(store, world.replica.provider, world.clock))
    assert (payment.refund and payment.refund.settlement, replayed) == (settlement, True)


async def test_o1_one_key_for_two_refunds_at_once_settles_one_of_them(world: World, cashier: str) -> None:
    guest = await world.guest()
    both = [await not_made(world, guest, of_the_order=False) for _ in range(2)]
    key = secrets.token_hex(8)
    answers = await asyncio.gather(*(settle(world, cashier, *one, key=key) for one in both))
    assert sorted(answer.status_code for answer in answers) == [200, 422]


async def test_only_staff_with_the_scope_settle_and_only_what_is_being_returned(world: World, cashier: str) -> None:
    guest = await world.guest()
    held = await world.held_order(guest, await world.project())
    payment_id = await world.pay(guest, held, approve=False)
    refused = [
        (await settle(world, world.staff, held, payment_id), 403, "insufficient_scope"),
        (await settle(world, "nonsense", held, payment_id), 401, "unauthenticated"),
        (await settle(world, cashier, held, payment_id), 404, "refund_unknown"),
        (await settle(world, cashier, held, "pay_" + "0" * 26), 404, "refund_unknown"),
        (await settle(world, cashier, {"order_id": "ord_" + "0" * 26}, payment_id), 404, "refund_unknown"),
        (await settle(world, cashier, held, payment_id, reference=" "), 422, "invalid_request"),
    ]
    assert [(answer.status_code, answer.json()["code"]) for answer, *_ in refused] == [
        (status, code) for _, status, code in refused
    ]


async def test_a_refund_that_the_provider_made_meanwhile_cannot_be_settled(world: World, cashier: str) -> None:
    guest = await world.guest()
    order, payment_id = await not_made(world, guest, of_the_order=False)
    # The provider has made it, and we crashed before we could note that.
    record = await side(world, payment_id)
    willing = sandbox.refund(
        replace(record, faults=("wrong_amount",)),
        amount_fen=record.amount_fen,
        currency=record.currency,
        now=world.clock(),
    )
    world.provider.records.update(willing)
    made = await settle(world, cashier, order, payment_id)
    assert (made.status_code, made.json()["code"], made.json()["state"]) == (409, "refund_state", "made")
    refund = (await payment_of(world, guest, order, payment_id))["refund"]
    assert (refund["state"], refund["reference"]) == ("made", willing.refund_reference)


async def test_a_refund_that_is_being_requested_cannot_be_settled_at_the_same_moment(
    world: World, cashier: str
) -> None:
    guest = await world.guest()
    order, payment_id = await not_made(world, guest, of_the_order=False)
    answers = []

    class Meanwhile(Sandbox):
        async def refund(self, payment: Payment) -> str:
            if payment.payment_id == payment_id:
                answers.append(await settle(world, cashier, order, payment_id))
            return "given back"

    meanwhile = world.provider.adapter(world.clock, Meanwhile)
    loaded = await world.replica.store.order(order["order_id"])
    assert loaded is not None
    await Payments(world.replica.store, meanwhile, world.clock)._refund(loaded, payment_id, Cause(id="test"))
    (answer,) = answers
    assert (answer.status_code, answer.json()["code"]) == (409, "refund_under_way")
    assert (await payment_of(world, guest, order, payment_id))["refund"]["reference"] == "given back"


async def test_the_back_office_finds_the_orders_that_owe_money(world: World, cashier: str) -> None:
    guest = await world.guest()
    order, payment_id = await not_made(world, guest, of_the_order=False)
    staff = await world.guest(Authorization=f"Bearer {world.staff}")

    async def owing() -> set[str]:
        page = (await staff.get("/v1/orders", params={"owes": True, "limit": 200})).json()
        return {one["order_id"] for one in page["data"]}

    assert order["order_id"] in await owing()
    await settle(world, cashier, order, payment_id)
    assert order["order_id"] not in await owing()
