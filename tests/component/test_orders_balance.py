"""The organiser's balance (D15): what guests have left, who takes it, and what the organiser does not answer for."""

# ruff: noqa: F811 -- a test asks for its fixtures by their names

from __future__ import annotations

import asyncio
import secrets
from collections import Counter
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from typing import Any

import httpx
import pytest
import pytest_asyncio

from services.orders.api.balances import beneficiary_of
from services.orders.domain.balance.balance import chain
from services.orders.domain.beneficiary.beneficiary import MANDATE_VERSION
from services.orders.handlers.balance_projection import count
from shared.contracts.calculator import ScenePublished
from shared.contracts.orders import BeneficiaryNamed, OffsetPurchased, OrderPlaced
from shared.messaging.failures import LostRace
from tests.component.orders_world import (  # noqa: F401 -- the fixtures are used by name
    Footprint,
    Issuer,
    World,
    new_id,
    running,
    shows,
    world,
)
from tests.conftest import enveloped, until

NAMING = {"name": "Jinjiang Green Finance Society (demo)"}


@dataclass
class Host:
    """A scene, and the staff of its organiser."""

    world: World
    staff: httpx.AsyncClient
    scene_id: str
    organiser_id: str
    sequence: int = 0

    async def status(self, status: str) -> None:
        """Let calculator publish the scene so, and wait until orders has consumed it."""
        self.sequence += 1
        scene = ScenePublished(
            scene_id=self.scene_id,
            code="FORUM26",
            names={"en": "Forum (demo)"},
            kind="conference",
            country="CN",
            city="CN-SC Chengdu",
            starts_on="2026-11-26",
            ends_on=None,
            time_zone="Asia/Shanghai",
            organiser_id=self.organiser_id,
            status=status,
        )
        await self.world.publish(enveloped(scene, sequence=self.sequence))

        async def is_copied() -> bool:
            return await self.world.replica.store.copies.scene(self.scene_id) == scene

        await until(is_copied)

    async def guests(self, many: int, **changes: Any) -> list[Footprint]:
        """Let guests count their visits, and wait until all of them are in the balance."""
        footprints = [self.world.footprint(**{"scene_id": self.scene_id, **changes}) for _ in range(many)]
        await self.world.publish(*(enveloped(one.event) for one in footprints))
        roots = {one.event.root for one in footprints}

        async def counted() -> bool:
            return len(await self.world.replica.store.chains.chains(roots)) == len(roots)

        await until(counted)
        return footprints

    async def balance(self) -> dict[str, Any]:
        answer = await self.staff.get(f"/v1/balances/{self.scene_id}")
        assert answer.status_code == 200, answer.text
        return dict(answer.json())

    async def stands(self, *, mass_g: int | None = None, **shares: int) -> dict[str, Any]:
        """Wait until so many footprints are left, covered, struck, and so much mass is left; return the balance."""

        async def there() -> dict[str, Any] | None:
            balance = await self.balance()
            weighs = mass_g in {None, balance["left"]["mass_g"]}
            return balance if weighs and {name: balance[name]["footprints"] for name in shares} == shares else None

        return dict(await until(there))

    async def order(self, project_id: str, *, key: str | None = None, **changes: Any) -> httpx.Response:
        body = {"project_id": project_id, "listing_version": 1, "mandate_version": MANDATE_VERSION}
        return await self.staff.post(
            f"/v1/balances/{self.scene_id}/orders",
            json={**body, "beneficiary": NAMING, **changes},
            headers={"Idempotency-Key": key or secrets.token_hex(8)},
        )


NewHost = Callable[[], Any]


@pytest_asyncio.fixture
async def host(world: World, issuer: Issuer) -> AsyncIterator[Host]:
    organiser_id = f"org_{secrets.token_hex(4)}"
    token = issuer[0].token("staff-1", "orders:organise", organiser_id=organiser_id)
    staff = await world.guest(Authorization=f"Bearer {token}")
    host = Host(world, staff, new_id("scn"), organiser_id)
    await host.status("open")
    yield host


async def test_a_scene_s_balance_counts_one_footprint_a_root_and_moves_with_its_orders(host: Host) -> None:
    world = host.world
    project_id, guest = await world.project(), await world.guest()
    first, second, _ = await host.guests(3, grams=1_000)
    await host.guests(1, grams=70, role="organiser")
    await host.guests(1, grams=500, replaces=first.event.footprint_id, root=first.event.root)
    balance = await host.stands(left=4, covered=0, struck=0, mass_g=2_570)
    assert balance["left"] == {"footprints": 4, "mass_g": 2_570, "own_g": 70}
    made = (await world.order(guest, project_id, claims=[second.claim])).json()
    balance = await host.stands(left=3, covered=1)
    assert (balance["left"]["mass_g"], balance["covered"]["mass_g"]) == (1_570, 1_000)
    # The covered one counts, although its answers change now.
    await host.guests(1, grams=9, replaces=second.event.footprint_id, root=second.event.root)
    assert (await host.stands(left=3, covered=1))["covered"]["mass_g"] == 1_000
    await guest.post(f"/v1/orders/{made['order_id']}/cancel", headers=shows(made))
    # Now the changed answer counts.
    await host.stands(left=4, covered=0, mass_g=1_579)


async def test_a_footprint_of_no_scene_is_in_no_balance(host: Host) -> None:
    world = host.world
    life = await world.known_footprint(scene_id=None)
    await count(world.replica.store, [life.event.root])
    assert await world.replica.store.chains.chains([life.event.root]) == {}


async def test_an_organiser_takes_what_is_left_once_its_scene_is_closed(host: Host) -> None:
    world = host.world
    project_id, guest = await world.project(), await world.guest()
    theirs, *_ = await host.guests(3, grams=1_000)
    await world.order(guest, project_id, claims=[theirs.claim])
    refused = await host.order(project_id)
    assert (refused.status_code, refused.json()["code"], refused.json()["scene_status"]) == (409, "scene_open", "open")
    await host.status("closed")
    made = (await host.order(project_id)).json()
    assert (made["state"], made["mass_g"], made["scene_id"], len(made["footprints"])) == (
        "placed",
        2_000,
        host.scene_id,
        2,
    )
    assert made["beneficiary_id"] == beneficiary_of(host.organiser_id)
    (placed,) = await world.events_of_subject(made["order_id"], OrderPlaced)
    assert placed.data.grams == 2_000  # type: ignore[attr-defined]
    (named,) = await world.events_of_subject(made["beneficiary_id"], BeneficiaryNamed)
    assert named.data.model_dump(include={"name", "kind", "board"}) == {
        "name": NAMING["name"],
        "kind": "organiser",
        "board": "named",
    }
    await host.stands(left=0, covered=3)
    nothing = await host.order(project_id)
    assert (nothing.status_code, nothing.json()["code"]) == (409, "nothing_left")
    # It is paid as any order is, and publishes the organiser's claim.
    await world.hold(made)
    held = {**made, **await world.in_state(guest, made, "held")}
    await world.pay(guest, held)
    purchased = (await world.events_of_subject(made["order_id"], OrderPlaced, OffsetPurchased, count=2))[-1].data
    assert isinstance(purchased, OffsetPurchased)
    assert (purchased.claim.beneficiary_kind, len(purchased.claim.footprints)) == ("organiser", 2)


async def test_o1_the_same_key_gets_the_same_order_of_the_rest_and_another_scene_is_another_body(host: Host) -> None:
    project_id, key = await host.world.project(), secrets.token_hex(8)
    await host.guests(2)
    await host.status("closed")
    first, second = await asyncio.gather(*(host.order(project_id, key=key) for _ in range(2)))
    await host.guests(1)
    third = await host.order(project_id, key=key)
    assert first.json() == second.json() == third.json()
    assert third.headers["Idempotency-Replayed"] == "true"
    other = await host.order(project_id, key=key, listing_version=2)
    assert (other.status_code, other.json()["code"]) == (422, "idempotency_key_reused")
    without = await host.staff.post(
        f"/v1/balances/{host.scene_id}/orders",
        json={"project_id": project_id, "listing_version": 1, "mandate_version": MANDATE_VERSION},
    )
    assert (without.status_code, without.json()["code"]) == (400, "idempotency_key_missing")


async def test_what_is_left_is_taken_in_orders_of_at_most_five_hundred_footprints(host: Host) -> None:
    project_id = await host.world.project()
    footprints = await host.guests(1_103, grams=10)
    await host.status("closed")
    sizes, roots = [], []
    for _ in range(3):
        made = (await host.order(project_id)).json()
        sizes.append(len(made["footprints"]))
        roots += [one["root"] for one in made["footprints"]]
    assert sizes == [500, 500, 103], "however far the balance is behind"
    assert sorted(roots) == sorted(one.event.root for one in footprints)
    assert (await host.order(project_id)).json()["code"] in {"nothing_left", "unavailable"}
    await host.stands(left=0, covered=1_103)


async def test_o2_guests_and_organiser_who_order_at_once_take_each_root_once(host: Host) -> None:
    world = host.world
    project_id, guest = await world.project(), await world.guest()
    footprints = await host.guests(60, grams=1_000)
    await host.status("closed")
    taking = [world.order(guest, project_id, claims=[one.claim]) for one in footprints[::3]]
    answers = await asyncio.gather(
        *taking[:10], host.order(project_id), *taking[10:], host.order(project_id), return_exceptions=True
    )
    made = [one.json() for one in answers if isinstance(one, httpx.Response) and one.status_code == 201]
    while (rest := await host.order(project_id)).status_code == 201:
        made.append(rest.json())
    roots = Counter(one["root"] for order in made for one in order["footprints"])
    assert set(roots) == {one.event.root for one in footprints}
    assert set(roots.values()) == {1}
    assert sum(order["mass_g"] for order in made) == 60_000
    await host.stands(left=0, covered=60)


async def test_an_organiser_touches_its_own_scenes_alone_and_names_itself(host: Host, issuer: Issuer) -> None:
    (footprint,) = await host.guests(1)
    address = f"/v1/balances/{host.scene_id}"
    strike = f"{address}/strikes/{footprint.event.footprint_id}"
    rest = {"project_id": new_id("prj"), "listing_version": 1, "mandate_version": "1", "beneficiary": NAMING}
    others = {
        issuer[0].token("x", "orders:organise", organiser_id="org_other"): "scene_not_yours",
        issuer[0].token("x", "orders:organise"): "forbidden",
        issuer[0].token("x", "orders:read", organiser_id=host.organiser_id): "insufficient_scope",
    }
    for token, code in others.items():
        stranger = await host.world.guest(
            **{"Authorization": f"Bearer {token}", "Idempotency-Key": secrets.token_hex(8)}
        )
        for answer in (
            await stranger.get(address),
            await stranger.get(f"{address}/footprints"),
            await stranger.put(strike, json={"reason": "no"}),
            await stranger.delete(strike),
            await stranger.post(f"{address}/orders", json=rest),
        ):
            assert (answer.status_code, answer.json()["code"]) == (403, code)
    unknown = await host.staff.get(f"/v1/balances/{new_id('scn')}")
    assert (unknown.status_code, unknown.json()["code"]) == (404, "scene_unknown")
    assert (await (await host.world.guest()).get(address)).status_code == 401


async def test_the_pages_of_a_balance_show_each_footprint_once(host: Host) -> None:
    footprints = await host.guests(7)
    seen: list[str] = []
    cursor = ""
    while True:
        page = (
            await host.staff.get(f"/v1/balances/{host.scene_id}/footprints", params={"limit": 3, "cursor": cursor})
        ).json()
        seen += [one["footprint_id"] for one in page["data"]]
        if not page["has_more"]:
            break
        cursor = page["next_cursor"]
    assert sorted(seen) == sorted(one.event.footprint_id for one in footprints)


async def test_who_counts_slowly_writes_nothing_older_than_what_is_there(host: Host) -> None:
    world = host.world
    store, guest, project_id = world.replica.store, await world.guest(), await world.project()
    (footprint,) = await host.guests(1)
    roots = [footprint.event.root]
    # A slow replica has read that an order covers the footprint; before it writes, another counts, and the order ends.
    before, members = await store.chains.chains(roots), await store.chains.members(roots)
    made = (await world.order(guest, project_id, claims=[footprint.claim])).json()
    covered = chain(members[roots[0]], (await store.chains.covering(roots))[roots[0]], None)
    await host.stands(covered=1)
    await guest.post(f"/v1/orders/{made['order_id']}/cancel", headers=shows(made))
    await host.stands(left=1)
    for seen in (before, {}):
        with pytest.raises(LostRace):
            await store.chains.record(seen, [covered])
    await host.stands(left=1, covered=0)
