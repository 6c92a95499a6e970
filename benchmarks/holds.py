"""Holds on one project: the registry's handler, a poll at a time, against what a straightforward service does."""

from __future__ import annotations

import contextlib
import secrets
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

from motor.motor_asyncio import AsyncIOMotorClient

from services.registry.domain import ListingContent, Report
from services.registry.handlers import Handlers
from services.registry.store import Store
from shared.contracts import Cause, Envelope, OrderPlaced
from shared.messaging.outbox import clock
from shared.web.idempotency import id_of

POLL = 500
POLLS = 4
NAIVE_HOLDS = 300
CONCERNS = "w=majority&journal=true&readConcernLevel=majority"
Timed = Callable[[], Awaitable[float]]


@contextlib.asynccontextmanager
async def running(mongodb: str) -> AsyncIterator[tuple[Timed, Timed]]:
    """Yield both sides; each call returns holds per second, all of them durable."""
    client: AsyncIOMotorClient[dict[str, Any]] = AsyncIOMotorClient(f"{mongodb}/?{CONCERNS}", tz_aware=True)
    database = client[f"bench_{secrets.token_hex(4)}"]
    store = Store(database, livemode=False, wake=lambda: None)
    await store.prepare()
    handlers = Handlers(store, clock)
    project_id = id_of("prj", secrets.token_hex(8))
    cause = Cause(id="bench")
    content = ListingContent(
        names={"en": "Bench (demo)"}, standard="CDCER", type="bench", owner_id="own", place="CN510100", code="1",
        unit_price_fen=1,
    )  # fmt: skip
    await handlers.change_listing(project_id, content, seen=0, cause=cause)
    report = Report(report=project_id, verifier="bench", verified_tonnes=10**6, tonnes=10**6, vintage=2024)
    await handlers.issue(project_id, report, batch_id=id_of("bat", project_id), cause=cause)
    balances, held = database["balances"], database["held"]
    await balances.insert_one({"_id": project_id, "available": 10**15})

    def poll() -> list[Envelope[Any]]:
        orders = (
            OrderPlaced(order_id=id_of("ord", secrets.token_hex(8)), project_id=project_id, grams=1, listing_version=1)
            for _ in range(POLL)
        )
        return [Envelope(id="-", time=clock(), sequence=1, livemode=False, data=order) for order in orders]

    async def pages() -> float:
        polls = [poll() for _ in range(POLLS)]
        began = time.perf_counter()
        for batch in polls:
            await handlers.poll(batch)
        return POLL * POLLS / (time.perf_counter() - began)

    async def naive() -> float:
        began = time.perf_counter()
        for _ in range(NAIVE_HOLDS):
            await balances.update_one({"_id": project_id, "available": {"$gte": 1}}, {"$inc": {"available": -1}})
            await held.insert_one({"_id": secrets.token_hex(13), "grams": 1})
        return NAIVE_HOLDS / (time.perf_counter() - began)

    yield pages, naive
    client.close()
