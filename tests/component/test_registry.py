"""The registry as a process of its own would run: real Kafka, real MongoDB protocol, its HTTP side."""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

import httpx
import pytest_asyncio

from deploy.issuer import LocalIssuer
from services.registry.app import create_app
from shared.contracts.event import Event
from shared.contracts.orders import Claim, OffsetPurchased, OrderClosed, OrderPlaced
from shared.contracts.registry import CreditsHeld, CreditsRefused, CreditsRetired
from shared.web.idempotency import id_of
from tests.conftest import Infra, client_of, consumed, enveloped, until

LISTING = {
    "names": {"en": "Linpan groves (demo)"},
    "standard": "CDCER",
    "type": "forest_management",
    "owner_id": "own_groves",
    "place": "CN510100",
    "code": "0042",
    "unit_price_fen": 4800,
}
Publish = Callable[..., Awaitable[None]]


def new_id(kind: str) -> str:
    return id_of(kind, secrets.token_hex(8))


@pytest_asyncio.fixture(scope="module")
async def registry(infra: Infra, issuer: Any, request: Any) -> AsyncIterator[httpx.AsyncClient]:
    from shared.settings import Settings

    settings = Settings(
        kafka_bootstrap_servers=infra.kafka,
        mongodb_url=infra.mongodb_url(f"registry_{secrets.token_hex(4)}"),
        secret="s" * 32,
        replica="registry-test",
        issuer=issuer[1],
        jwks_url=issuer[2],
    )
    local: LocalIssuer = issuer[0]
    async with client_of(create_app(settings)) as client:
        client.headers["Authorization"] = f"Bearer {local.token('registrar', 'registry:write')}"
        yield client


async def listed(registry: httpx.AsyncClient, *, tonnes: int, **changes: Any) -> str:
    """List a project and issue one batch for it."""
    project_id = new_id("prj")
    content = {**LISTING, "code": secrets.token_hex(4).upper(), **changes}
    answer = await registry.post(f"/v1/projects/{project_id}/listings", json=content, headers={"If-Match": '"0"'})
    assert answer.status_code == 201, answer.text
    answer = await issue(registry, project_id, tonnes=tonnes)
    assert answer.status_code == 201, answer.text
    return project_id


async def issue(registry: httpx.AsyncClient, project_id: str, **changes: Any) -> httpx.Response:
    report = {
        "report": f"MR-1-{project_id}",
        "verifier": "Verifier (demo)",
        "verified_tonnes": 3000,
        "tonnes": 3000,
        "vintage": 2021,
    }
    return await registry.post(
        f"/v1/projects/{project_id}/batches",
        json={**report, **changes},
        headers={"Idempotency-Key": secrets.token_hex(8)},
    )


def placed(project_id: str, grams: int, *, version: int = 1) -> OrderPlaced:
    return OrderPlaced(order_id=new_id("ord"), project_id=project_id, grams=grams, listing_version=version)


def purchased(order: OrderPlaced) -> OffsetPurchased:
    claim = Claim(
        beneficiary_id=new_id("ben"),
        beneficiary_kind="person",
        name_sequence=1,
        scene_id=None,
        footprints=(),
        jurisdiction="CN",
        mandate_version="1",
    )
    return OffsetPurchased(
        order_id=order.order_id,
        project_id=order.project_id,
        owner_id="own_groves",
        unit_price_fen=4800,
        listing_version=1,
        grams=order.grams,
        subtotal_fen=1,
        fee_fen=200,
        total_fen=201,
        currency="CNY",
        payment_id=new_id("pay"),
        order_hash="0" * 64,
        claim=claim,
    )


async def answers(infra: Infra, orders: list[OrderPlaced], *, count: int) -> list[Event]:
    """Wait for that many answers to the orders and return them."""
    ids = {order.order_id for order in orders}

    async def all_there() -> list[Event] | None:
        found = await consumed(infra, CreditsHeld, CreditsRefused, CreditsRetired)
        mine = [envelope.data for envelope in found if envelope.subject in ids]
        return mine if len(mine) >= count else None

    return list(await until(all_there))


async def test_s1_a_report_gives_one_batch_and_never_more_than_it_verifies(registry: httpx.AsyncClient) -> None:
    project_id = await listed(registry, tonnes=3000)
    again = await issue(registry, project_id)
    more = await issue(registry, project_id, report="MR-2", tonnes=3501)
    shown = (await registry.get(f"/v1/projects/{project_id}")).json()
    assert again.status_code == 201
    assert [(batch["serial_start"], batch["serial_end"]) for batch in shown["batches"]] == [(1, 3000)]
    assert shown["available_g"] == 3_000_000_000
    assert more.status_code == 422
    assert more.json()["code"] == "exceeds_verified_amount"
    assert more.json()["errors"][0]["pointer"] == "/tonnes"


async def test_s2_exactly_all_can_be_held_and_posted_and_one_gram_over_is_refused(
    registry: httpx.AsyncClient, infra: Infra, publish: Publish
) -> None:
    project_id = await listed(registry, tonnes=1)
    over, all_of_it = placed(project_id, 1_000_001), placed(project_id, 1_000_000)
    await publish(enveloped(over))
    (refused,) = await answers(infra, [over], count=1)
    await publish(enveloped(all_of_it))
    await answers(infra, [all_of_it], count=1)
    await publish(enveloped(purchased(all_of_it), sequence=2))
    answered = await answers(infra, [all_of_it], count=2)
    assert isinstance(refused, CreditsRefused)
    assert (refused.reason, refused.available_grams) == ("insufficient_stock", 1_000_000)
    (retired,) = [event for event in answered if isinstance(event, CreditsRetired)]
    assert [(part.from_gram, part.to_gram) for part in retired.allocations] == [(0, 1_000_000)]


async def test_s4_a_range_across_two_tonnes_names_both_serials_and_the_rest_is_public(
    registry: httpx.AsyncClient, infra: Infra, publish: Publish
) -> None:
    project_id = await listed(registry, tonnes=3)
    orders = [placed(project_id, grams) for grams in (200_000, 200_000, 200_000, 200_000, 150_000, 90_000)]
    for order in orders:
        await publish(enveloped(order))
        await answers(infra, [order], count=1)
        await publish(enveloped(purchased(order), sequence=2))
        await answers(infra, [order], count=2)
    by_order = (await registry.get(f"/v1/order-retirements/{orders[-1].order_id}")).json()
    (part,) = by_order["data"][0]["allocations"]

    async def counted() -> Any:
        proof = (await registry.get("/v1/proof")).json()
        mine = [entry for entry in proof.get("data", ()) if entry["project_id"] == project_id]
        return mine and mine[0]["batches"] and mine[0]["batches"][0]["allocated"] == 1_040_000 and mine[0]

    proof = await until(counted)
    pages = [
        await registry.get(address)
        for address in (
            "/projects",
            f"/projects/{project_id}",
            f"/retirements/{part['first_serial']}",
            f"/retirements/{orders[-1].order_id}",
            "/proof",
        )
    ]
    prefix = part["first_serial"].rpartition("-")[0]
    never, range_page = [await registry.get(f"/retirements/{prefix}-{serials}") for serials in ("4", "1-2")]
    both, all_three = [(await registry.get(f"/v1/retirements/{prefix}-{serials}")).json() for serials in ("1-2", "1-3")]
    assert [page.status_code for page in pages] == [200] * 5
    assert "150,000" in pages[2].text
    assert "960,000" in pages[4].text or "0.96" in pages[4].text
    assert (never.status_code, range_page.status_code) == (404, 404)
    assert [(len(found["data"]), found["retired"]) for found in (both, all_three)] == [(6, True), (6, False)]
    assert part["first_serial"].endswith("-1")
    assert part["last_serial"].endswith("-2")
    assert proof["wrong"] is None
    assert (proof["batches"][0]["retired_tonnes"], proof["batches"][0]["unclaimed_grams"]) == (2, 960_000)


async def test_s5_a_price_that_moved_refuses_the_hold_and_names_the_new_one(
    registry: httpx.AsyncClient, infra: Infra, publish: Publish
) -> None:
    project_id = await listed(registry, tonnes=1, code="PRICE")
    content = {**LISTING, "code": "PRICE", "unit_price_fen": 5000}
    stale = await registry.post(f"/v1/projects/{project_id}/listings", json=content, headers={"If-Match": '"7"'})
    changed = await registry.post(f"/v1/projects/{project_id}/listings", json=content, headers={"If-Match": '"1"'})
    order = placed(project_id, 5)
    await publish(enveloped(order))
    (refused,) = await answers(infra, [order], count=1)
    assert (stale.status_code, changed.status_code) == (412, 201)
    assert isinstance(refused, CreditsRefused)
    assert (refused.reason, refused.unit_price_fen, refused.listing_version) == ("price_changed", 5000, 2)


async def test_s3_parallel_orders_share_out_the_last_grams_exactly(
    registry: httpx.AsyncClient, infra: Infra, publish: Publish
) -> None:
    project_id = await listed(registry, tonnes=1)
    orders = [placed(project_id, 2_000) for _ in range(1_000)]
    await asyncio.gather(*(publish(enveloped(order)) for order in orders))
    found = await answers(infra, orders, count=1_000)
    held = [event for event in found if isinstance(event, CreditsHeld)]
    refused = [event for event in found if isinstance(event, CreditsRefused)]
    assert (len(held), len(refused)) == (500, 500)
    assert {event.reason for event in refused} == {"insufficient_stock"}


async def test_a_closed_order_gives_its_grams_back_and_is_refused_when_it_pays_too_late(
    registry: httpx.AsyncClient, infra: Infra, publish: Publish
) -> None:
    project_id = await listed(registry, tonnes=1)
    order = placed(project_id, 400_000)
    closed = OrderClosed(order_id=order.order_id, project_id=project_id, why="expired")
    await publish(enveloped(order))
    await answers(infra, [order], count=1)
    await publish(enveloped(closed, sequence=2), enveloped(closed, sequence=2))

    async def given_back() -> bool:
        return bool((await registry.get(f"/v1/projects/{project_id}")).json()["available_g"] == 1_000_000)

    await until(given_back)
    await publish(enveloped(purchased(order), sequence=3))
    found = await answers(infra, [order], count=2)
    (refused,) = [event for event in found if isinstance(event, CreditsRefused)]
    assert (refused.phase, refused.reason) == ("post", "hold_released")


async def test_a_registrar_needs_the_scope(registry: httpx.AsyncClient, issuer: Any) -> None:
    project_id = new_id("prj")
    address = f"/v1/projects/{project_id}/listings"
    nobody = await registry.post(address, json=LISTING, headers={"If-Match": '"0"', "Authorization": ""})
    reader = await registry.post(
        address,
        json=LISTING,
        headers={"If-Match": '"0"', "Authorization": f"Bearer {issuer[0].token('x', 'orders:read')}"},
    )
    assert (nobody.status_code, reader.status_code) == (401, 403)
