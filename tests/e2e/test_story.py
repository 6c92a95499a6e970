"""One guest's story through separate processes, and what happens to it when a process dies or its surroundings do."""

from __future__ import annotations

import asyncio
import contextlib
import os
import random
import signal
import subprocess
import sys
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from deploy.audit.books import Books, read
from deploy.dead import dead_letters
from deploy.local.runtime import Local
from deploy.log import whole
from deploy.story import Guest, walk
from shared.contracts.topics import EVENTS, SERVICES
from shared.messaging.broker import Producer
from tests.conftest import until
from tests.e2e.conftest import System, mark, persistently

ROOT = Path(__file__).resolve().parents[2]
ORDERS = 50
FAULTY = """
from services.certificates.app import create_app
from services.certificates.domain import decide


def broken(*_, **__):
    raise RuntimeError("a fault")


decide.with_event = broken
"""


async def test_the_story_goes_from_scan_to_rank(system: System) -> None:
    """Through services that were started as `make up` starts them."""
    await asyncio.to_thread(start_anew, Local(system.local.place.home, system.local.place.port))
    lines: list[str] = []
    url = system.local.url
    walked = await asyncio.to_thread(
        walk, url, public_url=url, scene="FORUM26", name="Lin Yue (demo)", say=lines.append
    )
    async with system.client() as client:
        pdf = await client.get(walked["addresses"]["PDF"])
        pages = [
            await client.get(walked["addresses"][page]) for page in ("scene", "certificate", "board", "proof", "API")
        ]
    steps = [line.split()[0] for line in lines if line and not line.startswith(" ")]
    assert steps[:8] == ["scene", "footprint", "order", "held", "paid", "retired", "certificate", "rank"]
    assert walked["status"] == "valid"
    assert walked["mass_g"] == 533_014
    assert walked["rank"]["me"] is True
    assert pdf.content.startswith(b"%PDF-")
    assert [page.status_code for page in pages] == [200] * 5
    assert "Lin Yue (demo)" in pages[1].text


def start_anew(local: Local) -> None:
    """Stop the services of a copy and start them again."""
    for service in SERVICES:
        local.stop(service)
    local.up(say=lambda _line: None)


@pytest.mark.parametrize("order", [SERVICES, SERVICES[::-1]], ids=["first to last", "last to first"])
async def test_s15_kill_9_of_each_service_and_of_a_relay_in_the_middle_of_fifty_orders(
    system: System, order: tuple[str, ...]
) -> None:
    async with system.client() as client:
        walks = [asyncio.create_task(system.walk(client)) for _ in range(ORDERS)]
        for service in order:
            await asyncio.sleep(random.uniform(0.2, 0.6))
            await asyncio.to_thread(system.local.kill, service)
            if service == "orders":
                await die_between_publish_and_mark(system)
            await asyncio.to_thread(system.local.start, service, lambda _line: None)
        ended = await asyncio.gather(*walks)
    assert {one["state"] for one in ended} == {"completed"}
    assert len({one["certificate"]["number"] for one in ended}) == ORDERS


async def test_s15_what_a_relay_published_and_did_not_mark_is_published_twice_and_counts_once(system: System) -> None:
    async with system.client() as client:
        guest = Guest(client)
        kafka = _pid(system, "kafka")
        # Kafka stands still, so that the order's event is written and cannot leave.
        os.kill(kafka, signal.SIGSTOP)
        try:
            guest.order = await ordered_by_mass(client)
            await asyncio.to_thread(system.local.kill, "orders")
        finally:
            os.kill(kafka, signal.SIGCONT)
        order_id = guest.order["order_id"]
        published = await die_between_publish_and_mark(system)
        once = await _times_published(system, order_id)
        books = await read(system.kafka, system.mongodb, system.provider)
        lying = next(order for order in books.orders if order["_id"] == order_id)
        await asyncio.to_thread(system.local.start, "orders", lambda _line: None)
        await persistently(lambda: guest.reaches("held"))
        await persistently(guest.pay)
        await persistently(lambda: guest.reaches("completed"))
    assert published >= 1
    assert lying["outbox"], "it was published and not marked"
    assert await _times_published(system, order_id) > once >= 1


async def ordered_by_mass(client: httpx.AsyncClient, *, mass_g: int = 7) -> dict[str, Any]:
    """Order without a footprint, so that nothing but orders need answer."""
    quote = (await client.post("/v1/quotes", json={"mass_g": mass_g})).json()
    offer = quote["data"][0]
    body = {
        "project_id": offer["project_id"],
        "listing_version": offer["listing_version"],
        "mass_g": mass_g,
        "beneficiary": {"kind": "person"},
        "mandate_version": quote["mandate_version"],
    }
    made = await client.post("/v1/orders", json=body, headers={"Idempotency-Key": mark()})
    assert made.status_code == 201, made.text
    return dict(made.json())


async def die_between_publish_and_mark(system: System) -> int:
    """Let a relay in a process of its own publish what orders has written, and die; return how many it published."""
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "KAFKA": system.kafka, "MONGODB": system.mongodb}
    relay = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "tests.e2e.dying_relay", env=environment, cwd=ROOT, stdout=subprocess.PIPE
    )
    output, _ = await relay.communicate()
    assert relay.returncode == -signal.SIGKILL
    return int(output.decode().split()[1])


async def _times_published(system: System, order_id: str) -> int:
    return len(
        [1 async for record in whole(system.kafka, "order.placed") if order_id.encode() in (record.value or b"")]
    )


async def test_s16_kafka_away_for_twenty_seconds_loses_nothing(system: System) -> None:
    async with system.client() as client:
        before = [Guest(client) for _ in range(5)]
        for guest in before:
            await persistently(guest.count)
            await persistently(guest.place)
            await persistently(lambda guest=guest: guest.reaches("held"))
        await asyncio.to_thread(system.local.stop, "kafka")
        for guest in before:
            await persistently(guest.pay)
        during = [await ordered_by_mass(client) for _ in range(5)]
        ready = await client.get(f"http://127.0.0.1:{system.local.place.port_of('orders')}/health/ready")
        await asyncio.sleep(20)
        await asyncio.to_thread(system.local.start, "kafka", lambda _line: None)
        for guest in before:
            await persistently(lambda guest=guest: guest.reaches("completed"))
        after = [Guest(client, order=made) for made in during]
        for guest in after:
            await persistently(lambda guest=guest: guest.reaches("held"))
    assert ready.status_code == 200, "readiness means HTTP and MongoDB"


async def test_s16_mongodb_away_is_503_with_retry_after_and_recovers_by_itself(system: System) -> None:
    async with system.client() as client:
        await asyncio.to_thread(system.local.stop, "mongodb")
        answers = [await client.post("/v1/quotes", json={"mass_g": 7}), await client.get("/v1/scenes/FORUM26")]
        page = await client.get("/s/FORUM26")
        await asyncio.to_thread(system.local.start, "mongodb", lambda _line: None)
        ended = await system.walk(client)
    assert [answer.status_code for answer in answers] == [503, 503]
    assert all(answer.headers["Retry-After"] for answer in answers)
    assert answers[0].json()["code"] == "unavailable"
    assert page.status_code == 503
    assert page.headers["content-type"].startswith("text/html")
    assert ended["state"] == "completed"


@pytest.mark.parametrize("topic", ["offset.purchased", "credits.retired"])
async def test_s17_a_poison_message_inside_a_batch_stops_nobody_else(system: System, topic: str) -> None:
    consumers = {"offset.purchased": ("registry", "certificates"), "credits.retired": ("orders", "certificates")}[topic]
    poison = f"poison {mark()}".encode()
    producer = Producer(system.kafka, replica="poison")
    await producer.start()
    async with system.client() as client:
        walks = [asyncio.create_task(system.walk(client)) for _ in range(10)]
        for number in range(12):
            await (await producer.send(topic, (f"key {number}".encode(), poison, [("ce_type", topic.encode())])))
            await asyncio.sleep(0.05)
        ended = await asyncio.gather(*walks)
    await producer.stop()
    assert {one["state"] for one in ended} == {"completed"}
    for service in consumers:

        async def dead_lettered(service: str = service) -> Any:
            found = [letter async for letter in dead_letters(system.kafka, service) if letter.value == poison]
            return found if len(found) >= 12 else None

        letters = await until(dead_lettered)
        assert letters[0].topic == topic
        assert "ce_specversion" in letters[0].reason


async def test_s17_after_the_fix_a_replay_completes_the_story(system: System, tmp_path: Path) -> None:
    """Certificates runs with a fault that breaks each of its messages; then without, and gets its letters again."""
    await asyncio.to_thread(system.local.stop, "certificates")
    async with system.client() as client:
        guest = Guest(client)
        async with faulty_certificates(system, tmp_path):
            await persistently(guest.count)
            await persistently(guest.place)
            await persistently(lambda: guest.reaches("held"))
            await persistently(guest.pay)
            await persistently(lambda: guest.reaches("retired"))
            order_id = guest.order["order_id"]

            async def dead_lettered() -> Any:
                letters = dead_letters(system.kafka, "certificates")
                found = [letter async for letter in letters if letter.subject == order_id]
                return found if len(found) == 2 else None

            letters = await until(dead_lettered)
        await asyncio.to_thread(system.local.start, "certificates", lambda _line: None)
        command = [sys.executable, "-m", "deploy.cli", "dead", "replay", "certificates", "--kafka", system.kafka]
        command += [letter.place for letter in letters]
        replayed = await asyncio.to_thread(
            subprocess.run, command, cwd=ROOT, capture_output=True, text=True, check=False
        )
        completed = await persistently(lambda: guest.reaches("completed"))
    assert {letter.reason for letter in letters} == {"RuntimeError: a fault"}
    assert replayed.stdout.startswith("2 given"), replayed.stderr
    assert completed["state"] == "completed"


@contextlib.asynccontextmanager
async def faulty_certificates(system: System, folder: Path) -> AsyncIterator[None]:
    """The real service with one line broken, in the place of the sound one."""
    (folder / "faulty.py").write_text(FAULTY)
    environment = {**os.environ, **system.local.env("certificates"), "PYTHONPATH": f"{folder}:{ROOT}"}
    port = str(system.local.place.port_of("certificates"))
    command = ["-m", "uvicorn", "--factory", "faulty:create_app", "--port", port, "--no-access-log"]
    with (folder / "faulty.log").open("w") as log:
        process = await asyncio.create_subprocess_exec(
            sys.executable, *command, env=environment, cwd=ROOT, stdout=log, stderr=log
        )
        yield
        process.terminate()
        await process.wait()


async def test_s18_every_message_three_times_and_shuffled_between_keys_changes_nothing(system: System) -> None:
    async with system.client() as client:
        await asyncio.gather(*(system.walk(client) for _ in range(10)))
        await system.quiet()
        before, boards = _state(await read(system.kafka, system.mongodb, system.provider)), await system.boards(client)
        by_key: dict[tuple[str, bytes], list[Any]] = {}
        async for record in whole(system.kafka, *(event.topic for event in EVENTS)):
            by_key.setdefault((record.topic, record.key), []).append(record)
        lines = [records for records in by_key.values() for _ in range(3)]
        shuffle = random.Random(18)
        producer = Producer(system.kafka, replica="again")
        await producer.start()
        while lines:
            line = shuffle.choice(lines)
            record = line[0]
            await producer.send(record.topic, (record.key, record.value, list(record.headers)))
            del line[:1]
            lines = [rest for rest in lines if rest]
        await producer.stop()
        await system.quiet()
        after = _state(await read(system.kafka, system.mongodb, system.provider))
        assert await system.boards(client) == boards
    assert after == before


def _pid(system: System, part: str) -> int:
    (pid,) = [status.pid for status in system.local.status() if status.name == part]
    assert pid is not None
    return pid


def _state(books: Books) -> dict[str, Any]:
    """All documents, but for what a repeat may move: versions of copies and times of notes."""
    return {
        "pages": books.pages,
        **{
            str(place): sorted(documents, key=lambda one: str(one["_id"]))
            for place, documents in books.collections.items()
        },
    }
