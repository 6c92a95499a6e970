"""A replica that is stopped while it connects, or again while it stops, ends and leaves no connection behind."""

from __future__ import annotations

import asyncio
import contextlib
import gc
from collections.abc import Awaitable, Callable

import pytest
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer
from aiokafka.client import AIOKafkaClient
from aiokafka.conn import AIOKafkaConnection

from shared.contracts.topics import TOPICS
from shared.messaging import broker
from tests.conftest import Infra

STARTS = 100
STEP_SECONDS = 0.000_1
STOPS = 20


def connections() -> set[AIOKafkaConnection]:
    # By type, because `isinstance` asks weak proxies whose objects are gone.
    return {found for found in gc.get_objects() if type(found) is AIOKafkaConnection and found.connected()}


@pytest.mark.parametrize("what", ["check", "producer", "reader"])
async def test_a_start_that_is_cut_off_at_any_moment_leaves_no_connection_open(infra: Infra, what: str) -> None:
    before = connections()
    for number in range(STARTS):
        producer, reader = broker.Producer(infra.kafka, replica="cut"), broker.reader(infra.kafka, replica="cut")
        reader.subscriber(TOPICS[0].name)
        starts = {
            "check": lambda: broker.verify_topics(infra.kafka),
            "producer": producer.start,
            "reader": reader.start,
        }
        starting = asyncio.ensure_future(starts[what]())
        await asyncio.sleep(number * STEP_SECONDS)
        starting.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await starting
        await producer.stop()
        await reader.stop()
    assert not connections() - before


@pytest.mark.parametrize("what", ["client", "consumer", "producer"])
async def test_a_cancellation_that_comes_while_something_closes_is_not_lost(infra: Infra, what: str) -> None:
    for ticks in range(1, STOPS):
        close: Callable[[], Awaitable[None]]
        match what:
            case "client":
                client = AIOKafkaClient(bootstrap_servers=infra.kafka)
                await client.bootstrap()
                close = client.close
            case "consumer":
                consumer = AIOKafkaConsumer(TOPICS[0].name, bootstrap_servers=infra.kafka)
                await consumer.start()
                close = consumer.stop
            case _:
                producer = AIOKafkaProducer(bootstrap_servers=infra.kafka)
                await producer.start()
                close = producer.stop
        closing = asyncio.ensure_future(close())
        for _ in range(ticks):
            await asyncio.sleep(0)
        cancelled = closing.cancel()
        await asyncio.wait({closing})
        assert closing.cancelled() == cancelled, f"after {ticks} ticks"
    assert not [task for task in asyncio.all_tasks() if "aiokafka" in repr(task)]
