"""`make up` takes servers that run already: it starts and stops none of its own, and makes what it needs on them."""

from __future__ import annotations

import asyncio
from pathlib import Path

import httpx
import pytest

from deploy.local.place import Place
from deploy.local.runtime import Local
from shared.mongodb import connect
from tests.conftest import Infra
from tests.embedded import free_port


async def test_a_copy_on_servers_that_run_already(infra: Infra, tmp_path: Path) -> None:
    parts = ("kafka", "mongodb", "calculator", "gateway")
    copy = Local(tmp_path, free_port(), parts=parts, kafka=infra.kafka, mongodb=infra.mongodb)
    await asyncio.to_thread(copy.up, lambda _line: None)
    try:
        assert [(part.name, part.is_ready) for part in copy.status()] == [("calculator", True), ("gateway", True)]
        async with httpx.AsyncClient(base_url=copy.url) as client:
            assert (await client.get("/v1/scenes")).status_code == 200
    finally:
        await asyncio.to_thread(copy.down, lambda _line: None)
    client = connect(infra.mongodb_url("calculator"))
    # The server still runs, and holds a database of the service's own.
    assert "scenes" in await client["calculator"].list_collection_names()
    await client.drop_database("calculator")
    client.close()
    assert not (tmp_path / "kafka").exists()
    assert not (tmp_path / "mongodb").exists()


@pytest.mark.parametrize(
    ("server", "url"),
    [
        ("", "mongodb://127.0.0.1:9012/orders?"),
        ("mongodb://db:27017", "mongodb://db:27017/orders?"),
        ("mongodb://db/?replicaSet=d&w=1", "mongodb://db/orders?replicaSet=d&"),
        ("mongodb+srv://u:p%40w@db", "mongodb+srv://u:p%40w@db/orders?authSource=admin&"),
        ("mongodb://u:p@a:1,b:2/people", "mongodb://u:p@a:1,b:2/orders?authSource=people&"),
        ("mongodb://u:p@db/?authSource=x", "mongodb://u:p@db/orders?authSource=x&"),
    ],
)
def test_each_service_gets_a_database_of_its_own_on_that_server(server: str, url: str) -> None:
    place = Place(Path("/nowhere"), 9000, "127.0.0.1", mongodb=server)
    made = place.mongodb_url("orders")
    head, _, options = made.partition("?")
    wanted_head, _, wanted = url.partition("?")
    assert head == wanted_head
    given = {*options.split("&")}
    assert {"w=majority", "journal=true", "readConcernLevel=majority"} <= given
    assert {option for option in wanted.split("&") if option} <= given
    assert "w=1" not in given
