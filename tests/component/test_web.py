"""What every service's HTTP side does the same: shown on calculator, the smallest that has all of it."""

from __future__ import annotations

import secrets
from collections.abc import AsyncIterator, Callable
from typing import Any

import httpx
import pytest
import pytest_asyncio

from deploy.issuer import LocalIssuer
from services.calculator.app import Settings, create_app
from shared.contracts.topics import Topic
from shared.messaging import broker
from shared.web import start
from shared.web.idempotency import id_of
from tests.component.test_calculator import ANSWERS, SCENE
from tests.conftest import Infra, client_of


@pytest_asyncio.fixture(scope="module")
async def calculator(infra: Any, issuer: Any) -> AsyncIterator[tuple[httpx.AsyncClient, str]]:
    settings = Settings(
        kafka_bootstrap_servers=infra.kafka,
        mongodb_url=infra.mongodb_url(f"web_{secrets.token_hex(4)}"),
        secret="s" * 32,
        replica="calculator-test",
        issuer=issuer[1],
        jwks_url=issuer[2],
    )
    code = f"W{secrets.token_hex(3).upper()}"
    async with client_of(create_app(settings)) as client:
        staff = {"Authorization": f"Bearer {issuer[0].token('organiser', 'scenes:write')}"}
        put = await client.put(f"/v1/scenes/{id_of('scn', code)}", json={**SCENE, "code": code}, headers=staff)
        assert put.status_code == 200, put.text
        yield client, code


async def counted(client: httpx.AsyncClient, code: str) -> dict[str, Any]:
    headers = {"Idempotency-Key": secrets.token_hex(16)}
    made = await client.post("/v1/footprints", json={"scene": code, "answers": ANSWERS}, headers=headers)
    return dict(made.json())


async def test_a_token_in_a_link_becomes_a_cookie_and_the_address_loses_it(
    calculator: tuple[httpx.AsyncClient, str],
) -> None:
    client, code = calculator
    made = await counted(client, code)
    link = f"/footprints/{made['footprint_id']}?t={made['capability']}&from=poster"
    first = await client.get(link)
    then = await client.get(first.headers["location"])
    assert (first.status_code, first.headers["location"]) == (303, f"/footprints/{made['footprint_id']}?from=poster")
    assert first.headers["set-cookie"].startswith(f"{made['footprint_id']}=")
    assert "HttpOnly" in first.headers["set-cookie"]
    assert first.headers["referrer-policy"] == "no-referrer"
    assert then.status_code == 200


async def test_a_wrong_token_in_a_link_does_not_take_the_place_of_the_right_one(
    calculator: tuple[httpx.AsyncClient, str],
) -> None:
    client, code = calculator
    made = await counted(client, code)
    await client.get(f"/footprints/{made['footprint_id']}?t={made['capability']}")
    wrong = await client.get(f"/footprints/{made['footprint_id']}?t={'0' * 26}")
    still = await client.get(f"/footprints/{made['footprint_id']}")
    assert wrong.status_code == 403
    assert "set-cookie" not in wrong.headers
    assert still.status_code == 200


async def test_a_key_that_the_issuer_has_just_made_is_fetched(
    calculator: tuple[httpx.AsyncClient, str], issuer: Any, tmp_path: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    client, _ = calculator
    new = LocalIssuer(tmp_path, issuer=issuer[1])
    old = issuer[0]._folder / "jwks.json"
    before = old.read_text()
    old.write_text((tmp_path / "jwks.json").read_text())
    try:
        headers = {"Authorization": f"Bearer {new.token('organiser', 'scenes:write')}"}
        answer = await client.put(f"/v1/scenes/{id_of('scn', 'k')}", json={**SCENE, "code": "KEYS"}, headers=headers)
        unsigned = await client.put(
            f"/v1/scenes/{id_of('scn', 'k')}", json=SCENE, headers={"Authorization": "Bearer x"}
        )
    finally:
        old.write_text(before)
    assert answer.status_code == 200, answer.text
    assert unsigned.status_code == 401


async def test_before_the_database_has_answered_nothing_is_decided(
    settings: Callable[..., Settings], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(start, "WAIT_SECONDS", 0.2)
    nowhere = Infra("", "mongodb://127.0.0.1:9").mongodb_url("calculator") + "&serverSelectionTimeoutMS=200"
    away = settings("calculator", kind=Settings, mongodb_url=nowhere)
    app = create_app(away)
    async with app.router.lifespan_context(app):
        transport = httpx.ASGITransport(app, raise_app_exceptions=False)
        async with httpx.AsyncClient(transport=transport, base_url="http://diandian.test") as client:
            scenes, ready = await client.get("/v1/scenes"), await client.get("/health/ready")
            alive, page = await client.get("/health/live"), await client.get("/")
    assert (scenes.status_code, scenes.json()["code"]) == (503, "unavailable")
    assert scenes.headers["retry-after"]
    assert (ready.status_code, alive.status_code, page.status_code) == (503, 200, 503)


async def test_every_answer_carries_the_safe_headers(calculator: tuple[httpx.AsyncClient, str]) -> None:
    client, _ = calculator
    for address in ("/", "/v1/scenes", "/nowhere", "/static/site.css"):
        headers = (await client.get(address)).headers
        assert headers["content-security-policy"].startswith("default-src 'none'"), address
        assert headers["referrer-policy"] == "no-referrer"
        assert headers["x-content-type-options"] == "nosniff"
        assert headers["request-id"].startswith("req_")


HALF_A_PAIR = b'"\\ud800"'


@pytest.mark.parametrize(
    ("body", "status", "code", "pointers"),
    [
        (b'{"scene": ', 422, "invalid_request", [""]),
        (b'{"scene": "\xff"}', 400, "body_unreadable", []),
        (b'{"scene": "\xed\xa0\x80"}', 400, "body_unreadable", []),
        ('{"scene": "utf-16"}'.encode("utf-16"), 400, "body_unreadable", []),
        (b"[" * 100_000, 400, "body_unreadable", []),
        (b'{"answers": ' * 33 + b"1" + b"}" * 33, 400, "body_unreadable", []),
        (b'{"scene": ' + HALF_A_PAIR + b"}", 422, "invalid_request", ["/scene"]),
        (b'{"scene": "a\\u0000b"}', 422, "invalid_request", ["/scene"]),
        (b"{" + HALF_A_PAIR + b": 1}", 422, "invalid_request", [""]),
        (b'{"answers": {"a/b": [1, 9007199254740992]}}', 422, "invalid_request", ["/answers/a~1b/1"]),
        (b'{"answers": {"km": -' + b"9" * 5_000 + b"}}", 422, "invalid_request", ["/answers/km"]),
        (b'{"answers": {"km": 1e999}}', 422, "invalid_request", ["/answers/km"]),
        (b'{"answers": {"km": NaN}}', 422, "invalid_request", ["/answers/km"]),
    ],
)
async def test_a_body_that_no_json_may_be_is_refused_and_the_connection_goes_on(
    calculator: tuple[httpx.AsyncClient, str], body: bytes, status: int, code: str, pointers: list[str]
) -> None:
    client, _ = calculator
    headers = {"Content-Type": "application/json", "Idempotency-Key": "k" * 8}
    answer = await client.post("/v1/footprints", content=body, headers=headers)
    problem = answer.json()
    assert (answer.status_code, problem["code"]) == (status, code)
    assert [error["pointer"] for error in problem["errors"]] == pointers


async def test_a_service_refuses_to_start_on_a_topic_that_differs(
    settings: Callable[..., Settings], monkeypatch: pytest.MonkeyPatch
) -> None:
    wrong = Topic(name="order.placed", key="project_id", settings=(("retention.ms", "7"),))
    monkeypatch.setattr(broker, "TOPICS", (*broker.TOPICS, wrong))
    app = create_app(settings("calculator", kind=Settings))
    with pytest.raises(broker.TopicDiffers, match=r"order\.placed has retention\.ms=-1, not 7"):
        async with app.router.lifespan_context(app):
            raise AssertionError("it has started")
