"""Boards that come back: from a snapshot after a crash, from the log without one, and rebuilt beside themselves."""

from __future__ import annotations

import asyncio
from typing import Any

from deploy.rebuild import rebuild
from shared.mongodb import connect
from tests.conftest import until
from tests.e2e.conftest import System


async def boards_of_three(system: System, client: Any) -> Any:
    """Let three guests walk, and return the boards that show them."""
    await asyncio.gather(*(system.walk(client) for _ in range(3)))
    await system.quiet()

    async def shown() -> Any:
        boards = await system.boards(client)
        return boards if boards[0]["members"] >= 3 else None

    return await until(shown)


async def start_again(system: System) -> None:
    await asyncio.to_thread(system.local.start, "ranking", lambda _line: None)


async def test_s26_ranking_s_database_wiped_gives_the_same_boards(system: System) -> None:
    async with system.client() as client:
        before = await boards_of_three(system, client)
        await asyncio.to_thread(system.local.kill, "ranking")
        mongodb = connect(system.mongodb)
        await mongodb.drop_database("ranking")
        mongodb.close()
        await start_again(system)
        assert await system.boards(client) == before


async def test_ranking_killed_goes_on_from_its_snapshot_and_a_rebuild_finds_no_difference(system: System) -> None:
    async with system.client() as client:
        before = await boards_of_three(system, client)
        await asyncio.to_thread(system.local.kill, "ranking")
        await start_again(system)
        assert await system.boards(client) == before
        lines: list[str] = []
        (replica,) = await asyncio.to_thread(rebuild, str(client.base_url), system.token, lines.append)
        found = replica["comparison"]
        assert (found["facts_differ"], found["boards_differ"]) == (0, 0)
        assert found["boards"] >= 1
        assert replica["folded"] >= found["facts"]
        assert lines
        assert await system.boards(client) == before
