"""The pages of the calculator, from the poster to the number."""

# ruff: noqa: F811 -- a test asks for its fixtures by their names

from __future__ import annotations

import httpx

from tests.component.test_calculator import (  # noqa: F401 -- the fixtures are used by name
    CODE,
    TYPED,
    calculator,
)


async def test_the_pages_lead_from_the_poster_to_the_number_without_a_script(calculator: httpx.AsyncClient) -> None:
    home = await calculator.get("/", params={"q": CODE})
    scene = await calculator.get(f"/s/{CODE.lower()}")
    count = await calculator.get(f"/s/{CODE}/count")
    key = count.text.split('name="idempotency_key" value="')[1].split('"')[0]
    sent = await calculator.post(f"/s/{CODE}/footprints", data={**TYPED, "idempotency_key": key})
    again = await calculator.post(f"/s/{CODE}/footprints", data={**TYPED, "idempotency_key": key})
    result = await calculator.get(sent.headers["location"])
    change = await calculator.get(f"/s/{CODE}/refine", params={"replaces": sent.headers["location"].rpartition("/")[2]})
    reloaded = await calculator.get(f"/s/{CODE}/footprints")
    assert (reloaded.status_code, reloaded.headers["location"]) == (303, f"/s/{CODE}/count")
    assert f"/s/{CODE}" in home.text
    assert "Chengdu Green Finance Forum 2026 (demo)" in scene.text
    assert (sent.status_code, again.headers["location"]) == (303, sent.headers["location"])
    assert "HttpOnly" in sent.headers["set-cookie"]
    assert result.status_code == 200
    assert "533" in result.text
    assert "DESNZ" in result.text
    assert "Beijing (PEK)" in change.text
    assert 'value="20"' in change.text


async def test_an_unknown_address_is_a_page_for_people_and_a_problem_for_programs(
    calculator: httpx.AsyncClient,
) -> None:
    page = await calculator.get("/s/NOWHERE")
    problem = await calculator.get("/v1/scenes/NOWHERE")
    assert page.status_code == 404
    assert page.headers["content-type"].startswith("text/html")
    assert problem.headers["content-type"] == "application/problem+json"
    assert problem.json()["type"] == "http://127.0.0.1:8080/problems/scene_unknown"
