"""Captures that time out, are refused, or are requested at once."""

# ruff: noqa: F811 -- a test asks for its fixtures by their names

from __future__ import annotations

import asyncio
import secrets
from typing import Any

import httpx

from tests.component.orders_world import (  # noqa: F401 -- the fixtures are used by name
    World,
    running,
    shows,
    world,
)
from tests.component.test_orders_capture import comes_to, events_of, money_is_sound
from tests.component.test_orders_money import send_notice, side
from tests.conftest import until


async def test_s12_a_capture_that_times_out_and_later_succeeds_completes_the_order_once(world: World) -> None:
    project_id, guest = await world.project(), await world.guest()
    held = await world.held_order(guest, project_id)
    with world.clock.standing():
        payment_id = await world.pay(guest, held, method="sandbox_card", faults=("capture_times_out",))
        capturing = await world.look(guest, held)
        assert (capturing["state"], capturing["deadline"]) == ("capturing", None)
        assert (await side(world, payment_id)).taken_at is not None, "the bank has done it, only its answer was lost"
        address = f"/orders/{held['order_id']}"
        page = await guest.get(f"{address}?t={held['capability']}", follow_redirects=True)
        assert "Confirming with the bank" in page.text
        await money_is_sound(world.replica.store, held["order_id"], world.provider, world.clock)
        key = {**shows(held), "Idempotency-Key": secrets.token_hex(8)}
        for path in ("cancel", "payments"):
            refused = await guest.post(f"/v1{address}/{path}", json={}, headers=key)
            assert (refused.status_code, refused.json()["code"], refused.json()["state"]) == (
                409,
                "order_state",
                "capturing",
            )
    world.clock.forward(minutes=16)
    await world.replica.handlers.sweep()
    assert (await world.look(guest, held))["state"] != "expired", "time does not end it"
    await world.in_state(guest, held, "purchased")
    await world.retire(held)
    await world.certify(held)
    await world.in_state(guest, held, "completed")
    assert await events_of(world, held, 2) == ["order.placed", "offset.purchased"]
    world.clock.forward(minutes=-16)
    await money_is_sound(world.replica.store, held["order_id"], world.provider, world.clock)


async def until_refused(world: World, guest: httpx.AsyncClient, held: dict[str, Any], payment_id: str) -> None:
    """Put the clock forward until the bank has answered; its first two answers are lost."""
    for _ in range(3):
        world.clock.forward(seconds=10)
        await world.replica.payments.poll()
    await comes_to(world, guest, held, payment_id, "refused")


async def test_s12_a_capture_that_times_out_and_later_is_refused_leads_back_to_held(world: World) -> None:
    project_id, guest = await world.project(), await world.guest()
    held = await world.held_order(guest, project_id)
    faults = ("capture_times_out", "capture_refused")
    with world.clock.standing():
        payment_id = await world.pay(guest, held, method="sandbox_card", faults=faults)
        assert (await world.look(guest, held))["state"] == "capturing"
    await until_refused(world, guest, held, payment_id)
    again = await world.look(guest, held)
    assert (again["state"], again["deadline"]) == ("held", held["deadline"])
    page = await guest.get(f"/orders/{held['order_id']}?t={held['capability']}", follow_redirects=True)
    assert "The bank said no." in page.text
    await world.pay(guest, held, method="sandbox_card")
    await world.in_state(guest, held, "purchased")
    assert await events_of(world, held, 2) == ["order.placed", "offset.purchased"]
    await money_is_sound(world.replica.store, held["order_id"], world.provider, world.clock)


async def test_s12_a_no_that_comes_after_the_time_is_up_ends_the_order_as_expired(world: World) -> None:
    project_id, guest = await world.project(), await world.guest()
    held = await world.held_order(guest, project_id)
    faults = ("capture_times_out", "capture_refused")
    payment_id = await world.pay(guest, held, method="sandbox_card", faults=faults)
    world.clock.forward(minutes=16)
    await until_refused(world, guest, held, payment_id)
    await world.in_state(guest, held, "expired")
    assert await events_of(world, held, 2) == ["order.placed", "order.closed"]
    record = await side(world, payment_id)
    assert (record.taken_at, record.refused_at is not None) == (None, True)
    await money_is_sound(world.replica.store, held["order_id"], world.provider, world.clock)


async def test_a_capture_that_is_refused_at_once_leaves_the_order_held(world: World) -> None:
    project_id, guest = await world.project(), await world.guest()
    held = await world.held_order(guest, project_id)
    payment_id = await world.pay(guest, held, method="sandbox_card", faults=("capture_refused",))
    order = await world.look(guest, held)
    assert [step["state"] for step in order["steps"]] == ["placed", "held", "capturing", "held"]
    assert order["payments"][0]["state"] == "refused"
    assert (await send_notice(world, guest, payment_id, outcome="authorised")).status_code == 200
    assert (await world.look(guest, held))["state"] == "held"
    assert (await side(world, payment_id)).captures == 1, "a notice that comes again asks for nothing again"


async def test_notices_of_one_authorisation_that_come_at_once_capture_once(world: World) -> None:
    project_id, guest = await world.project(), await world.guest()
    for _ in range(3):
        held = await world.held_order(guest, project_id)
        payment_id = await world.pay(guest, held, method="sandbox_card", faults=("silent",))
        await asyncio.gather(*(send_notice(world, guest, payment_id, outcome="authorised") for _ in range(5)))
        await world.in_state(guest, held, "purchased")
        assert (await side(world, payment_id)).captures == 1
        assert await events_of(world, held, 2) == ["order.placed", "offset.purchased"]


async def test_two_replicas_that_ask_at_once_capture_once(world: World) -> None:
    project_id, guest = await world.project(), await world.guest()
    held = await world.held_order(guest, project_id)
    payment_id = await world.pay(guest, held, method="sandbox_card", faults=("capture_times_out",))
    assert (await side(world, payment_id)).captures == 1
    # Beside these four the service's own reconciler takes its turns.
    for captures in (2, 3):
        world.clock.forward(seconds=9)
        await asyncio.gather(*(world.replica.payments.poll() for _ in range(4)))

        async def is_captured(captures: int = captures) -> bool:
            return bool((await side(world, payment_id)).captures >= captures)

        await until(is_captured)
    await world.in_state(guest, held, "purchased")
    assert (await side(world, payment_id)).captures == 3
    # The other replica has no relay: what it wrote is published by ours once its leases have ended.
    await world.replica.store.sources[1].release()
    assert await events_of(world, held, 2) == ["order.placed", "offset.purchased"]
