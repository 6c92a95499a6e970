"""No route of ranking answers 500 for what is requested of it."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from typing import Any

import httpx
import pytest_asyncio

from deploy.issuer import LocalIssuer
from services.ranking.api import ACCESS
from services.ranking.app import create_app
from shared.web.auth import CAPABILITY_HEADER
from tests.component.edges import Sound, faults
from tests.component.town import Publish, Town, new_id, rows
from tests.conftest import client_of, until

BOARD = {"measure": "certificates", "window": "all", "scene": "", "city": ""}
SHOWN = {CAPABILITY_HEADER: "t", "Cookie": f"{new_id('ben')}=x"}
PEOPLE = {"board": "people"}
SOUND: dict[str, Sound] = {
    "POST /v1/board-rebuilds": Sound(headers={"Idempotency-Key": "one rebuild"}),
    "GET /v1/board-rebuilds/{rebuild}": Sound(path={"rebuild": "7"}, status=404),
    "GET /v1/boards/{board}": Sound(path=PEOPLE),
    "GET /v1/boards/{board}/my-rank": Sound(path=PEOPLE, headers=SHOWN, status=403),
    "GET /v1/boards/{board}/around-me": Sound(path=PEOPLE, headers=SHOWN, status=403),
    "GET /boards": Sound(query=BOARD),
    "GET /boards/wall": Sound(query={"scene": "NOWHERE"}, status=404),
    # There is no end to what it answers about a scene that there is.
    "GET /boards/wall/events": Sound(query={"scene": "NOWHERE"}, status=404, endless=True),
    "GET /boards/{board}": Sound(path=PEOPLE, query={"window": "all", "after": ""}),
}


@pytest_asyncio.fixture
async def ranking(
    settings: Callable[..., Any], publish: Publish, issuer: tuple[LocalIssuer, str, str]
) -> AsyncIterator[httpx.AsyncClient]:
    town = Town(publish)
    guest, scene = new_id("ben"), await town.scene()
    await town.name(guest, "Heron")
    await town.certify(guest, scene)
    async with client_of(create_app(settings("ranking"))) as client:
        await until(lambda: rows(client, city=town.city))
        client.headers["Authorization"] = f"Bearer {issuer[0].token('operator', 'ranking:rebuild')}"
        client.headers["X-Document"] = "/v1/ranking/openapi.json"
        yield client


def test_every_route_is_requested_here() -> None:
    assert set(SOUND) == set(ACCESS)


async def test_no_edge_of_a_field_makes_a_500(ranking: httpx.AsyncClient) -> None:
    assert [fault for line, sound in SOUND.items() for fault in await faults(ranking, line, sound)] == []
