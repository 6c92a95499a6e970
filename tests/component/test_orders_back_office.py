"""What the back office sees: all orders, what owners are due, and a purchase that nobody answers."""

# ruff: noqa: F811 -- a test asks for its fixtures by their names

from __future__ import annotations

import secrets
from datetime import datetime
from typing import Any

from services.orders.handlers.orders import UNANSWERED
from tests.component.orders_world import (  # noqa: F401 -- the fixtures are used by name
    GRAMS,
    World,
    running,
    world,
)


async def test_the_back_office_walks_all_orders_and_sees_what_owners_are_due(world: World) -> None:
    owner = f"own_{secrets.token_hex(4)}"
    project_id, guest = await world.project(owner_id=owner), await world.guest()
    retired_orders = []
    for mass_g in (GRAMS, 1):
        held = await world.held_order(guest, project_id, mass_g=mass_g)
        await world.pay(guest, held)
        await world.in_state(guest, held, "purchased")
        retired_orders.append(held)
    await world.held_order(guest, project_id)
    for order in retired_orders:
        await world.retire(order)
        await world.in_state(guest, order, "retired")
    assert (await guest.get("/v1/orders")).status_code == 401
    assert (await guest.get("/v1/payables")).status_code == 401
    staff = await world.guest(Authorization=f"Bearer {world.staff}")
    payables = (await staff.get("/v1/payables")).json()["data"]
    (due,) = [payable for payable in payables if payable["owner_id"] == owner]
    assert due == {"owner_id": owner, "currency": "CNY", "orders": 2, "mass_g": GRAMS + 1, "subtotal_fen": 2560}

    async def walk(**query: Any) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = []
        page: dict[str, Any] = {"has_more": True, "next_cursor": None}
        while page["has_more"]:
            wanted = {**query, "limit": 3, **({"cursor": page["next_cursor"]} if page["next_cursor"] else {})}
            page = (await staff.get("/v1/orders", params=wanted)).json()
            found += page["data"]
        return found

    everything = await walk()
    # As moments, since their texts have no fixed length.
    places = [(datetime.fromisoformat(order["created_at"]), order["order_id"]) for order in everything]
    assert places == sorted(places)
    assert {order["order_id"] for order in retired_orders} <= {
        order["order_id"] for order in await walk(state="retired")
    }
    assert len({order["order_id"] for order in everything}) == len(everything)
    wrong = await staff.get("/v1/orders", params={"cursor": "bm9uc2Vuc2U="})
    assert (wrong.status_code, wrong.json()["code"]) == (422, "cursor_unknown")


async def test_a_purchase_without_an_answer_for_five_minutes_is_an_alarm_and_nothing_else(world: World) -> None:
    guest, project_id = await world.guest(), await world.project()
    held = await world.held_order(guest, project_id)
    await world.pay(guest, held)
    await world.in_state(guest, held, "purchased")
    await world.replica.handlers.watch()
    before = UNANSWERED._value.get()
    world.clock.forward(minutes=6)
    await world.replica.handlers.watch()
    after = UNANSWERED._value.get()
    world.clock.forward(minutes=-6)
    assert after >= before + 1
    assert (await world.look(guest, held))["state"] == "purchased"
    await world.retire(held)
    await world.in_state(guest, held, "retired")
