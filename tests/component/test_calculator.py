"""The calculator as a process of its own would run: real Kafka, real MongoDB protocol, its HTTP side and its pages."""

from __future__ import annotations

import asyncio
import contextlib
import secrets
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

import httpx
import pytest
import pytest_asyncio

from services.calculator.app import Settings, create_app
from shared.contracts.calculator import FootprintCalculated, ScenePublished
from shared.contracts.certificates import CertificateIssued, CertificateRevoked
from shared.contracts.event import Envelope, Event
from shared.web.auth import hash_of
from shared.web.idempotency import id_of
from tests import offsets
from tests.conftest import Infra, client_of, consumed, enveloped, until

CODE = f"T{secrets.token_hex(3).upper()}"
SCENE = {
    "code": CODE,
    "names": {"en": "Chengdu Green Finance Forum 2026 (demo)"},
    "kind": "conference",
    "country": "CN",
    "city": "CN-SC Chengdu",
    "airports": ["TFU", "CTU"],
    "place": "Jinjiang Conference Hall 3, Chengdu",
    "host": "Jinjiang Green Finance Society (demo)",
    "starts_on": "2026-11-26",
    "ends_on": "2026-11-27",
    "organiser_id": "org_demo",
}
SCENE_ID = id_of("scn", CODE)
ANSWERS = {
    "legs": [{"mode": "plane", "origin": "PEK", "destination": "TFU", "trips": 2}, {"mode": "metro", "km": 20}],
    "stays": [{"nights": 2, "guests": 2, "hotel_class": "4"}],
    "meals": {"red_meat": 2, "vegetarian": 2},
}
TYPED = {
    "form": "refined",
    "legs-0-mode": "plane",
    "legs-0-cabin": "economy",
    "legs-0-origin": "PEK",
    "legs-0-destination": "TFU",
    "legs-0-back": "yes",
    "legs-1-mode": "metro",
    "legs-1-km": "20",
    "stay": "hotel",
    "nights": "2",
    "hotel_class": "4",
    "guests_per_room": "2",
    "meals_red_meat": "2",
    "meals_vegetarian": "2",
}


@contextlib.asynccontextmanager
async def running(infra: Infra, issuer: Any) -> AsyncIterator[httpx.AsyncClient]:
    """A calculator that knows an open scene and a closed one."""
    settings = Settings(
        kafka_bootstrap_servers=infra.kafka,
        mongodb_url=infra.mongodb_url(f"calculator_{secrets.token_hex(4)}"),
        secret="s" * 32,
        replica="calculator-test",
        issuer=issuer[1],
        jwks_url=issuer[2],
    )
    async with client_of(create_app(settings)) as client:
        staff = {"Authorization": f"Bearer {issuer[0].token('organiser', 'scenes:write')}"}
        answer = await client.put(f"/v1/scenes/{SCENE_ID}", json=SCENE, headers=staff)
        assert answer.status_code == 200, answer.text
        closed = {**SCENE, "code": f"{CODE}C", "status": "closed"}
        await client.put(f"/v1/scenes/{id_of('scn', CODE, 'closed')}", json=closed, headers=staff)
        client.staff = staff  # type: ignore[attr-defined]
        yield client


@pytest_asyncio.fixture(scope="module")
async def calculator(infra: Infra, issuer: Any) -> AsyncIterator[httpx.AsyncClient]:
    async with running(infra, issuer) as client:
        yield client


async def counted(calculator: httpx.AsyncClient, **changes: Any) -> httpx.Response:
    headers = {"Idempotency-Key": changes.pop("key", secrets.token_hex(16)), **changes.pop("headers", {})}
    return await calculator.post("/v1/footprints", json={"scene": CODE, "answers": ANSWERS, **changes}, headers=headers)


async def test_s22_the_worked_example_comes_back_line_by_line_and_is_published(
    calculator: httpx.AsyncClient, infra: Infra
) -> None:
    answer = (await counted(calculator)).json()
    shown = await calculator.get(
        f"/v1/footprints/{answer['footprint_id']}", headers={"Diandian-Capability": answer["capability"]}
    )
    lines = shown.json()["lines"]
    assert answer["mass_g"] == 533_014
    assert sum(line["mass_g"] for line in lines) == 533_014
    assert all(part["factors"][0]["source"] for line in lines for part in line["parts"])

    async def in_kafka() -> Any:
        found = await consumed(infra, FootprintCalculated)
        return list({event.id: event for event in found if event.subject == answer["footprint_id"]}.values())

    (event,) = await until(in_kafka)
    assert (event.data.grams, event.data.root, event.data.jurisdiction) == (533_014, event.subject, "CN-SC Chengdu")
    assert event.data.claim_hash == hash_of("fp", event.subject, answer["capability"])
    assert event.cause_id.startswith("req_")


async def test_two_same_requests_make_one_footprint_and_other_answers_are_refused(
    calculator: httpx.AsyncClient,
) -> None:
    key = secrets.token_hex(16)
    first, second = await asyncio.gather(counted(calculator, key=key), counted(calculator, key=key))
    other = await counted(calculator, key=key, answers={"meals": {"vegan": 1}})
    without = await calculator.post("/v1/footprints", json={"scene": CODE, "answers": ANSWERS})
    assert first.json() == second.json()
    assert (other.status_code, other.json()["code"]) == (422, "idempotency_key_reused")
    assert (without.status_code, without.json()["code"]) == (400, "idempotency_key_missing")


async def test_a_footprint_is_shown_to_whoever_has_its_capability_only(calculator: httpx.AsyncClient) -> None:
    made = (await counted(calculator)).json()
    address = f"/v1/footprints/{made['footprint_id']}"
    nobody = await calculator.get(address)
    wrong = await calculator.get(address, headers={"Diandian-Capability": "0" * 26})
    assert (nobody.status_code, wrong.status_code) == (401, 403)
    assert nobody.json()["request_id"].startswith("req_")


async def test_a_changed_answer_replaces_once_and_keeps_the_token_and_the_root(calculator: httpx.AsyncClient) -> None:
    made = (await counted(calculator)).json()
    mine = {"Diandian-Capability": made["capability"]}
    change = {"answers": {"meals": {"vegan": 3}}, "replaces": made["footprint_id"]}
    stranger = await counted(calculator, **change)
    key = secrets.token_hex(16)
    new = (await counted(calculator, key=key, headers=mine, **change)).json()
    again = (await counted(calculator, key=key, headers=mine, **change)).json()
    second = await counted(calculator, headers=mine, **change)
    assert stranger.status_code == 401
    assert new == again
    assert (new["root"], new["capability"]) == (made["footprint_id"], made["capability"])
    assert (second.status_code, second.json()["code"]) == (409, "already_replaced")


async def test_footprints_count_only_from_open_scenes_and_the_refusal_names_the_state(
    calculator: httpx.AsyncClient,
) -> None:
    closed = await counted(calculator, scene=f"{CODE}C")
    unknown = await counted(calculator, scene="NOWHERE")
    assert (closed.status_code, closed.json()["code"]) == (409, "scene_not_open")
    assert "closed" in closed.json()["detail"]
    assert unknown.status_code == 404


@pytest.mark.parametrize(
    ("answers", "pointer"),
    [
        ({"legs": [{"mode": "car", "km": 10**7}]}, "/answers/legs/0/km"),
        ({"legs": [{"mode": "car", "km": 1}, {"mode": "car", "km": -1}]}, "/answers/legs/1/km"),
        ({"legs": [{"mode": "car", "km": "12abc"}]}, "/answers/legs/0/km"),
        ({"legs": [{"mode": "car", "km": 1, "car": {"km": 1}}]}, "/answers/legs/0/car"),
        ({"legs": [{"mode": "car", "km": 1, "km/h~": 2}]}, "/answers/legs/0/km~1h~0"),
        ({"legs": [{"mode": "car"}]}, "/answers/legs/0/km"),
        ({"legs": [{"mode": "plane"}]}, "/answers/legs/0/km"),
        ({"legs": [{"mode": "plane", "origin": "PEK", "destination": "PEK"}]}, "/answers/legs/0/destination"),
        ({"legs": [{"mode": "plane", "origin": "PEK", "destination": "ZZZ"}]}, "/answers/legs/0/destination"),
        ({"legs": [{"mode": "car", "km": 1}] * 51}, "/answers/legs"),
        ({"legs": [{"mode": "jet", "km": 1}]}, "/answers/legs/0/mode"),
        ({"legs": [{"km": 1}]}, "/answers/legs/0/mode"),
        ({"stays": [{"nights": 1, "hotel_class": "6"}]}, "/answers/stays/0/hotel_class"),
        ({"meals": {"vegan": 7}}, "/answers/meals"),
        ({"meals": {"vegan": "x"}}, "/answers/meals/vegan"),
        ({"wings": 2}, "/answers/wings"),
        ("none", "/answers"),
    ],
)
async def test_s21_what_cannot_be_is_refused_with_the_field_named(
    calculator: httpx.AsyncClient, answers: Any, pointer: str
) -> None:
    refused = await counted(calculator, answers=answers)
    assert refused.status_code == 422
    assert [(error["in"], error["pointer"]) for error in refused.json()["errors"]] == [("body", pointer)], refused.text


@pytest.mark.parametrize("number", ["1e309", "NaN", "-Infinity"])
async def test_s21_numbers_that_are_none_are_refused(calculator: httpx.AsyncClient, number: str) -> None:
    body = f'{{"scene": "{CODE}", "answers": {{"legs": [{{"mode": "car", "km": {number}}}]}}}}'
    headers = {"Idempotency-Key": secrets.token_hex(8), "Content-Type": "application/json"}
    refused = await calculator.post("/v1/footprints", content=body, headers=headers)
    assert refused.status_code == 422, refused.text


async def test_s21_ten_megabytes_are_refused_before_any_work(calculator: httpx.AsyncClient) -> None:
    headers = {"Idempotency-Key": secrets.token_hex(8), "Content-Type": "application/json"}
    refused = await calculator.post("/v1/footprints", content=b" " * 10_000_000, headers=headers)
    assert (refused.status_code, refused.json()["code"]) == (413, "too_large")


async def test_a_scene_put_again_publishes_nothing_and_a_change_the_next_sequence(
    calculator: httpx.AsyncClient, infra: Infra
) -> None:
    code = f"{CODE}P"
    scene_id = id_of("scn", code)
    for name in ("One (demo)", "One (demo)", "Two (demo)"):
        scene = {**SCENE, "code": code, "names": {"en": name}}
        headers = calculator.staff | ({"If-Match": '"1"'} if name.startswith("Two") else {})  # type: ignore[attr-defined]
        answer = await calculator.put(f"/v1/scenes/{scene_id}", json=scene, headers=headers)
        assert answer.status_code == 200

    async def published_twice() -> Any:
        mine = [event for event in await consumed(infra, ScenePublished) if event.subject == scene_id]
        return mine if len(mine) >= 2 else None

    events = await until(published_twice)
    assert [(event.sequence, event.data.names["en"]) for event in events] == [(1, "One (demo)"), (2, "Two (demo)")]


async def test_a_certificate_shows_a_footprint_as_neutralised_and_a_revocation_takes_it_back_in_any_order(
    calculator: httpx.AsyncClient, publish: Callable[..., Awaitable[None]], infra: Infra
) -> None:
    async def publish_and_wait(envelope: Envelope[Event]) -> None:
        await publish(envelope)
        async with offsets.opened(infra.kafka) as log:
            await until(lambda: log.is_read_by("calculator"))

    first, second = (await counted(calculator)).json(), (await counted(calculator)).json()
    for made, in_order in ((first, True), (second, False)):
        issued = CertificateIssued(
            certificate_id=id_of("cert", made["footprint_id"]),
            number="DD-1",
            order_id=id_of("ord", "x"),
            beneficiary_id=id_of("ben", "x"),
            beneficiary_kind="person",
            scene_id=SCENE_ID,
            project_id=id_of("prj", "x"),
            footprint_ids=(made["footprint_id"],),
            grams=made["mass_g"],
            issued_at="2026-11-26T06:00:00Z",
        )
        revoked = CertificateRevoked(
            certificate_id=issued.certificate_id,
            number="DD-1",
            order_id=issued.order_id,
            beneficiary_id=issued.beneficiary_id,
            reason="issued_in_error",
            revoked_at="2026-11-27T06:00:00Z",
        )
        if in_order:
            await publish_and_wait(enveloped(issued))
            assert await _covered(calculator, made)
            await publish_and_wait(enveloped(revoked, sequence=2))
        else:
            await publish_and_wait(enveloped(revoked, sequence=2))
            await publish_and_wait(enveloped(issued))
        assert not await _covered(calculator, made)


async def _covered(calculator: httpx.AsyncClient, made: dict[str, Any]) -> bool:
    return (await _shown(calculator, made))["certificate_id"] is not None


async def _shown(calculator: httpx.AsyncClient, made: dict[str, Any]) -> dict[str, Any]:
    headers = {"Diandian-Capability": made["capability"]}
    found: dict[str, Any] = (await calculator.get(f"/v1/footprints/{made['footprint_id']}", headers=headers)).json()
    return found


async def test_s21_a_body_that_does_not_say_its_length_is_not_read(calculator: httpx.AsyncClient) -> None:
    async def without_end() -> AsyncIterator[bytes]:
        for _ in range(100):
            yield b" " * 100_000

    headers = {"Idempotency-Key": secrets.token_hex(8), "Content-Type": "application/json"}
    refused = await calculator.post("/v1/footprints", content=without_end(), headers=headers)
    assert (refused.status_code, refused.json()["code"]) == (411, "length_required")
