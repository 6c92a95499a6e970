"""What is done already gets its first answer, whatever came since."""

# ruff: noqa: F811 -- a test asks for its fixtures by their names

from __future__ import annotations

import secrets
from typing import Any

import httpx
import pytest_asyncio

from shared.web.idempotency import id_of
from tests.component.test_calculator import ANSWERS, SCENE, TYPED, calculator  # noqa: F401 -- used by name


class Scene:
    """An open scene of its own, which can be closed."""

    def __init__(self, client: httpx.AsyncClient) -> None:
        self._client, self.code = client, f"R{secrets.token_hex(3).upper()}"

    async def put(self, **changes: Any) -> httpx.Response:
        scene = {**SCENE, "code": self.code, **changes}
        headers = self._client.staff | ({"If-Match": "*"} if changes else {})  # type: ignore[attr-defined]
        return await self._client.put(f"/v1/scenes/{id_of('scn', self.code)}", json=scene, headers=headers)


@pytest_asyncio.fixture
async def scene(calculator: httpx.AsyncClient) -> Scene:
    made = Scene(calculator)
    assert (await made.put()).status_code == 200
    return made


async def test_a_scene_that_is_closed_already_is_closed_again_with_the_same_answer(scene: Scene) -> None:
    first, again = await scene.put(status="closed"), await scene.put(status="closed")
    assert (first.status_code, again.status_code) == (200, 200)
    assert first.json() == again.json()


async def test_a_visit_that_was_counted_is_found_again_after_its_scene_was_closed(
    calculator: httpx.AsyncClient, scene: Scene
) -> None:
    key = secrets.token_hex(8)
    body, headers = {"scene": scene.code, "answers": ANSWERS}, {"Idempotency-Key": key}
    form = {**TYPED, "idempotency_key": secrets.token_hex(8)}
    first = await calculator.post("/v1/footprints", json=body, headers=headers)
    sent = await calculator.post(f"/s/{scene.code}/footprints", data=form)
    assert (first.status_code, sent.status_code) == (201, 303)
    await scene.put(status="closed")
    again = await calculator.post("/v1/footprints", json=body, headers=headers)
    sent_again = await calculator.post(f"/s/{scene.code}/footprints", data=form)
    assert (again.status_code, again.json(), again.headers["Idempotency-Replayed"]) == (201, first.json(), "true")
    assert (sent_again.status_code, sent_again.headers["location"]) == (303, sent.headers["location"])
    new = await calculator.post(f"/s/{scene.code}/footprints", data={**form, "idempotency_key": secrets.token_hex(8)})
    assert new.status_code == 409
