"""No route of orders answers 500 for what is requested of it."""

# ruff: noqa: F811 -- a test asks for its fixtures by their names

from __future__ import annotations

from typing import Any

import httpx

from services.orders.api import ACCESS
from services.orders.domain.beneficiary.beneficiary import MANDATE_VERSION
from shared.web.auth import CAPABILITY_HEADER
from tests.component.edges import Sound, faults
from tests.component.orders_world import (  # noqa: F401 -- the fixtures are used by name
    GRAMS,
    Issuer,
    World,
    running,
    shows,
    world,
)
from tests.component.test_orders_balance import NAMING, Host, host  # noqa: F401 -- likewise

KEY = {"Idempotency-Key": "a key that is long enough"}
SCOPES = ("orders:read", "orders:settle", "orders:organise")


def of_orders(order: dict[str, Any], project_id: str, footprint_id: str) -> dict[str, Sound]:
    """Return requests about an order that is held, and for other ones."""
    path, shown = {"order_id": order["order_id"]}, shows(order)
    body = {"project_id": project_id, "listing_version": 1, "mandate_version": MANDATE_VERSION}
    notice = {"payment_id": f"pay_{'0' * 26}", "outcome": "paid", "amount_fen": 1, "currency": "CNY", "reference": "r"}
    return {
        "POST /v1/quotes": Sound(json={"footprint_ids": [footprint_id], "mass_g": None, "money_fen": None}),
        "POST /v1/orders": Sound(
            headers=KEY,
            json={
                **body,
                "mass_g": GRAMS,
                "claims": [],
                "country": "CN",
                "beneficiary": {"kind": "person", "name": "Li"},
            },
        ),
        "GET /v1/orders": Sound(query={"limit": 1}),
        "GET /v1/payables": Sound(),
        "GET /v1/orders/{order_id}": Sound(path=path, headers=shown),
        # What it answers about an order that there is has no end as long as that has none.
        "GET /v1/orders/{order_id}/events": Sound(path={"order_id": f"ord_{'0' * 26}"}, headers=shown, status=403),
        "POST /v1/orders/{order_id}/payments": Sound(path=path, headers={**shown, **KEY}, json={"method": "sandbox"}),
        "POST /v1/orders/{order_id}/payments/{payment_id}/settle": Sound(
            path={**path, "payment_id": f"pay_{'0' * 26}"}, headers=KEY, json={"reference": "by hand"}, status=404
        ),
        "POST /v1/payments/notices/sandbox": Sound(
            headers={"Sandbox-Signature": "forged"}, json={**notice, "decided_at": "2024-02-29T00:00:00Z"}, status=401
        ),
        "GET /orders/new": Sound(query={"mass_g": 1}),
        "POST /orders": Sound(
            form={
                "idempotency_key": "",
                "footprint": "",
                "mass_g": "1000",
                "offer": f"{project_id}:1",
                "name_kind": "own",
                "name": "Li",
                "mandate": "yes",
            },
        ),
        "GET /orders/{order_id}": Sound(path=path, headers=shown),
        "POST /orders/{order_id}/payments": Sound(
            path=path, headers=shown, form={"idempotency_key": "", "method": "sandbox"}, status=409
        ),
        # Nothing is the same afterwards.
        "POST /v1/orders/{order_id}/cancel": Sound(path=path, headers=shown),
        "POST /orders/{order_id}/cancel": Sound(path=path, headers=shown),
    }


def of_profiles(order: dict[str, Any]) -> dict[str, Sound]:
    """Return requests about the profile that came with an order."""
    path, shown = {"beneficiary_id": order["beneficiary_id"]}, {CAPABILITY_HEADER: order["profile_capability"]}
    return {
        "PATCH /v1/beneficiaries/{beneficiary_id}": Sound(
            path=path, headers=shown, json={"name": "Lin Yue", "board": "alias"}
        ),
        "GET /orders/profiles/{beneficiary_id}": Sound(path=path, headers=shown, query={"saved": "1"}),
        "POST /orders/profiles/{beneficiary_id}": Sound(path=path, headers=shown, form={"do": "hidden"}),
        "DELETE /v1/beneficiaries/{beneficiary_id}": Sound(path=path, headers=shown),
    }


def of_balances(scene_id: str, footprint_id: str, project_id: str) -> dict[str, Sound]:
    """Return requests of the organiser of a closed scene."""
    path = {"scene_id": scene_id}
    body = {"project_id": project_id, "listing_version": 1, "mandate_version": MANDATE_VERSION}
    strike = {**path, "footprint_id": footprint_id}
    return {
        "GET /v1/balances/{scene_id}": Sound(path=path),
        "GET /v1/balances/{scene_id}/footprints": Sound(path=path, query={"limit": 1}),
        "PUT /v1/balances/{scene_id}/strikes/{footprint_id}": Sound(path=strike, json={"reason": "a joke"}),
        "GET /v1/balances/{scene_id}/strikes/{footprint_id}": Sound(path=strike),
        "DELETE /v1/balances/{scene_id}/strikes/{footprint_id}": Sound(path=strike),
        "POST /v1/balances/{scene_id}/orders": Sound(path=path, headers=KEY, json={**body, "beneficiary": NAMING}),
        # Whom an order has named.
        "PATCH /v1/organiser/beneficiary": Sound(json={**NAMING, "board": "named"}),
    }


def test_every_route_is_requested_here() -> None:
    order = {"order_id": "", "capability": "", "beneficiary_id": "", "profile_capability": ""}
    lines = {*of_orders(order, "", ""), *of_profiles(order), *of_balances("", "", "")}
    assert lines == set(ACCESS)


async def _faults(client: httpx.AsyncClient, requests: dict[str, Sound]) -> list[str]:
    client.headers["X-Document"] = "/v1/orders/openapi.json"
    return [fault for line, sound in requests.items() for fault in await faults(client, line, sound)]


async def test_no_edge_of_an_order_makes_a_500(world: World, issuer: Issuer) -> None:
    token = issuer[0].token("back-office", *SCOPES)
    guest = await world.guest(Authorization=f"Bearer {token}")
    project_id, footprint = await world.project(), await world.known_footprint()
    order = await world.held_order(guest, project_id)
    requests = of_orders(order, project_id, footprint.event.footprint_id)
    assert await _faults(guest, requests) == []


async def test_no_edge_of_a_profile_makes_a_500(world: World) -> None:
    guest = await world.guest()
    order = (await world.order(guest, await world.project())).json()
    assert await _faults(guest, of_profiles(order)) == []


async def test_no_edge_of_a_balance_makes_a_500(host: Host) -> None:
    project_id, (footprint,) = await host.world.project(), await host.guests(1)
    await host.status("closed")
    requests = of_balances(host.scene_id, footprint.event.footprint_id, project_id)
    assert await _faults(host.staff, requests) == []
