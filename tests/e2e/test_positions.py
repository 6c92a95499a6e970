"""S15 as a table: a process killed before and after each of its writes, and between Kafka and its marks."""

from __future__ import annotations

import asyncio
import signal
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from pathlib import Path

import pytest
import pytest_asyncio

from deploy.audit.books import Follower
from shared.contracts.topics import SERVICES
from tests import offsets
from tests.e2e.conftest import Onlooker, System, mark, persistently
from tests.e2e.dying import When, arm
from tests.e2e.positions import Position, table
from tests.e2e.replicas import Replica, replica
from tests.e2e.visitors import Visitor

CASES = list(table())
# After so many deaths everything is read from its beginning, by a reader of its own.
DEATHS_A_RECOUNT = 10


class Stage:
    """All five services and the sandbox, each able to die on command."""

    def __init__(self, system: System, replicas: dict[str, Replica], onlooker: Onlooker, folder: Path) -> None:
        self.system, self.replicas, self._onlooker, self._folder = system, replicas, onlooker, folder
        self._deaths = 0

    def order(self, position: Position, when: When) -> None:
        """Say where the service is to die."""
        arm(self._folder / position.service, position, when)

    async def died(self, service: str) -> int:
        """Wait for the end of the service, start it again, and return the code with which it ended."""
        code = await self.replicas[service].ended()
        await self.replicas[service].begin()
        return code

    async def holds(self) -> None:
        """Audit the books, as far as they are known already or, after some deaths, from their beginning."""
        self._deaths += 1
        books = await self.system.holds(self._onlooker)
        if self._deaths % DEATHS_A_RECOUNT == 0:
            whole = await self.system.holds()
            assert Counter(books.messages) <= Counter(whole.messages)


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
        follower = await stack.enter_async_context(Follower(copy.kafka, copy.mongodb, copy.provider).running())
        yield Stage(copy, replicas, Onlooker(log, follower), folder)
        await copy.holds()


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
    await stage.holds()


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
            shown = (await guest.client.get(f"/v1/certificates/{code}")).json()
            assert shown["holder"].startswith("Renamed")
