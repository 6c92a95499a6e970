"""What an organiser strikes out of a balance, and the name that it neutralises under."""

# ruff: noqa: F811 -- a test asks for its fixtures by their names

from __future__ import annotations

from tests.component.orders_world import (
    running,
    shows,
    world,
)
from tests.component.test_orders_balance import (  # noqa: F401 -- the fixtures are used by name
    NAMING,
    Host,
    host,
    running,
    world,
)


async def test_a_footprint_is_struck_with_a_reason_taken_back_and_may_still_be_neutralised(host: Host) -> None:
    world = host.world
    project_id, guest = await world.project(), await world.guest()
    footprint, other = await host.guests(2, grams=1_000)
    address = f"/v1/balances/{host.scene_id}/strikes/{footprint.event.footprint_id}"
    assert (await host.staff.put(address, json={})).status_code == 422, "not without a reason"
    struck = [await host.staff.put(address, json={"reason": "entered for a joke"}) for _ in range(2)]
    assert struck[0].json() == struck[1].json(), "the same again changes nothing"
    assert struck[0].json()["standing"] == "struck"
    balance = await host.balance()
    assert (balance["left"]["mass_g"], balance["struck"]["mass_g"]) == (1_000, 1_000)
    page = (await host.staff.get(f"/v1/balances/{host.scene_id}/footprints?standing=struck")).json()
    assert [(one["footprint_id"], one["struck_reason"]) for one in page["data"]] == [
        (footprint.event.footprint_id, "entered for a joke")
    ]
    made = (await world.order(guest, project_id, claims=[footprint.claim])).json()
    await host.stands(left=1, covered=1, struck=0)
    covered = await host.staff.put(address, json={"reason": "again"})
    assert (covered.status_code, covered.json()["code"]) == (409, "footprint_covered")
    await guest.post(f"/v1/orders/{made['order_id']}/cancel", headers=shows(made))
    await host.stands(left=1, covered=0, struck=1)
    await host.status("closed")
    assert [one["root"] for one in (await host.order(project_id)).json()["footprints"]] == [other.event.root]
    assert (await host.staff.delete(address)).json()["standing"] == "left"
    assert [one["root"] for one in (await host.order(project_id)).json()["footprints"]] == [footprint.event.root]


async def test_a_struck_footprint_whose_answers_change_is_another_and_counts_again(host: Host) -> None:
    (old,) = await host.guests(1, grams=9_000_000)
    address = f"/v1/balances/{host.scene_id}/strikes/{old.event.footprint_id}"
    await host.staff.put(address, json={"reason": "nobody flies that far"})
    await host.guests(1, grams=90, replaces=old.event.footprint_id, root=old.event.root)
    await host.stands(left=1, struck=0, mass_g=90)
    replaced = await host.staff.delete(address)
    assert (replaced.status_code, replaced.json()["code"]) == (404, "footprint_not_counted")


async def test_an_organiser_needs_a_name_once_and_may_hide(host: Host) -> None:
    project_id = await host.world.project()
    await host.guests(1)
    await host.status("closed")
    early = await host.staff.patch("/v1/organiser/beneficiary", json={"board": "hidden"})
    assert (early.status_code, early.json()["code"]) == (422, "name_missing")
    nameless = await host.order(project_id, beneficiary=None)
    assert (nameless.status_code, nameless.json()["code"]) == (422, "name_missing")
    assert (await host.order(project_id)).status_code == 201
    await host.guests(1)
    assert (await host.order(project_id, beneficiary=None)).status_code == 201, "the name stays"
    hidden = await host.staff.patch("/v1/organiser/beneficiary", json={"board": "hidden"})
    assert (hidden.json()["board"], hidden.json()["name"]) == ("hidden", NAMING["name"])
