"""Purchases through the whole running system: from the accepted payment to the certificate, and how many a second."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import secrets
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any

import httpx
from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient

from deploy.issuer import LocalIssuer
from deploy.local.runtime import Local
from shared.contracts.event import PARTITIONS
from shared.web.auth import CAPABILITY_HEADER
from shared.web.idempotency import id_of
from tests.embedded import free_port

PURCHASED = "offset.purchased"
PROJECTS = 10
TONNES = 100_000
AT_ONCE = 50
PATIENCE_SECONDS = 120
# Beside the ports of deploy/local/place.py, inside the twenty that are free.
SECOND_REGISTRY_PORT_OFFSET = 16


@dataclass(frozen=True)
class Waits:
    """Seconds until a certificate was published: since the buyer approved the payment, since that was accepted."""

    since_approval: float
    since_purchase: float


@dataclass
class Shop:
    """A running system of its own, and the buyers' side of it."""

    local: Local
    client: httpx.AsyncClient
    projects: list[str]
    # When each event of an order was consumed, or happened, by topic, on this machine's clock.
    published: dict[tuple[str, str], asyncio.Future[float]] = field(default_factory=dict)

    async def buy(self, project_id: str) -> Waits:
        """Buy a little by mass; return how long the certificate was waited for."""
        order_id, capability = await self.order(project_id)
        return await self.pay(order_id, capability)

    async def order(self, project_id: str) -> tuple[str, str]:
        """Order, and wait until the credits are held."""
        made = await self._post(
            "/v1/orders",
            {
                "project_id": project_id,
                "listing_version": 1,
                "mass_g": 1_000,
                "beneficiary": {"kind": "person"},
                "mandate_version": "1",
            },
        )
        order_id = made["order_id"]
        await self._moment("credits.held", order_id)
        return order_id, made["capability"]

    async def pay(self, order_id: str, capability: str) -> Waits:
        """Pay; return how long the certificate was waited for."""
        started = await self._post(f"/v1/orders/{order_id}/payments", {}, shows=capability)
        approved = time.time()
        await self._post(f"/v1/sandbox/payments/{started['payment_id']}/approve", {})
        published = await self._moment("certificate.issued", order_id)
        purchased = await self._moment(PURCHASED, order_id)
        return Waits(since_approval=published - approved, since_purchase=published - purchased)

    async def one_by_one(self, orders: int) -> list[Waits]:
        """Buy one after the other."""
        return [await self.buy(self.projects[0]) for _ in range(orders)]

    async def at_once(self) -> list[Waits]:
        """Let fifty buyers, whose credits are held, pay in one moment."""
        ready = await asyncio.gather(*(self.order(self.projects[0]) for _ in range(AT_ONCE)))
        return await asyncio.gather(*(self.pay(*order) for order in ready))

    async def rate(self, orders: int, projects: Sequence[str]) -> float:
        """Return orders completed a second, from the first request to the last certificate."""
        gate = asyncio.Semaphore(AT_ONCE)

        async def one(number: int) -> None:
            async with gate:
                await self.buy(projects[number % len(projects)])

        began = time.perf_counter()
        await asyncio.gather(*(one(number) for number in range(orders)))
        return orders / (time.perf_counter() - began)

    @contextlib.asynccontextmanager
    async def second_registry(self) -> AsyncIterator[None]:
        """Let another replica of registry share the work."""
        place = self.local.place
        port = str(place.port + SECOND_REGISTRY_PORT_OFFSET)
        command = ["-m", "uvicorn", "--factory", "services.registry.app:create_app", "--port", port, "--no-access-log"]
        environment = {**os.environ, **self.local.env("registry"), "DIANDIAN_REPLICA": "registry-2"}
        with place.log("registry-2").open("w") as log:
            process = await asyncio.create_subprocess_exec(
                sys.executable, *command, env=environment, stdout=log, stderr=subprocess.STDOUT
            )
            try:
                await self._shared_by(2)
                await asyncio.gather(*(self.buy(project_id) for project_id in self.projects))
                yield
            finally:
                process.terminate()
                await process.wait()

    async def _shared_by(self, replicas: int) -> None:
        """Wait until so many members of the group have shared the partitions out."""
        admin = AIOKafkaAdminClient(bootstrap_servers=self.local.place.address_of("kafka"))
        await admin.start()
        try:
            async with asyncio.timeout(PATIENCE_SECONDS):
                while True:
                    (answer,) = await admin.describe_consumer_groups(["registry"])
                    (group,) = answer.to_object()["groups"]
                    if group["state"] == "Stable" and len(group["members"]) == replicas:
                        return
                    await asyncio.sleep(0.2)
        finally:
            await admin.close()

    async def listen(self, consumer: AIOKafkaConsumer) -> None:
        """Note when the log shows what buyers wait for."""
        async for record in consumer:
            headers = dict(record.headers)
            order_id = headers["ce_subject"].decode()
            if record.topic == "certificate.issued":
                order_id = json.loads(record.value)["order_id"]
            if record.topic == "credits.refused":
                raise RuntimeError(f"refused: {record.value}")
            future = self._future(record.topic, order_id)
            if not future.done():
                happened = datetime.fromisoformat(headers["ce_time"].decode()).timestamp()
                future.set_result(happened if record.topic == PURCHASED else time.time())

    def _future(self, topic: str, order_id: str) -> asyncio.Future[float]:
        return self.published.setdefault((topic, order_id), asyncio.get_running_loop().create_future())

    async def _moment(self, topic: str, order_id: str) -> float:
        async with asyncio.timeout(PATIENCE_SECONDS):
            return await self._future(topic, order_id)

    async def _post(self, address: str, body: dict[str, Any], *, shows: str | None = None) -> dict[str, Any]:
        headers = {"Idempotency-Key": secrets.token_hex(16)} | ({CAPABILITY_HEADER: shows} if shows else {})
        while True:
            answer = await self.client.post(address, json=body, headers=headers)
            # The log shows a hold a moment before orders has consumed it.
            if answer.status_code != httpx.codes.CONFLICT:
                answer.raise_for_status()
                return dict(answer.json())
            await asyncio.sleep(0.01)


@contextlib.asynccontextmanager
async def running(home: Path) -> AsyncIterator[Shop]:
    """Start a whole system with ten projects, and stop it afterwards."""
    local = Local(home, free_port())
    local.up(say=lambda _line: None)
    try:
        token = LocalIssuer(local.place.folder("issuer"), issuer=local.url).token("bench", "registry:write")
        limits = httpx.Limits(max_connections=2 * AT_ONCE)
        async with httpx.AsyncClient(base_url=local.url, timeout=60, limits=limits) as client:
            projects = [await _project(client, token, number) for number in range(PROJECTS)]
            shop = Shop(local, client, projects)
            consumer = AIOKafkaConsumer(bootstrap_servers=local.place.address_of("kafka"), enable_auto_commit=False)
            await consumer.start()
            topics = ("credits.held", "credits.refused", PURCHASED, "certificate.issued")
            consumer.assign([TopicPartition(topic, number) for topic in topics for number in range(PARTITIONS)])
            await consumer.seek_to_end()
            listening = asyncio.create_task(shop.listen(consumer))
            try:
                await shop.one_by_one(3)
                yield shop
            finally:
                listening.cancel()
                await consumer.stop()
    finally:
        local.down(say=lambda _line: None)


async def _project(client: httpx.AsyncClient, token: str, number: int) -> str:
    project_id = id_of("prj", "bench", str(number))
    staff = {"Authorization": f"Bearer {token}", "Idempotency-Key": secrets.token_hex(16)}
    listing = {
        "names": {"en": f"Bench {number} (demo)"},
        "standard": "CDCER",
        "type": "bench",
        "owner_id": "own_bench",
        "place": "CN510100",
        "code": f"B{number}",
        "unit_price_fen": 4_800,
    }
    report = {"report": f"bench {number}", "verifier": "bench", "verified_tonnes": TONNES, "tonnes": TONNES}
    address = f"/v1/projects/{project_id}"
    (await client.post(f"{address}/listings", json=listing, headers={**staff, "If-Match": '"0"'})).raise_for_status()
    (await client.post(f"{address}/batches", json={**report, "vintage": 2024}, headers=staff)).raise_for_status()
    await _known(client, project_id)
    return project_id


async def _known(client: httpx.AsyncClient, project_id: str) -> None:
    """Wait until orders sells it."""
    async with asyncio.timeout(PATIENCE_SECONDS):
        while True:
            offers = (await client.post("/v1/quotes", json={"mass_g": 1_000})).json()["data"]
            if any(offer["project_id"] == project_id for offer in offers):
                return
            await asyncio.sleep(0.05)
