"""Two replicas of registry and of orders on one project: either of them dies in the middle of 200 orders."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator
from pathlib import Path

import httpx
import pytest

from deploy.audit.books import Books
from shared.web.idempotency import id_of
from tests.conftest import until
from tests.e2e.conftest import System, mark, persistently
from tests.e2e.replicas import Replica, replica
from tests.e2e.visitors import Visitor

GROVES = id_of("prj", "demo", "0042")
GUESTS, ORDERS_EACH = 20, 10
BATCHES = 10
# The commands to the ledger, and the answers of it.
CONSUMED = {"registry": ('topic="order.placed"', 'topic="offset.purchased"'), "orders": ('topic="credits.',)}


class Shift:
    """Two replicas of one service: what either has done in all its lives, and who dies next."""

    def __init__(self, first: Replica, second: Replica) -> None:
        self.both = (first, second)
        self._in_past_lives = {first: 0.0, second: 0.0}

    async def done(self, one: Replica) -> float:
        """Return how many messages the replica has handled."""
        return self._in_past_lives[one] + await self._in_this_life(one)

    async def busy(self) -> Replica:
        """Return the replica that handles the next message."""
        before = {one: await self.done(one) for one in self.both}

        async def next_one() -> Replica | None:
            return next(iter([one for one in self.both if await self.done(one) > before[one]]), None)

        busy: Replica = await until(next_one, seconds=60)
        return busy

    async def other_takes_over(self, dead: Replica) -> None:
        """Wait until the replica that is left handles messages."""
        assert await self.busy() is self.other(dead)

    def other(self, one: Replica) -> Replica:
        """Return the other replica."""
        return self.both[1 - self.both.index(one)]

    async def kill(self, one: Replica) -> None:
        """Kill it; what it has done is not forgotten."""
        self._in_past_lives[one] += await self._in_this_life(one)
        await one.kill()

    @staticmethod
    async def _in_this_life(one: Replica) -> float:
        with contextlib.suppress(httpx.TransportError):
            return await one.figure("diandian_delivered_total", *CONSUMED[one.service])
        return 0.0


@contextlib.asynccontextmanager
async def two_replicas(system: System, service: str, folder: Path) -> AsyncIterator[Shift]:
    """Run a second replica beside the one that the gateway knows."""
    async with replica(system, service, folder) as first, replica(system, service, folder, beside=True) as second:
        yield Shift(first, second)


@pytest.mark.parametrize("dying", ["registry", "orders"])
async def test_s15_either_of_two_replicas_dies_in_the_middle_of_two_hundred_orders_of_one_project(
    system: System, tmp_path: Path, dying: str
) -> None:
    completed: list[str] = []

    async def buys(guest_number: int, clients: tuple[httpx.AsyncClient, ...]) -> None:
        for _ in range(ORDERS_EACH):
            # Half of the guests are served by the second replica of orders.
            guest = Visitor(clients[guest_number % 2], name=f"Guest {mark()} (demo)")
            guest.project_id = GROVES
            completed.append((await guest.buys(mass_g=1_000 + guest_number))["certificate"]["number"])

    async def completes(count: int) -> None:
        async def so_many() -> bool:
            return len(completed) >= count

        await until(so_many, seconds=120)

    async with (
        two_replicas(system, "registry", tmp_path) as registry,
        two_replicas(system, "orders", tmp_path) as orders,
        system.client() as gateway,
        httpx.AsyncClient(base_url=orders.both[1].url, timeout=10, event_hooks=orders.both[1].hooks) as beside,
    ):
        shift = {"registry": registry, "orders": orders}[dying]
        guests = [asyncio.create_task(buys(number, (gateway, beside))) for number in range(GUESTS)]
        issuing = asyncio.create_task(issue(registry, system.token))
        await completes(20)
        dead = await shift.busy()
        await shift.kill(dead)
        # Its partitions are given away when the group has missed it for ten seconds.
        await shift.other_takes_over(dead)
        await dead.begin()
        await completes(110)
        # Now the other one, which comes back before the group has missed it.
        dead = shift.other(dead)
        await shift.kill(dead)
        await dead.begin()
        await asyncio.gather(*guests)
        done = [await shift.done(one) for one in shift.both]
        issued = await issuing
        books = await system.holds()
    assert len(set(completed)) == GUESTS * ORDERS_EACH
    assert min(done) > 0, "either has had a part in it"
    assert_one_chain(books, issued)


def assert_one_chain(books: Books, issued: list[str]) -> None:
    """What the idle registry wrote by HTTP lies among what the other took from Kafka, in one chain without a gap."""
    pages = books.pages[GROVES]
    assert [page["sequence"] for page in pages] == list(range(1, len(pages) + 1))
    written = [(page["sequence"], entry) for page in pages for entry in page["entries"]]
    by_http = [place for place, entry in written if entry["kind"] == "batch" and entry["batch_id"] in issued]
    assert len(by_http) == BATCHES
    assert {entry["kind"] for place, entry in written if by_http[0] < place < by_http[-1]} >= {"hold", "post", "batch"}


async def issue(registry: Shift, token: str) -> list[str]:
    """Let a registrar issue a tonne now and then at the replica that reads another project's partition; return them."""
    issued = []
    headers = {"Authorization": f"Bearer {token}"}
    for _ in range(BATCHES):
        idle = registry.other(await registry.busy())
        # A vintage that nobody gets to, so that no order needs more batches for it.
        report = {"report": f"MR-{mark()}", "vintage": 2025, "tonnes": 1, "verifier": "V", "verified_tonnes": 1}
        async with httpx.AsyncClient(base_url=idle.url, headers={**headers, "Idempotency-Key": mark()}) as client:

            async def once(client: httpx.AsyncClient = client, report: dict[str, object] = report) -> str:
                answer = await client.post(f"/v1/projects/{GROVES}/batches", json=report)
                return str(answer.raise_for_status().json()["batch_id"])

            issued.append(await persistently(once))
        await asyncio.sleep(0.3)
    return issued
