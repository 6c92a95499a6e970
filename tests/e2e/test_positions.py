"""S15 as a table: a process killed before and after each of its writes, and between Kafka and its marks."""

from __future__ import annotations

import asyncio
import signal
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from pathlib import Path

import pytest
import pytest_asyncio

from shared.contracts.topics import SERVICES
from tests import offsets
from tests.e2e.conftest import System, mark, persistently
from tests.e2e.dying import When, arm
from tests.e2e.positions import Position, table
from tests.e2e.replicas import Replica, replica
from tests.e2e.visitors import Visitor

CASES = list(table())


class Stage:
    """All five services and the sandbox, each able to die on command."""

    def __init__(self, system: System, replicas: dict[str, Replica], log: offsets.Log, folder: Path) -> None:
        self.system, self.replicas, self.log, self._folder = system, replicas, log, folder

    def order(self, position: Position, when: When) -> None:
        """Say where the service is to die."""
        arm(self._folder / position.service, position, when)

    async def died(self, service: str) -> int:
        """Wait for the end of the service, start it again, and return the code with which it ended."""
        code = await self.replicas[service].ended()
        await self.replicas[service].begin()
        return code


@pytest_asyncio.fixture(scope="module")
async def stage(copy: System, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Stage]:
    folder = tmp_path_factory.mktemp("dying")
    async with AsyncExitStack() as stack:

        async def wrapped(service: str) -> Replica:
            factory = "tests.e2e.dying:create_app"
            return await stack.enter_async_context(
                replica(copy, service, folder, factory=factory, SERVICE=service, DIES_AT=str(folder / service))
            )

        names = (*SERVICES, "sandbox")
        replicas = dict(zip(names, await asyncio.gather(*map(wrapped, names)), strict=True))
        log = await stack.enter_async_context(offsets.opened(copy.kafka))
        yield Stage(copy, replicas, log, folder)


@pytest.mark.parametrize(("position", "when"), [case[:2] for case in CASES], ids=[case[2] for case in CASES])
async def test_s15_a_process_killed_at_a_step_loses_nothing_and_doubles_nothing(
    stage: Stage, position: Position, when: When
) -> None:
    stage.order(position, when)
    async with stage.system.client() as client:
        guest = Visitor(client, name=f"Guest {mark()} (demo)")
        walk = asyncio.create_task(_walk(guest, position.story))
        try:
            code = await stage.died(position.service)
            await walk
        finally:
            walk.cancel()
    assert code == -signal.SIGKILL, "it was the position that ended it"
    await stage.system.holds(stage.log)


async def _walk(guest: Visitor, story: str) -> None:
    match story:
        case "bought":
            await guest.buys()
            await persistently(guest.rank)
        case "by card":
            await guest.buys_by_card()
        case "refused":
            await guest.asks_for_too_much()
        case "late":
            await guest.pays_too_late()
        case "late by card":
            await guest.pays_too_late("sandbox_card")
        case "renamed":
            code = await guest.renames(f"Renamed {mark()} (demo)")
            said = (await guest.client.get(f"/v1/certificates/{code}")).json()
            assert said["holder"].startswith("Renamed")
