"""No route of the calculator answers 500 for what is requested of it."""

from __future__ import annotations

import secrets
from collections.abc import AsyncIterator
from typing import Any

import httpx
import pytest
import pytest_asyncio

from services.calculator.api import ACCESS
from services.calculator.app import Settings, create_app
from shared.web.auth import CAPABILITY_HEADER
from shared.web.idempotency import id_of
from tests.component.edge_values import WRITTEN
from tests.component.edges import Sound, faults, request
from tests.component.test_calculator import SCENE, TYPED
from tests.conftest import Infra, client_of

CODE = f"E{secrets.token_hex(3).upper()}"
SCENE_ID, ORGANISER = id_of("scn", CODE), "org_demo"
KEY = {"Idempotency-Key": "a key that is long enough"}
ANSWERS = {
    "people": 2,
    "days": 3,
    "legs": [
        {"mode": "plane", "cabin": "economy", "origin": "PEK", "destination": "TFU", "trips": 2},
        {"mode": "plane", "km": 1200, "trips": 1},
        {"mode": "car", "km": 30.5, "occupants": 2, "fuel": "unknown", "country": "CN"},
        {"mode": "metro", "km": 20},
    ],
    "stays": [{"nights": 2, "guests": 2, "hotel_class": "4", "country": "CN"}],
    "meals": {"red_meat": 2, "vegetarian": 2},
}
WHOLE_SCENE = {**SCENE, "code": CODE, "time_zone": "Asia/Shanghai", "status": "open"}
# Of these the capability, or the address, follows from what the fixture has made.
FOOTPRINT = ("GET /v1/footprints/{footprint_id}", "GET /footprints/{footprint_id}")
FORMS = ("POST /s/{code}/preview", "POST /s/{code}/footprints", "POST /life/footprints", "POST /life/preview")
SOUND: dict[str, Sound] = {
    "GET /v1/scenes": Sound(),
    "GET /v1/scenes/{scene_id}": Sound(path={"scene_id": CODE}),
    "PUT /v1/scenes/{scene_id}": Sound(path={"scene_id": SCENE_ID}, json=WHOLE_SCENE, headers={"If-Match": "*"}),
    "POST /v1/scenes/{scene_id}/footprints": Sound(
        path={"scene_id": SCENE_ID}, headers=KEY, json={"answers": ANSWERS, "replaces": None}
    ),
    "GET /v1/airports": Sound(query={"q": "PEK"}),
    "POST /v1/footprints": Sound(
        headers=KEY, json={"scene": CODE, "country": "CN", "answers": ANSWERS, "replaces": None}
    ),
    "GET /": Sound(query={"q": ""}),
    "GET /S/{code}": Sound(path={"code": CODE}),
    "GET /s/{code}": Sound(path={"code": CODE}),
    "GET /s/{code}/qr.svg": Sound(path={"code": CODE}),
    "GET /s/{code}/qr.png": Sound(path={"code": CODE}),
    "GET /how": Sound(query={"lang": "en"}),
    "GET /privacy": Sound(),
    "GET /s/{code}/refine": Sound(path={"code": CODE}, query={"replaces": ""}),
    "GET /s/{code}/count": Sound(path={"code": CODE}),
    "GET /s/{code}/footprints": Sound(path={"code": CODE}),
    "GET /life": Sound(query={"replaces": ""}),
    "GET /life/footprints": Sound(),
}


@pytest_asyncio.fixture(scope="module")
async def calculator(infra: Infra, issuer: Any) -> AsyncIterator[httpx.AsyncClient]:
    settings = Settings(
        kafka_bootstrap_servers=infra.kafka,
        mongodb_url=infra.mongodb_url(f"calculator_{secrets.token_hex(4)}"),
        secret="s" * 32,
        replica=f"calculator-{secrets.token_hex(4)}",
        issuer=issuer[1],
        jwks_url=issuer[2],
        footprints_per_address_max=100_000,
    )
    async with client_of(create_app(settings)) as client:
        token = issuer[0].token("organiser", "scenes:write", organiser_id=ORGANISER)
        client.headers["Authorization"] = f"Bearer {token}"
        client.headers["X-Document"] = "/v1/calculator/openapi.json"
        assert (await client.put(f"/v1/scenes/{SCENE_ID}", json=WHOLE_SCENE)).status_code == 200
        yield client


def test_every_route_is_requested_here() -> None:
    assert {*SOUND, *FOOTPRINT, *FORMS} == set(ACCESS)


@pytest.mark.parametrize("line", SOUND)
async def test_no_edge_of_a_field_makes_a_500(calculator: httpx.AsyncClient, line: str) -> None:
    assert await faults(calculator, line, SOUND[line]) == []


async def test_no_edge_of_a_footprint_makes_a_500(calculator: httpx.AsyncClient) -> None:
    body = {"scene": CODE, "answers": ANSWERS}
    made = (await calculator.post("/v1/footprints", json=body, headers=KEY)).json()
    for line in FOOTPRINT:
        sound = Sound(path={"footprint_id": made["footprint_id"]}, headers={CAPABILITY_HEADER: made["capability"]})
        assert await faults(calculator, line, sound) == []
    change = Sound(
        headers={CAPABILITY_HEADER: made["capability"], "Idempotency-Key": "another key"},
        json={"scene": CODE, "answers": ANSWERS, "replaces": made["footprint_id"]},
    )
    assert await faults(calculator, "POST /v1/footprints", change) == []


@pytest.mark.parametrize("line", FORMS)
async def test_no_edge_of_a_form_makes_a_500(calculator: httpx.AsyncClient, line: str) -> None:
    form = {**TYPED, "country": "CN", "idempotency_key": "", "do": "show", "replaces": ""}
    path = {"code": CODE} if "{code}" in line else {}
    assert await faults(calculator, line, Sound(path=path, form=form)) == []
    found = []
    for name in ("legs-99999999999-mode", "legs--1-mode", "legs-x-km", "arrival", "km"):
        for text in WRITTEN:
            sent = request(line, Sound(path=path, form={**form, name: text}))
            answer = await calculator.request(sent.method, sent.url, headers=dict(sent.headers), content=sent.content)
            if answer.status_code >= 500:
                found.append(f"{name}={text[:40]!r}: {answer.status_code}")
    assert found == []
