"""Price lists, orders, payables and balances come in pages that leave out nothing; a strike changes at its version."""

# ruff: noqa: F811 -- a test asks for its fixtures by their names

from __future__ import annotations

import secrets

from services.orders.handlers.payables import count_payables
from tests.component.test_orders import World, new_id, running, world  # noqa: F401 -- used by name
from tests.component.test_orders_balance import Host, host  # noqa: F401 -- used by name
from tests.component.walks import PAGES_MAX, refuses_cursors_of_strangers, walked


async def test_a_walk_through_a_price_list_gives_each_project_once_and_in_its_order(world: World) -> None:
    cheap = await world.project(standard="CCER", unit_price_fen=1)
    ours = {await world.project(unit_price_fen=price) for price in (4_800, *range(900, 880, -2), 700, 700)} | {cheap}
    guest = await world.guest()
    wish = {"mass_g": 1_000_000}
    found, cursor, newer = [], None, ""
    for _ in range(PAGES_MAX):
        query = {"limit": 2, **({"cursor": cursor} if cursor else {})}
        answer = await guest.post("/v1/quotes", params=query, json=wish)
        assert answer.status_code == 200, answer.text
        found += answer.json()["data"]
        cursor = answer.json()["next_cursor"]
        assert answer.json()["has_more"] == (cursor is not None)
        if cursor is None:
            break
        newer = newer or await world.project(unit_price_fen=1)
    ids = [offer["project_id"] for offer in found]
    assert ours <= set(ids)
    assert len(set(ids)) == len(ids)
    places = [(offer["standard"] != "CDCER", offer["unit_price_fen"], offer["project_id"]) for offer in found]
    assert places == sorted(places)
    page = (await guest.get("/orders/new?mass_g=1000000")).text
    assert all(project_id in page for project_id in [*ours, newer]), "people are shown all at once"
    for cursor in ("0", "W10", "bm9uc2Vuc2U"):
        refused = await guest.post("/v1/quotes", params={"cursor": cursor}, json=wish)
        assert (refused.status_code, refused.json()["code"]) == (422, "cursor_unknown")
        assert [(one["in"], one["name"]) for one in refused.json()["errors"]] == [("query", "cursor")]


async def test_a_walk_through_orders_and_payables_gives_each_once(world: World) -> None:
    guest, staff = await world.guest(), await world.guest(Authorization=f"Bearer {world.staff}")
    made, owners = [], {f"own_{secrets.token_hex(4)}" for _ in range(3)}
    for owner in owners:
        held = await world.held_order(guest, await world.project(owner_id=owner))
        await world.pay(guest, held)
        await world.in_state(guest, held, "purchased")
        await world.retire(held)
        made.append((await world.in_state(guest, held, "retired"))["order_id"])
    found = [order["order_id"] for order in await walked(staff, "/v1/orders", limit=2, state="retired")]
    assert len(set(found)) == len(found)
    assert set(made) <= set(found)
    await count_payables(world.replica.store)
    payables = [one["owner_id"] for one in await walked(staff, "/v1/payables", limit=1)]
    assert payables == sorted(set(payables))
    assert owners <= set(payables)
    await refuses_cursors_of_strangers(staff, "/v1/orders")
    await refuses_cursors_of_strangers(staff, "/v1/payables")


async def test_a_walk_through_a_balance_gives_each_footprint_once(host: Host) -> None:
    address = f"/v1/balances/{host.scene_id}/footprints"
    footprints = {one.event.footprint_id for one in await host.guests(7)}
    found = [one["footprint_id"] for one in await walked(host.staff, address, limit=3)]
    assert sorted(found) == sorted(footprints)
    await refuses_cursors_of_strangers(host.staff, address)


async def test_a_strike_has_a_version_and_another_reason_names_the_one_that_it_changes(host: Host) -> None:
    (footprint,) = await host.guests(1)
    address = f"/v1/balances/{host.scene_id}/strikes/{footprint.event.footprint_id}"
    nothing = await host.staff.get(address)
    assert (nothing.status_code, nothing.json()["code"]) == (404, "footprint_not_struck")
    early = await host.staff.put(address, json={"reason": "a joke"}, headers={"If-Match": "*"})
    assert (early.status_code, early.json()["code"]) == (412, "precondition_failed")
    struck = await host.staff.put(address, json={"reason": "a joke"}, headers={"If-None-Match": "*"})
    assert struck.status_code == 200, struck.text
    shown = await host.staff.get(address)
    assert shown.json() == struck.json()
    seen = {"If-Match": shown.headers["ETag"]}
    assert struck.headers["ETag"] == shown.headers["ETag"]
    blind = await host.staff.put(address, json={"reason": "twice"})
    assert (blind.status_code, blind.json()["code"]) == (428, "if_match_missing")
    old = await host.staff.put(address, json={"reason": "twice"}, headers={"If-Match": '"999"'})
    assert (old.status_code, old.json()["code"]) == (412, "precondition_failed")
    changed = await host.staff.put(address, json={"reason": "twice"}, headers=seen)
    repeated = await host.staff.put(address, json={"reason": "twice"}, headers=seen)
    assert [one.json()["struck_reason"] for one in (changed, repeated)] == ["twice"] * 2
    assert changed.headers["ETag"] == repeated.headers["ETag"] != shown.headers["ETag"]
    stale = await host.staff.delete(address, headers=seen)
    assert (stale.status_code, stale.json()["code"]) == (412, "precondition_failed")
    assert (await host.staff.get(address)).status_code == 200, "nothing was taken back"
    back = await host.staff.delete(address, headers={"If-Match": changed.headers["ETag"]})
    assert back.json()["standing"] == "left"
    elsewhere = await host.staff.get(address.replace(footprint.event.footprint_id, new_id("fp")))
    assert (elsewhere.status_code, elsewhere.json()["code"]) == (404, "footprint_not_counted")
