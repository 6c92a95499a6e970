"""Behind the gateway the address that is counted is the one that the gateway saw, whatever a client says of itself."""

from __future__ import annotations

import secrets
from typing import Any

import httpx

from services.calculator.domain.throttle import footprints_window
from shared.messaging import outbox
from tests.system.conftest import System


async def test_no_client_changes_the_address_that_its_footprints_are_counted_for(
    system: System, client: httpx.AsyncClient
) -> None:
    scene_id = (await client.get("/v1/scenes/FORUM26")).json()["scene_id"]
    here = footprints_window(system.local.env("calculator")["DIANDIAN_SECRET"], scene_id, "127.0.0.1", outbox.clock())

    async def counted() -> Any:
        windows = (await system.stored())["calculator", "throttle"]
        return next((one["count"] for one in windows if one["_id"] == here.key), 0)

    before = await counted()
    for number in range(3):
        forged = {"X-Forwarded-For": f"203.0.113.{number}", "Forwarded": f"for=203.0.113.{number}"}
        body = {"scene": "FORUM26", "answers": {"meals": {"vegan": 1}}}
        headers = {"Idempotency-Key": secrets.token_hex(8), **forged}
        assert (await client.post("/v1/footprints", json=body, headers=headers)).status_code == httpx.codes.CREATED
    assert await counted() == before + 3
    await system.holds()
