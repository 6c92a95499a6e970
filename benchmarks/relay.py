"""The relay: from outboxes to acknowledged and settled, against a service that has no outbox and only sends.

Both sides build the same envelopes, encode them alike and use the same idempotent producer.
"""

from __future__ import annotations

import asyncio
import contextlib
import secrets
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from datetime import datetime
from typing import Any, Literal

from benchmarks.holds import CONCERNS
from services.registry.domain.commands import ListingContent, Report
from services.registry.handlers.ledger import Handlers
from services.registry.store.store import Store
from shared.contracts.event import Cause, Envelope, Event, Record, to_record
from shared.contracts.orders import OrderPlaced
from shared.contracts.registry import CreditsHeld
from shared.messaging.broker import Producer
from shared.messaging.outbox import Outbox, clock
from shared.messaging.relay import Relay
from shared.messaging.source import Pending, Source
from shared.mongodb import connect
from shared.web.idempotency import id_of

EVENTS = 2_000
PAGES, ENTRIES = 40, 250
WRITES_PER_SECOND, STEADY_SECONDS = 50, 10
BURST, BURSTS = 200, 5
# Writes that a service has under way at once.
WRITERS = 20
LIMIT = (
    "of documents, taking events out again: the database server takes its one core a quarter of a millisecond for each "
    "document; published alone they go five to ten times as fast, with no more processor time than sending takes"
)
BECAUSE = Cause(id="bench")
Kind = Literal["settled", "acknowledged", "pages"]
Timed = Callable[[], Awaitable[float]]


class _Noting(Producer):
    """Knows when each event was acknowledged."""

    def __init__(self, kafka: str) -> None:
        super().__init__(kafka, replica="bench")
        self.at: dict[bytes, float] = {}

    async def send(self, topic: str, record: Record, *, partition: int | None = None) -> asyncio.Future[Any]:
        sent = await super().send(topic, record, partition=partition)
        event_id = record[2][1][1]
        sent.add_done_callback(lambda _: self.at.setdefault(event_id, time.perf_counter()))
        return sent


class _Gate:
    """A source that brings nothing before it is opened, so that all lies ready when the time begins."""

    def __init__(self, behind: Source) -> None:
        self._behind, self.opened = behind, False
        self.lease, self.settle, self.retry_later = behind.lease, behind.settle, behind.retry_later
        self.oldest, self.release = behind.oldest, behind.release

    async def take(self, *, now: datetime) -> list[Pending]:
        return await self._behind.take(now=now) if self.opened else []


def _placed() -> OrderPlaced:
    order_id = id_of("ord", secrets.token_hex(8))
    return OrderPlaced(order_id=order_id, project_id=id_of("prj", "bench"), grams=1, listing_version=1)


def _held() -> CreditsHeld:
    return CreditsHeld(order_id=id_of("ord", secrets.token_hex(8)), project_id=id_of("prj", "bench"), grams=1)


async def _until(condition: Callable[[], bool]) -> None:
    while not condition():  # noqa: ASYNC110 -- what is awaited has no event
        await asyncio.sleep(0.001)


async def _together(works: Sequence[Awaitable[Any]], at_once: int) -> None:
    queue = iter(works)

    async def work() -> None:
        for one in queue:
            await one

    await asyncio.gather(*(work() for _ in range(at_once)))


@contextlib.asynccontextmanager
async def _database(mongodb: str) -> AsyncIterator[Any]:
    client = connect(f"{mongodb}/?{CONCERNS}")
    yield client[f"bench_{secrets.token_hex(4)}"]
    client.close()


@contextlib.asynccontextmanager
async def _producing(kafka: str) -> AsyncIterator[_Noting]:
    producer = _Noting(kafka)
    await producer.start()
    yield producer
    await producer.stop()


async def _bare(producer: Producer, events: Sequence[Event]) -> float:
    now, began = clock(), time.perf_counter()
    sent = []
    for event in events:
        envelope = Envelope(id="-", time=now, sequence=1, livemode=False, data=event, cause_id=BECAUSE.id)
        sent.append(await producer.send(event.topic, to_record(envelope)))
    await asyncio.gather(*sent)
    return len(events) / (time.perf_counter() - began)


@contextlib.asynccontextmanager
async def running(kafka: str, mongodb: str, kind: Kind) -> AsyncIterator[tuple[Timed, Timed]]:
    """Yield both sides; each call returns events per second.

    `settled` is from documents with an outbox to taken out of them again, `acknowledged` only to the acknowledgement,
    `pages` from pages of the ledger to published and settled.
    """
    async with _database(mongodb) as database, _producing(kafka) as producer:
        if kind == "pages":
            yield await _of_pages(database, producer), lambda: _bare(producer, [_held() for _ in range(EVENTS)])
        else:
            documents = await _of_documents(database, producer, settled=kind == "settled")
            yield documents, lambda: _bare(producer, [_placed() for _ in range(EVENTS)])


async def _of_documents(database: Any, producer: _Noting, *, settled: bool) -> Timed:
    outbox = Outbox(database["orders"], livemode=False, wake=lambda: None)
    await outbox.prepare()

    async def timed() -> float:
        relay, gate = Relay(producer, owner="bench"), _Gate(outbox)
        relay.add(gate)
        work = asyncio.create_task(relay.run())
        await asyncio.sleep(0.1)
        producer.at.clear()
        writes = [
            outbox.insert({"_id": order.order_id}, [order], now=clock(), cause=BECAUSE)
            for order in (_placed() for _ in range(EVENTS))
        ]
        await _together(writes, WRITERS)
        gate.opened, began = True, time.perf_counter()
        relay.wake()
        await _until(lambda: len(producer.at) == EVENTS)
        ended = max(producer.at.values())
        await asyncio.sleep(0.01)
        await outbox.settled()
        if settled:
            ended = time.perf_counter()
        work.cancel()
        await asyncio.wait([work])
        return EVENTS / (ended - began)

    return timed


async def _of_pages(database: Any, producer: _Noting) -> Timed:
    store = Store(database, livemode=False, wake=lambda: None)
    await store.prepare()
    handlers = Handlers(store, clock)

    async def timed() -> float:
        project_id = id_of("prj", secrets.token_hex(8))
        content = ListingContent(
            names={"en": "Bench (demo)"}, standard="CDCER", type="bench", owner_id="own", place="CN510100",
            code=secrets.token_hex(4).upper(), unit_price_fen=1,
        )  # fmt: skip
        await handlers.change_listing(project_id, content, seen=0, cause=BECAUSE)
        report = Report(report=project_id, verifier="bench", verified_tonnes=10**6, tonnes=10**6, vintage=2024)
        await handlers.issue(project_id, report, batch_id=id_of("bat", project_id), cause=BECAUSE)
        for _ in range(PAGES):
            orders = [_placed().model_copy(update={"project_id": project_id}) for _ in range(ENTRIES)]
            await handlers.poll(
                [Envelope(id="-", time=clock(), sequence=1, livemode=False, data=order) for order in orders]
            )
        relay = Relay(producer, owner="bench")
        relay.add(store.source)
        producer.at.clear()
        began = time.perf_counter()
        work = asyncio.create_task(relay.run())
        place = {"_id": project_id, "next": {"$gt": PAGES + 2}}
        await _until(lambda: len(producer.at) == PAGES * ENTRIES + 1)
        while not await database["places"].find_one(place):  # noqa: ASYNC110 -- the place is in the database
            await asyncio.sleep(0.005)
        ended = time.perf_counter()
        work.cancel()
        await asyncio.wait([work])
        return len(producer.at) / (ended - began)

    return timed


async def ages(kafka: str, mongodb: str) -> list[float]:
    """Return how old each event was when it was acknowledged, in seconds since its write; steady, then in bursts."""
    async with _database(mongodb) as database, _producing(kafka) as producer:
        relay = Relay(producer, owner="bench")
        outbox = Outbox(database["orders"], livemode=False, wake=relay.wake)
        await outbox.prepare()
        relay.add(outbox)
        work = asyncio.create_task(relay.run())
        written: dict[bytes, float] = {}

        async def write() -> None:
            order = _placed()
            await outbox.insert({"_id": order.order_id}, [order], now=clock(), cause=BECAUSE)
            written[f"{order.order_id}.1".encode()] = time.perf_counter()

        steady = []
        for _ in range(WRITES_PER_SECOND * STEADY_SECONDS):
            steady.append(asyncio.create_task(write()))
            await asyncio.sleep(1 / WRITES_PER_SECOND)
        await asyncio.gather(*steady)
        for _ in range(BURSTS):
            await _together([write() for _ in range(BURST)], WRITERS)
            await asyncio.sleep(0.5)
        await _until(lambda: written.keys() <= producer.at.keys())
        await outbox.settled()
        work.cancel()
        await asyncio.wait([work])
        return [max(producer.at[event_id] - at, 0.0) for event_id, at in written.items()]
