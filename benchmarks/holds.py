"""Holds on one project, from Kafka to durable pages, against what a straightforward service does with each message."""

from __future__ import annotations

import asyncio
import contextlib
import gc
import json
import secrets
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from typing import Any

from aiokafka import AIOKafkaConsumer
from aiokafka.admin import AIOKafkaAdminClient, NewTopic

from services.registry import app, stream
from services.registry.domain.commands import ListingContent, Report
from services.registry.handlers.ledger import Handlers
from services.registry.store.store import Store
from shared.contracts.event import Cause, Envelope, to_record
from shared.contracts.orders import OrderPlaced
from shared.messaging import broker
from shared.messaging.broker import Producer
from shared.messaging.delivery import Delivery
from shared.messaging.outbox import clock
from shared.mongodb import connect
from shared.web.idempotency import id_of

HOLDS = 20_000
NAIVE_HOLDS = 300
NAIVE_TOPIC = "bench.holds"
CONCERNS = "w=majority&journal=true&readConcernLevel=majority"
LIMIT = "one core each: inserting a page with 500 unique keys takes half of the time, deciding and encoding it the rest"
CAUSE = Cause(id="bench")
Timed = Callable[[], Awaitable[float]]


class Awaited(Handlers):
    """The registry's handlers, and when they have taken as many messages as were sent."""

    left = 0
    done: asyncio.Event

    async def poll(self, events: Sequence[Envelope[Any]]) -> None:
        """Take a poll, and count it."""
        await super().poll(events)
        self.left -= len(events)
        if self.left <= 0:
            self.done.set()


@contextlib.asynccontextmanager
async def running(kafka: str, mongodb: str) -> AsyncIterator[tuple[Timed, Timed]]:
    """Yield both sides; each call returns holds per second, all of them durable, all their messages there before."""
    client = connect(f"{mongodb}/?{CONCERNS}")
    database = client[f"bench_{secrets.token_hex(4)}"]
    producer = Producer(kafka, replica="bench")
    await producer.start()
    async with _ours(kafka, database, producer) as ours, _naive(kafka, database, producer) as naive:
        yield ours, naive
    await producer.stop()
    client.close()


@contextlib.asynccontextmanager
async def _ours(kafka: str, database: Any, producer: Producer) -> AsyncIterator[Timed]:
    """The reader, the delivery and the handlers as the registry's app puts them together."""
    gc.set_threshold(app.VALUES_BETWEEN_COLLECTIONS)
    store = Store(database, livemode=False, wake=lambda: None)
    await store.prepare()
    handlers = Awaited(store, clock)
    delivery = Delivery(stream.consumes(handlers), service="registry", livemode=False, dead_letters=producer)
    reader = broker.reader(kafka, replica="bench")
    group = f"bench-{secrets.token_hex(4)}"
    subscriber = broker.subscribe(reader, delivery.topics, delivery.deliver, group=group, replica="bench")
    await reader.start()
    consumer = subscriber.consumer
    assert consumer is not None
    while not consumer.assignment():  # noqa: ASYNC110 -- the consumer offers nothing to wait for
        await asyncio.sleep(0.1)
    await consumer.seek_to_end()

    async def rate() -> float:
        project_id = await _project(handlers)
        consumer.pause(*consumer.assignment())
        await _send(producer, "order.placed", project_id, HOLDS)
        handlers.left, handlers.done = HOLDS, asyncio.Event()
        began = time.perf_counter()
        consumer.resume(*consumer.assignment())
        await handlers.done.wait()
        taken = time.perf_counter() - began
        last = await store.head(project_id)
        assert last is not None
        assert last.batches[0].held == HOLDS
        return HOLDS / taken

    yield rate
    await reader.stop()


@contextlib.asynccontextmanager
async def _naive(kafka: str, database: Any, producer: Producer) -> AsyncIterator[Timed]:
    """A loop: consume one, take it off the balance if that has it, insert the hold, commit."""
    admin = AIOKafkaAdminClient(bootstrap_servers=kafka)
    await admin.start()
    await admin.create_topics([NewTopic(NAIVE_TOPIC, num_partitions=1, replication_factor=1)])
    await admin.close()
    consumer = AIOKafkaConsumer(
        NAIVE_TOPIC,
        bootstrap_servers=kafka,
        group_id=f"naive-{secrets.token_hex(4)}",
        enable_auto_commit=False,
        auto_offset_reset="earliest",
    )
    await consumer.start()
    balances, held = database["balances"], database["held"]

    async def rate() -> float:
        project_id = id_of("prj", secrets.token_hex(8))
        await balances.insert_one({"_id": project_id, "available": 10**15})
        await _send(producer, NAIVE_TOPIC, project_id, NAIVE_HOLDS)
        began = time.perf_counter()
        for _ in range(NAIVE_HOLDS):
            order = json.loads((await consumer.getone()).value)
            grams = order["grams"]
            await balances.update_one(
                {"_id": order["project_id"], "available": {"$gte": grams}}, {"$inc": {"available": -grams}}
            )
            await held.insert_one({"_id": order["order_id"], "grams": grams})
            await consumer.commit()
        return NAIVE_HOLDS / (time.perf_counter() - began)

    yield rate
    await consumer.stop()


async def _project(handlers: Handlers) -> str:
    """List a project and issue a batch that is large enough."""
    project_id, code = id_of("prj", secrets.token_hex(8)), secrets.token_hex(5).upper()
    content = ListingContent(
        names={"en": "Bench (demo)"}, standard="CDCER", type="bench", owner_id="own", place="CN510100", code=code,
        unit_price_fen=1,
    )  # fmt: skip
    await handlers.change_listing(project_id, content, seen=0, cause=CAUSE)
    report = Report(report=project_id, verifier="bench", verified_tonnes=10**6, tonnes=10**6, vintage=2024)
    await handlers.issue(project_id, report, batch_id=id_of("bat", project_id), cause=CAUSE)
    return project_id


async def _send(producer: Producer, topic: str, project_id: str, count: int) -> None:
    """Put so many orders of one gram on the topic, acknowledged."""
    sent = []
    for _ in range(count):
        order_id = id_of("ord", secrets.token_hex(8))
        order = OrderPlaced(order_id=order_id, project_id=project_id, grams=1, listing_version=1)
        envelope = Envelope(id=f"{order_id}.1", time=clock(), sequence=1, livemode=False, data=order)
        sent.append(await producer.send(topic, to_record(envelope)))
    await asyncio.gather(*sent)
