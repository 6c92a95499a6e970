"""No route of the registry answers 500 for what is requested of it."""

from __future__ import annotations

import secrets
from collections.abc import AsyncIterator
from typing import Any

import httpx
import pytest
import pytest_asyncio

from services.registry.api import ACCESS
from services.registry.app import create_app
from shared.settings import Settings
from shared.web.idempotency import id_of
from tests.component.edge_values import INTEGERS
from tests.component.edges import Sound, faults
from tests.component.test_registry import LISTING
from tests.conftest import Infra, client_of

PROJECT, CODE = id_of("prj", secrets.token_hex(8)), secrets.token_hex(4).upper()
REPORT = {
    "report": f"MR {CODE}",
    "verifier": "Verifier (demo)",
    "verified_tonnes": 5_000,
    "tonnes": 10,
    "vintage": 2021,
    "serial_start": 1,
    "external_serial": f"EXT {CODE}",
}
BATCH = id_of("bat", CODE)
KEY = {"Idempotency-Key": "a key that is long enough"}
SOUND: dict[str, Sound] = {
    "GET /v1/projects": Sound(),
    "GET /v1/projects/{project_id}": Sound(path={"project_id": PROJECT}),
    "GET /v1/projects/{project_id}/pages": Sound(path={"project_id": PROJECT}),
    "POST /v1/projects/{project_id}/listings": Sound(
        path={"project_id": PROJECT},
        headers={"If-Match": '"0"'},
        json={**LISTING, "code": CODE, "summary": {"en": "Trees (demo)"}, "currency": "CNY", "status": "listed"},
    ),
    "POST /v1/projects/{project_id}/batches": Sound(path={"project_id": PROJECT}, headers=KEY, json=REPORT),
    "GET /v1/proof": Sound(),
    "POST /v1/proof/recounts": Sound(),
    "GET /projects": Sound(),
    "GET /projects/{project_id}": Sound(path={"project_id": PROJECT}),
    "GET /proof": Sound(),
}


@pytest_asyncio.fixture(scope="module")
async def registry(infra: Infra, issuer: Any) -> AsyncIterator[httpx.AsyncClient]:
    settings = Settings(
        kafka_bootstrap_servers=infra.kafka,
        mongodb_url=infra.mongodb_url(f"registry_{secrets.token_hex(4)}"),
        secret="s" * 32,
        replica=f"registry-{secrets.token_hex(4)}",
        issuer=issuer[1],
        jwks_url=issuer[2],
    )
    async with client_of(create_app(settings)) as client:
        client.headers["Authorization"] = f"Bearer {issuer[0].token('registrar', 'registry:write')}"
        client.headers["X-Document"] = "/v1/registry/openapi.json"
        for line in ("POST /v1/projects/{project_id}/listings", "POST /v1/projects/{project_id}/batches"):
            sound = SOUND[line]
            answer = await client.post(line.split()[1].format(**sound.path), json=sound.json, headers=sound.headers)
            assert answer.status_code == 201, answer.text
        client.batch = answer.json()  # type: ignore[attr-defined]
        yield client


def test_every_route_is_requested_here_or_below() -> None:
    assert set(SOUND) | set(OF_WHAT_IS_THERE) == set(ACCESS)


@pytest.mark.parametrize("line", SOUND)
async def test_no_edge_of_a_field_makes_a_500(registry: httpx.AsyncClient, line: str) -> None:
    assert await faults(registry, line, SOUND[line]) == []


# What these are about is made by the fixture.
OF_WHAT_IS_THERE = (
    "POST /v1/projects/{project_id}/cancellations",
    "GET /v1/retirements/{serial}",
    "GET /v1/order-retirements/{order_id}",
    "GET /retirements/{about}",
)


async def test_no_edge_of_a_cancellation_makes_a_500(registry: httpx.AsyncClient) -> None:
    batch_id = registry.batch["batch_id"]  # type: ignore[attr-defined]
    sound = Sound(
        path={"project_id": PROJECT}, headers=KEY, json={"batch_id": batch_id, "tonnes": 1, "reason": "buffer"}
    )
    assert await faults(registry, OF_WHAT_IS_THERE[0], sound) == []


async def test_no_edge_of_a_serial_makes_a_500(registry: httpx.AsyncClient) -> None:
    serial = f"{registry.batch['prefix']}-1"  # type: ignore[attr-defined]
    for line in ("GET /v1/retirements/{serial}", "GET /retirements/{about}"):
        name = line.rpartition("{")[2][:-1]
        sound = Sound(path={name: serial}, query={"cursor": "MA", **({"limit": 1} if "/v1/" in line else {})})
        assert await faults(registry, line, sound) == []
    prefix = registry.batch["prefix"]  # type: ignore[attr-defined]
    for first in INTEGERS[1:]:
        for text in (f"{prefix}-{first}", f"{prefix}-1-{first}", f"{prefix[:-2]}{first}-1"):
            answer = await registry.get(f"/v1/retirements/{text}")
            assert answer.status_code in {200, 404}, text


@pytest.mark.parametrize("order_id", ["x" * 20_000, "%00", "ord_" + "0" * 26, "-1", str(10**30), "%ED%A0%80"])
async def test_no_order_id_makes_a_500(registry: httpx.AsyncClient, order_id: str) -> None:
    for address in ("/v1/order-retirements/", "/retirements/ord_"):
        assert (await registry.get(address + order_id)).status_code in {404, 422}
