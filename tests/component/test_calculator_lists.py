"""Scenes and airports come in pages that leave out nothing, and a scene changes only where it is as it was seen."""

# ruff: noqa: F811 -- a test asks for its fixtures by their names

from __future__ import annotations

import asyncio
import re
import secrets
from typing import Any

import httpx
import pytest

from shared.web.idempotency import id_of
from tests.component.test_calculator import SCENE, calculator  # noqa: F401 -- used by name
from tests.component.walks import refuses_cursors_of_strangers, walked


async def put(client: httpx.AsyncClient, code: str, headers: dict[str, str] | None = None, **changes: Any) -> Any:
    staff = client.staff  # type: ignore[attr-defined]
    scene = {**SCENE, "code": code, **changes}
    return await client.put(f"/v1/scenes/{id_of('scn', code)}", json=scene, headers={**staff, **(headers or {})})


async def made(client: httpx.AsyncClient, mark: str, numbers: range) -> set[str]:
    """Make scenes whose codes begin with the mark; every third is closed."""
    codes = {f"{mark}{number:03}": "closed" if number % 3 == 0 else "open" for number in numbers}
    for code, status in codes.items():
        assert (await put(client, code, status=status)).status_code == 200
    return set(codes)


@pytest.fixture
def mark() -> str:
    """The beginning of codes that no other scene has."""
    return f"W{secrets.token_hex(3).upper()}"


async def test_a_walk_through_scenes_gives_each_once_open_ones_first_while_new_ones_come(
    calculator: httpx.AsyncClient, mark: str
) -> None:
    there = await made(calculator, mark, range(100, 107))
    numbers = iter(range(200, 300))

    async def another() -> None:
        # Before and behind where the walk is.
        number = next(numbers)
        await made(calculator, mark, range(number, number + 1))
        await made(calculator, mark, range(number - 200, number - 199))

    found = await walked(calculator, "/v1/scenes", q=mark.lower(), limit=2, between=another)
    codes = [one["scene"]["code"] for one in found]
    assert len(set(codes)) == len(codes)
    assert there <= set(codes)
    statuses = [one["scene"]["status"] for one in found]
    assert statuses == sorted(statuses, reverse=True)


async def test_all_scenes_come_without_a_search_and_cursors_of_strangers_are_refused(
    calculator: httpx.AsyncClient, mark: str
) -> None:
    there = await made(calculator, mark, range(3))
    found = await walked(calculator, "/v1/scenes", limit=7)
    assert there <= {one["scene"]["code"] for one in found}
    await refuses_cursors_of_strangers(calculator, "/v1/scenes")


async def test_the_first_page_leads_on_to_scenes_that_it_does_not_show(
    calculator: httpx.AsyncClient, mark: str
) -> None:
    there = await made(calculator, mark, range(53))
    address, seen = f"/?q={mark.lower()}", []
    while address:
        page = (await calculator.get(address)).text
        seen += re.findall(rf'href="/s/({mark}\d+)"', page)
        more = re.search(r'href="(/\?[^"]*cursor=[^"]*)"', page)
        address = more[1].replace("&amp;", "&") if more else ""
    assert sorted(seen) == sorted(there)


async def test_a_walk_through_airports_gives_each_once_the_best_first(calculator: httpx.AsyncClient) -> None:
    found = await walked(calculator, "/v1/airports", q="san", limit=7)
    codes = [one["iata"] for one in found]
    assert len(set(codes)) == len(codes) > 50
    first = (await calculator.get("/v1/airports?q=san")).json()
    assert [one["iata"] for one in first["data"]] == codes[:10]
    assert first["data"][0].keys() == {"iata", "name", "city", "country", "text"}
    await refuses_cursors_of_strangers(calculator, "/v1/airports", q="san")
    of_another_search = {"q": "beijing", "cursor": first["next_cursor"]}
    assert (await calculator.get("/v1/airports", params=of_another_search)).status_code == 422


async def test_a_scene_is_made_without_a_condition_and_changes_only_at_the_version_that_was_seen(
    calculator: httpx.AsyncClient, mark: str
) -> None:
    absent = await put(calculator, mark, {"If-Match": "*"})
    assert (absent.status_code, absent.json()["code"]) == (412, "precondition_failed")
    first = await put(calculator, mark, {"If-None-Match": "*"})
    again = await put(calculator, mark)
    assert [(one.status_code, one.headers["ETag"]) for one in (first, again)] == [(200, '"1"')] * 2
    for name in (mark, mark.lower(), id_of("scn", mark)):
        shown = await calculator.get(f"/v1/scenes/{name}")
        assert (shown.headers["ETag"], shown.json()["scene_id"]) == ('"1"', id_of("scn", mark))
    blind = await put(calculator, mark, status="closed")
    assert (blind.status_code, blind.json()["code"]) == (428, "if_match_missing")
    for wrong in ('"2"', 'W/"1"', '"0", "7"', '"x"'):
        refused = await put(calculator, mark, {"If-Match": wrong}, status="closed")
        assert (refused.status_code, refused.json()["code"]) == (412, "precondition_failed"), wrong
        assert [(one["in"], one["name"]) for one in refused.json()["errors"]] == [("header", "If-Match")]
    assert 'at "1" now' in refused.json()["detail"]
    there = await put(calculator, mark, {"If-None-Match": "*"}, status="closed")
    same = await put(calculator, mark, {"If-None-Match": '"1"'})
    assert (there.status_code, same.status_code) == (412, 412)
    malformed = await put(calculator, mark, {"If-Match": "1"}, status="closed")
    assert (malformed.status_code, malformed.json()["code"]) == (422, "invalid_request")
    changed = await put(calculator, mark, {"If-Match": '"7", "1"'}, status="closed")
    repeated = await put(calculator, mark, {"If-Match": '"1"'}, status="closed")
    assert [(one.status_code, one.headers["ETag"]) for one in (changed, repeated)] == [(200, '"2"')] * 2
    whichever = await put(calculator, mark, {"If-Match": "*"}, status="open")
    assert (whichever.status_code, whichever.headers["ETag"]) == (200, '"3"')


async def test_of_writers_that_saw_the_same_version_one_changes_the_scene_and_the_others_are_refused(
    calculator: httpx.AsyncClient, mark: str
) -> None:
    await put(calculator, mark)
    hosts = [f"Host {number} (demo)" for number in range(6)]
    answers = await asyncio.gather(*(put(calculator, mark, {"If-Match": '"1"'}, host={"en": host}) for host in hosts))
    statuses = [answer.status_code for answer in answers]
    assert sorted(statuses) == [200] + [412] * 5
    shown = await calculator.get(f"/v1/scenes/{mark}")
    assert shown.headers["ETag"] == '"2"'
    assert shown.json()["scene"]["host"] == {"en": hosts[statuses.index(200)]}
    makers = await asyncio.gather(
        *(put(calculator, f"{mark}N", {"If-None-Match": "*"}, host={"en": host}) for host in hosts)
    )
    assert sorted(answer.status_code for answer in makers) == [200] + [412] * 5


async def test_a_draft_is_nobodys_to_see_by_its_code_or_its_id(calculator: httpx.AsyncClient, mark: str) -> None:
    assert (await put(calculator, mark, status="draft")).headers["ETag"] == '"1"'
    for name in (mark, id_of("scn", mark)):
        hidden = await calculator.get(f"/v1/scenes/{name}")
        assert (hidden.status_code, hidden.json()["code"]) == (404, "scene_unknown")
