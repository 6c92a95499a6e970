"""The relay: from documents with an outbox to acknowledged and taken out, against sending the same records bare."""

from __future__ import annotations

import asyncio
import contextlib
import secrets
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from datetime import UTC, datetime
from typing import Any

from motor.motor_asyncio import AsyncIOMotorClient

from benchmarks.holds import CONCERNS
from shared.contracts import Cause, Envelope, OrderPlaced, to_record
from shared.messaging.broker import Producer
from shared.messaging.outbox import Outbox, clock
from shared.messaging.relay import Relay
from shared.web.idempotency import id_of

EVENTS = 2_000
Timed = Callable[[], Awaitable[float]]


@contextlib.asynccontextmanager
async def running(kafka: str, mongodb: str) -> AsyncIterator[tuple[Timed, Timed]]:
    """Yield both sides; each call returns events per second."""
    client: AsyncIOMotorClient[dict[str, Any]] = AsyncIOMotorClient(f"{mongodb}/?{CONCERNS}", tz_aware=True)
    orders = client[f"bench_{secrets.token_hex(4)}"]["orders"]
    outbox = Outbox(orders, livemode=False, wake=lambda: None)
    await outbox.prepare()
    producer = Producer(kafka, replica="bench")
    await producer.start()
    relay = Relay(producer, owner="bench")
    relay.add(outbox)

    def placed() -> OrderPlaced:
        order_id = id_of("ord", secrets.token_hex(8))
        return OrderPlaced(order_id=order_id, project_id=id_of("prj", "bench"), grams=1, listing_version=1)

    async def ours() -> float:
        for _ in range(EVENTS):
            order = placed()
            await outbox.insert({"_id": order.order_id}, [order], now=clock(), cause=Cause(id="bench"))
        began = time.perf_counter()
        while parcels := await outbox.take(now=datetime.now(UTC)):
            await relay.publish(parcels)
            await outbox.settle(parcels)
        return EVENTS / (time.perf_counter() - began)

    async def bare() -> float:
        now = clock()
        records = [
            to_record(Envelope(id="-", time=now, sequence=1, livemode=False, data=placed())) for _ in range(EVENTS)
        ]
        began = time.perf_counter()
        sent = [await producer.send("order.placed", record) for record in records]
        await asyncio.gather(*sent)
        return EVENTS / (time.perf_counter() - began)

    yield ours, bare
    await producer.stop()
    client.close()
