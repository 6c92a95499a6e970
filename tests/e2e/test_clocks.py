"""A clock five minutes ahead in one service, or in one of two replicas: nothing is lost, forged, or over too early."""

from __future__ import annotations

import asyncio
import re
from datetime import UTC, datetime, timedelta
from pathlib import Path

import httpx
import pytest

from deploy.log import whole
from shared.contracts.topics import EVENTS
from tests.conftest import PATIENCE
from tests.e2e import ahead
from tests.e2e.conftest import System, mark, persistently
from tests.e2e.replicas import ROOT, replica
from tests.e2e.visitors import Visitor

AHEAD = timedelta(minutes=5)
GUESTS = 20
RENAMINGS = 6
A_FEW_SWEEPS_SECONDS = 3
# A recount comes every ten seconds.
A_LITTLE = timedelta(seconds=30) * min(PATIENCE, 5)
HELD = timedelta(minutes=15)
FACTORY, SECONDS = "tests.e2e.ahead:create_app", str(AHEAD.total_seconds())


def test_nobody_asks_for_the_time_but_the_modules_whose_clock_is_shifted_here() -> None:
    asking = {
        str(file.relative_to(ROOT).with_suffix("")).replace("/", ".")
        for folder in ("services", "shared")
        for file in (ROOT / folder).rglob("*.py")
        if re.search(r"\.(now|utcnow|today)\((UTC)?\)|\btime\.time\(", file.read_text())
    }
    assert asking <= set(ahead.MODULES)


@pytest.mark.parametrize("service", ["registry", "orders", "certificates"])
async def test_s15_a_service_five_minutes_ahead_serves_the_whole_story(
    system: System, tmp_path: Path, service: str
) -> None:
    async with system.client() as client:
        waiting = Visitor(client)
        async with replica(system, service, tmp_path, factory=FACTORY, AHEAD_SECONDS=SECONDS):
            await waiting.has_held()
            guests = [Visitor(client, name=f"Guest {mark()} (demo)") for _ in range(GUESTS)]
            await asyncio.gather(*(guest.buys() for guest in guests))
            await _stays_held(waiting)
            assert await _shown_by(service, client, waiting) - datetime.now(UTC) > AHEAD - A_LITTLE
            certificates = await asyncio.gather(*(persistently(guest.certificate) for guest in guests))
        # The clock is right again, and what was begun in its future goes on.
        await persistently(waiting.pay)
        await waiting.comes_to("completed")
        verified = [await client.get(f"/v1/verifications/{certificate['code']}") for certificate in certificates]
    assert {answer.json()["status"] for answer in verified} == {"valid"}


@pytest.mark.parametrize("service", ["registry", "orders", "certificates"])
async def test_s15_of_two_replicas_one_five_minutes_ahead_publish_every_event(
    system: System, tmp_path: Path, service: str
) -> None:
    async with (
        replica(system, service, tmp_path, factory=FACTORY, beside=True, AHEAD_SECONDS=SECONDS) as hasty,
        system.client() as gateway,
        httpx.AsyncClient(base_url=hasty.url, timeout=10, event_hooks=hasty.hooks) as beside,
    ):
        clients = (gateway, beside if service == "orders" else gateway)
        waiting = [Visitor(client) for client in clients]
        guests = [Visitor(clients[number % 2], name=f"Guest {mark()} (demo)") for number in range(2 * GUESTS)]
        await asyncio.gather(*(guest.has_held(mass_g=7) for guest in waiting))
        await asyncio.gather(*(guest.buys(mass_g=7) for guest in guests))
        for number in range(RENAMINGS):
            # Each change at the other replica.
            for guest in guests[: GUESTS // 2]:
                guest.client = clients[number % 2]
            await asyncio.gather(*(guest.is_called(f"Name {mark()} (demo)") for guest in guests[: GUESTS // 2]))
        await asyncio.gather(*map(_stays_held, waiting))
        await system.holds()
        assert await _overtaken(system.kafka) == []


async def _shown_by(service: str, client: httpx.AsyncClient, held: Visitor) -> datetime:
    """Return the moment that the service takes for the present, from what it shows."""
    match service:
        case "registry":
            proof = (await client.get("/v1/proof")).raise_for_status().json()
            return datetime.fromisoformat(proof["recounted_at"])
        case "orders":
            return datetime.fromisoformat((await held.seen())["deadline"]) - HELD
        case _:
            bought = Visitor(client, name=f"Guest {mark()} (demo)")
            await bought.buys(mass_g=7)
            code = (await persistently(bought.certificate))["code"]
            stated = (await client.get(f"/v1/certificates/{code}")).raise_for_status().json()
            return datetime.fromisoformat(stated["issued_at"])


async def _stays_held(guest: Visitor) -> None:
    """Its time is up when it should be, give or take what the clocks differ, and no sweep ends it before."""
    await asyncio.sleep(A_FEW_SWEEPS_SECONDS)
    seen = await guest.comes_to("held")
    left = datetime.fromisoformat(seen["deadline"]) - datetime.now(UTC)
    assert HELD - AHEAD < left < HELD + AHEAD


async def _overtaken(kafka: str) -> list[str]:
    """Return the subjects whose last word on a compacted topic, which is the one that stays, is not their newest."""
    last: dict[bytes, tuple[str, int]] = {}
    newest: dict[bytes, int] = {}
    async for record in whole(kafka, *(event.topic for event in EVENTS if event.kept == "compacted")):
        if record.value is not None:
            headers = dict(record.headers)
            last[record.key] = headers["ce_subject"].decode(), int(headers["ce_sequence"])
            newest[record.key] = max(newest.get(record.key, 0), int(headers["ce_sequence"]))
    return [subject for key, (subject, sequence) in last.items() if sequence < newest[key]]
