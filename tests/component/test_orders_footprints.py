"""Orders and their footprints: one that comes later, one that two orders want, one that was replaced."""

# ruff: noqa: F811 -- a test asks for its fixtures by their names

from __future__ import annotations

import asyncio
from typing import Any

from shared.contracts.orders import OrderClosed, OrderPlaced
from tests.component.orders_world import (  # noqa: F401 -- the fixtures are used by name
    World,
    running,
    shows,
    world,
)
from tests.conftest import consumed, enveloped, until


async def test_s13_an_order_made_before_its_footprint_is_known_waits_and_goes_on_when_it_comes(world: World) -> None:
    project_id, footprint, guest = await world.project(), world.footprint(), await world.guest()
    made = (await world.order(guest, project_id, claims=[footprint.claim])).json()
    assert (made["state"], made["mass_g"], made["total_fen"], made["unit_price_fen"]) == ("waiting", None, None, 4800)
    unknown = await guest.post("/v1/quotes", json={"footprint_ids": [footprint.event.footprint_id]})
    assert (unknown.status_code, unknown.json()["code"]) == (404, "footprint_unknown")
    await world.publish(enveloped(footprint.event), enveloped(footprint.event))
    placed = await world.in_state(guest, made, "placed")
    assert placed["total_fen"] == 2759
    (event,) = await world.events_of_subject(made["order_id"], OrderPlaced)
    assert event.cause_id == enveloped(footprint.event).id


async def test_s13_a_wrong_claim_token_is_refused_and_nothing_is_held(world: World) -> None:
    project_id, footprint, guest = await world.project(), world.footprint(), await world.guest()
    wrong = {**footprint.claim, "token": "W" * 26}
    made = (await world.order(guest, project_id, claims=[wrong])).json()
    await world.publish(enveloped(footprint.event))
    refused = await world.in_state(guest, made, "refused")
    assert refused["refusal"]["reason"] == "claim_mismatch"
    at_once = await world.order(guest, project_id, claims=[wrong])
    assert (at_once.status_code, at_once.json()["code"]) == (403, "claim_mismatch")
    right = await world.order(guest, project_id, claims=[footprint.claim])
    assert right.status_code == 201
    placed = [envelope.subject for envelope in await consumed(world.infra, OrderPlaced, OrderClosed)]
    assert made["order_id"] not in placed


async def test_a_footprint_backs_at_most_one_live_order_and_is_free_again_when_that_has_ended(world: World) -> None:
    project_id, footprint, guest = await world.project(), await world.known_footprint(), await world.guest()
    answers = await asyncio.gather(*(world.order(guest, project_id, claims=[footprint.claim]) for _ in range(8)))
    codes = sorted(answer.status_code for answer in answers)
    assert codes == [201, *[409] * 7]
    assert {answer.json()["code"] for answer in answers if answer.status_code == 409} == {"footprint_covered"}
    (made,) = [answer.json() for answer in answers if answer.status_code == 201]
    cancelled = await guest.post(f"/v1/orders/{made['order_id']}/cancel", headers=shows(made))
    assert (cancelled.status_code, cancelled.json()["state"]) == (200, "cancelled")
    again = await guest.post(f"/v1/orders/{made['order_id']}/cancel", headers=shows(made))
    assert (again.status_code, again.json()) == (200, cancelled.json()), "whoever lost the answer gets it again"
    assert len(await world.events_of_subject(made["order_id"], OrderPlaced, OrderClosed, count=2)) == 2
    assert (await world.order(guest, project_id, claims=[footprint.claim])).status_code == 201


async def test_two_orders_that_wait_for_one_footprint_end_as_one_placed_and_one_refused(world: World) -> None:
    project_id, footprint, guest = await world.project(), world.footprint(), await world.guest()
    both = [(await world.order(guest, project_id, claims=[footprint.claim])).json() for _ in range(2)]
    await world.publish(enveloped(footprint.event))

    async def settled() -> list[dict[str, Any]] | None:
        found = [await world.look(guest, made) for made in both]
        return found if all(order["state"] != "waiting" for order in found) else None

    orders = await until(settled)
    assert sorted(order["state"] for order in orders) == ["placed", "refused"]
    assert {order["refusal"]["reason"] for order in orders if order["refusal"]} == {"footprint_covered"}


async def test_a_footprint_that_was_replaced_can_no_longer_be_ordered(world: World) -> None:
    project_id, guest = await world.project(), await world.guest()
    old = await world.known_footprint()
    new = await world.known_footprint(replaces=old.event.footprint_id, root=old.event.footprint_id)
    refused = await world.order(guest, project_id, claims=[old.claim])
    assert (refused.status_code, refused.json()["code"]) == (409, "footprint_replaced")
    assert (await world.order(guest, project_id, claims=[new.claim])).status_code == 201
    newest = await world.known_footprint(replaces=new.event.footprint_id, root=old.event.footprint_id)
    covered = await world.order(guest, project_id, claims=[newest.claim])
    assert (covered.status_code, covered.json()["code"]) == (409, "footprint_covered"), "one of the chain is covered"
