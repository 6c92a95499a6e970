"""MongoDB away in the middle of orders, certificates away for long: all ends, and each certificate comes once."""

from __future__ import annotations

import asyncio
import os
import signal
from collections import Counter

import httpx
import pytest

from tests.e2e.conftest import System, mark, persistently
from tests.e2e.visitors import Visitor

GUESTS = 30
AWAY_SECONDS = 20
PAYING = 50


@pytest.mark.parametrize("how", ["hangs", "is killed"])
async def test_s16_mongodb_away_for_twenty_seconds_in_the_middle_of_orders_loses_nothing(
    system: System, how: str
) -> None:
    async with system.client() as client:
        walks = [asyncio.create_task(_comes_later(client, 0.1 * number)) for number in range(GUESTS)]
        await asyncio.sleep(0.1 * GUESTS / 2)
        under_way = [walk for walk in walks if not walk.done()]
        assert under_way
        if how == "hangs":
            (pid,) = [part.pid for part in system.local.status() if part.name == "mongodb"]
            assert pid is not None
            os.kill(pid, signal.SIGSTOP)
            try:
                await asyncio.sleep(AWAY_SECONDS)
            finally:
                os.kill(pid, signal.SIGCONT)
        else:
            await asyncio.to_thread(system.local.kill, "mongodb")
            await asyncio.sleep(AWAY_SECONDS)
            ready = await client.get(f"http://127.0.0.1:{system.local.place.port_of('orders')}/health/ready")
            assert ready.status_code == httpx.codes.SERVICE_UNAVAILABLE
            await asyncio.to_thread(system.local.start, "mongodb", lambda _line: None)
        numbers = await asyncio.gather(*walks)
    assert len(set(numbers)) == GUESTS


async def _comes_later(client: httpx.AsyncClient, seconds: float) -> str:
    await asyncio.sleep(seconds)
    completed = await Visitor(client, name=f"Guest {mark()} (demo)").buys()
    return str(completed["certificate"]["number"])


async def test_s19_certificates_away_while_fifty_orders_are_paid_come_once_each(system: System) -> None:
    await asyncio.to_thread(system.local.kill, "certificates")
    async with system.client() as client:
        guests = [Visitor(client, name=f"Guest {mark()} (demo)") for _ in range(PAYING)]
        await asyncio.gather(*map(_is_retired, guests))
        away = await client.get(f"/v1/order-certificates/{guests[0].order['order_id']}")
        assert away.status_code in {502, 503}
        await asyncio.to_thread(system.local.start, "certificates", lambda _line: None)
        completed = await asyncio.gather(*(guest.comes_to("completed") for guest in guests))
    books = await system.holds()
    mine = {order["order_id"]: order["certificate"] for order in completed}
    assert len({certificate["number"] for certificate in mine.values()}) == PAYING
    issued = Counter(message.subject for message in books.published("certificate.issued"))
    assert {issued[certificate["certificate_id"]] for certificate in mine.values()} == {1}
    made = Counter(one["order_id"] for one in books.certificates)
    assert {made[order_id] for order_id in mine} == {1}


async def _is_retired(guest: Visitor) -> None:
    await guest.has_held()
    await persistently(guest.pay)
    await guest.comes_to("retired")
