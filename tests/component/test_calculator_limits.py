"""Who may count what: so many footprints an address and hour, and an organiser its own scenes and account."""

from __future__ import annotations

import asyncio
import contextlib
import secrets
from collections.abc import AsyncIterator, Awaitable, Callable
from datetime import datetime, timedelta
from typing import Any

import httpx
import pytest_asyncio
from fastapi import FastAPI

from services.calculator.app import Settings, create_app
from shared.contracts.calculator import FootprintCalculated
from shared.messaging import outbox
from shared.web.app import database
from shared.web.idempotency import id_of
from tests.component.test_calculator import ANSWERS, SCENE
from tests.conftest import Infra, client_of, consumed, until

MAX = 5
MEALS = {"meals": {"vegan": 1}}


class Ahead:
    """A clock that can be put forward."""

    by = timedelta()

    def __call__(self) -> datetime:
        return outbox.clock() + self.by


class World:
    """A calculator of two replicas, seen from any address, and the staff of organisers."""

    def __init__(self, settings: Settings, issuer: Any, clock: Ahead, client: httpx.AsyncClient, app: FastAPI) -> None:
        self.settings, self._issuer, self.clock, self.client, self._app = settings, issuer, clock, client, app

    def staff(self, organiser_id: str | None = None) -> dict[str, str]:
        claims = {"organiser_id": organiser_id} if organiser_id else {}
        return {"Authorization": f"Bearer {self._issuer[0].token('staff-1', 'scenes:write', **claims)}"}

    async def scene(self, organiser_id: str = "org_demo", **changes: Any) -> tuple[str, str]:
        """Publish a scene; return its code and id."""
        code = f"L{secrets.token_hex(3).upper()}"
        scene = {**SCENE, "code": code, "organiser_id": organiser_id, **changes}
        answer = await self.client.put(f"/v1/scenes/{id_of('scn', code)}", json=scene, headers=self.staff())
        assert answer.status_code == 200, answer.text
        return code, id_of("scn", code)

    @contextlib.asynccontextmanager
    async def at(self, address: str) -> AsyncIterator[Callable[..., Awaitable[httpx.Response]]]:
        """Count visits from an address."""
        transport = httpx.ASGITransport(self._app, client=(address, 1234))
        async with httpx.AsyncClient(transport=transport, base_url="http://diandian.test") as client:

            async def count(code: str, key: str | None = None, **changes: Any) -> httpx.Response:
                headers = {"Idempotency-Key": key or secrets.token_hex(8), **changes.pop("headers", {})}
                body = {"scene": code, "answers": MEALS, **changes}
                return await client.post("/v1/footprints", json=body, headers=headers)

            yield count

    async def account(self, scene_id: str, organiser_id: str | None = "org_demo", **more: Any) -> httpx.Response:
        headers = {"Idempotency-Key": secrets.token_hex(8), **self.staff(organiser_id), **more.pop("headers", {})}
        body = {"answers": ANSWERS, **more}
        return await self.client.post(f"/v1/scenes/{scene_id}/footprints", json=body, headers=headers)


@pytest_asyncio.fixture
async def world(settings: Callable[..., Any], issuer: Any) -> AsyncIterator[World]:
    chosen = settings("calculator", kind=Settings, footprints_per_address_max=MAX)
    clock = Ahead()
    app = create_app(chosen, clock=clock)
    async with client_of(app) as client:
        yield World(chosen, issuer, clock, client, app)


async def test_an_address_counts_so_many_visits_of_a_scene_in_an_hour_and_learns_when_to_come_again(
    world: World,
) -> None:
    (code, _), (other, _) = await world.scene(), await world.scene()
    async with world.at("203.0.113.7") as here, world.at("203.0.113.8") as there:
        answers = await asyncio.gather(*(here(code) for _ in range(4 * MAX)))
        assert sorted(answer.status_code for answer in answers) == [201] * MAX + [429] * 3 * MAX
        refused = next(answer for answer in answers if answer.status_code == 429)
        assert refused.json()["code"] == "too_many_footprints"
        assert 0 < int(refused.headers["Retry-After"]) <= 3600
        assert (await there(code)).status_code == 201, "another address"
        assert (await here(other)).status_code == 201, "another scene"
        world.clock.by = timedelta(hours=1)
        assert (await here(code)).status_code == 201, "another hour"


async def test_a_repeat_and_answers_that_are_refused_count_nothing(world: World) -> None:
    code, _ = await world.scene()
    async with world.at("203.0.113.7") as here:
        key = secrets.token_hex(8)
        for _ in range(2 * MAX):
            assert (await here(code, key)).status_code == 201
            assert (await here(code, answers={"meals": {"vegan": -1}})).status_code == 422
            assert (await here(code, answers={})).json()["code"] == "zero_footprint"
        assert [(await here(code)).status_code for _ in range(MAX)] == [201] * (MAX - 1) + [429]
        assert (await here(code, key)).status_code == 201, "a repeat finds what it made"


async def test_of_an_address_nothing_is_kept_but_a_keyed_hash_and_that_only_for_its_hour(world: World) -> None:
    code, _ = await world.scene()
    async with world.at("203.0.113.7") as here:
        await here(code)
    throttle = database(world.settings)["throttle"]
    try:
        (kept,) = await throttle.find({}).to_list(None)
        assert "203.0.113" not in str(kept)
        assert set(kept) == {"_id", "count", "ends_at"}
        assert kept["ends_at"] <= world.clock() + timedelta(hours=1)
        stored = [document async for document in throttle.database["footprints"].find({})]
        assert "203.0.113" not in str(stored)
        indexes = await throttle.index_information()
        assert [index["expireAfterSeconds"] for index in indexes.values() if "expireAfterSeconds" in index] == [0]
    finally:
        throttle.database.client.close()


async def test_an_organiser_s_own_account_is_a_footprint_of_its_scene_and_may_be_changed(
    world: World, infra: Infra
) -> None:
    code, scene_id = await world.scene()
    made = (await world.account(scene_id)).json()
    assert made["mass_g"] == 533_014, "by the same engine as guests"
    mine = {"Diandian-Capability": made["capability"]}
    changed = (await world.account(scene_id, answers=MEALS, replaces=made["footprint_id"], headers=mine)).json()

    async def in_kafka() -> Any:
        found = {event.subject: event for event in await consumed(infra, FootprintCalculated)}
        return found if changed["footprint_id"] in found else None

    event = (await until(in_kafka))[changed["footprint_id"]].data
    assert (event.role, event.scene_id, event.root, event.replaces) == (
        "organiser",
        scene_id,
        made["footprint_id"],
        made["footprint_id"],
    )
    async with world.at("203.0.113.7") as here:
        stolen = await here(code, replaces=changed["footprint_id"], headers=mine)
        assert (stolen.status_code, stolen.json()["code"]) == (404, "footprint_unknown"), "no guest changes an account"
        guest = (await here(code)).json()
    taken = await world.account(
        scene_id, replaces=guest["footprint_id"], headers={"Diandian-Capability": guest["capability"]}
    )
    assert taken.status_code == 404, "nor the organiser a guest's answers"
    for _ in range(MAX):
        assert (await world.account(scene_id)).status_code == 201, "no address is counted"


async def test_an_organiser_touches_its_own_scenes_alone(world: World) -> None:
    code, scene_id = await world.scene("org_demo")
    scene = {**SCENE, "code": code, "organiser_id": "org_demo"}
    address = f"/v1/scenes/{scene_id}"
    for organiser_id, wish in (("org_other", scene), ("org_other", {**scene, "organiser_id": "org_other"})):
        refused = await world.client.put(address, json=wish, headers=world.staff(organiser_id))
        assert (refused.status_code, refused.json()["code"]) == (403, "scene_not_yours")
    given_away = {**scene, "organiser_id": "org_other"}
    assert (await world.client.put(address, json=given_away, headers=world.staff("org_demo"))).status_code == 403
    whatever_is_there = {**world.staff("org_demo"), "If-Match": "*"}
    closed = await world.client.put(address, json={**scene, "status": "closed"}, headers=whatever_is_there)
    assert (closed.status_code, closed.json()["scene"]["status"]) == (200, "closed")
    late = await world.account(scene_id)
    assert (late.status_code, late.json()["code"]) == (409, "scene_not_open")
    for stranger, why in (("org_other", "scene_not_yours"), (None, "forbidden")):
        refused = await world.account(scene_id, stranger)
        assert (refused.status_code, refused.json()["code"]) == (403, why)
    unknown = await world.account(id_of("scn", "nowhere"))
    assert (unknown.status_code, unknown.json()["code"]) == (404, "scene_unknown")
