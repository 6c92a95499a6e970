"""A service's messaging shows why it does not work, and works under its replica's name in one process at a time."""

from __future__ import annotations

import asyncio
import contextlib
import os
import secrets
import signal
import sys
from collections.abc import AsyncIterator, Callable, Sequence
from importlib.metadata import version
from pathlib import Path
from typing import Any

import pytest_asyncio
from aiokafka.admin import AIOKafkaAdminClient, NewTopic
from structlog.testing import capture_logs

from shared.contracts.event import Envelope
from shared.contracts.orders import OrderPlaced
from shared.messaging import broker
from shared.messaging.aiokafka_internals import VERSIONS_KNOWN
from shared.messaging.outbox import Outbox, clock
from shared.messaging.replica import Replica
from shared.messaging.service import Messaging
from shared.settings import Settings
from shared.web.app import database
from tests.component.test_messaging import BECAUSE, placed
from tests.component.test_messaging_relays import all_settled, true_of
from tests.conftest import PATIENCE, PATIENCE_SECONDS, Infra, enveloped, until

ROOT = Path(__file__).parents[2]
HOLDER = """
import asyncio, sys
from shared.messaging.replica import Replica
from shared.mongodb import connect

async def main():
    print(await Replica(connect(sys.argv[1]).get_default_database(), "orders-1").take(), flush=True)
    await asyncio.Event().wait()

asyncio.run(main())
"""


@pytest_asyncio.fixture
async def place(settings: Callable[..., Settings]) -> AsyncIterator[tuple[Settings, Any]]:
    """Settings of a service, and its database."""
    given = settings("orders")
    mongodb = database(given)
    yield given, mongodb
    mongodb.client.close()


async def _take_all(_: Sequence[Any]) -> None:
    """Take them."""


async def test_a_messaging_task_that_ends_is_logged_with_its_reason_and_makes_the_service_unready(
    infra: Infra, place: tuple[Settings, Any]
) -> None:
    admin = AIOKafkaAdminClient(bootstrap_servers=infra.kafka)
    await admin.start()
    narrow = f"narrow.{secrets.token_hex(3)}"
    await admin.create_topics([NewTopic(narrow, 1, 1)])
    await admin.close()
    messaging = Messaging(place[0], service="orders", database=place[1])
    # Heartbeats go to twelve partitions, and this topic has one: a fault that no waiting mends.
    messaging.heartbeat(type("Narrow", (OrderPlaced,), {"topic": narrow}))
    with capture_logs() as lines:
        async with messaging.running():
            reason = await until(messaging.health)
    assert reason.startswith("messaging has ended: AssertionError")
    (line,) = [line for line in lines if line["event"] == "messaging has ended"]
    assert (line["log_level"], line["reason"]) == ("critical", reason)


async def test_an_error_of_faststream_itself_reaches_the_log(infra: Infra, publish: Any) -> None:
    name = f"broken-{secrets.token_hex(4)}"
    reader = broker.reader(infra.kafka, replica=name)

    async def broken(_: Any, __: Any) -> None:
        raise RuntimeError(name)

    broker.subscribe(reader, [OrderPlaced.topic], broken, group=name, replica=name)
    await publish(enveloped(placed()))
    with capture_logs() as lines:
        await reader.start()
        await until(true_of(lambda: any(name in repr(line) for line in lines)))
        await reader.stop()
    assert {line["log_level"] for line in lines if line["event"] == "faststream"} == {"error"}


async def test_the_later_of_two_processes_under_one_name_reports_it_and_works_when_the_earlier_is_gone(
    infra: Infra, place: tuple[Settings, Any], publish: Any
) -> None:
    given, mongodb = place
    read: dict[str, list[str]] = {"earlier": [], "later": []}

    def replica(which: str) -> Messaging:
        async def handle(events: Sequence[Envelope[Any]]) -> None:
            read[which] += [event.subject for event in events]

        messaging = Messaging(given, service="ranking", database=mongodb)
        messaging.consume({OrderPlaced: handle})
        return messaging

    async def passes_on(which: str) -> bool:
        order = placed()
        await publish(enveloped(order))
        await until(true_of(lambda: order.order_id in read[which]))
        return True

    earlier, later = replica("earlier"), replica("later")
    async with contextlib.AsyncExitStack() as both:
        async with earlier.running():
            await passes_on("earlier")
            subscriber = earlier.subscriber
            assert subscriber is not None
            assert subscriber.consumer is not None
            coordinator = subscriber.consumer._coordinator
            generation = coordinator.generation
            await both.enter_async_context(later.running())
            health = await until(later.health)
            assert health == f"process {os.getpid()} on {os.uname().nodename} works as {given.replica} already"
            await passes_on("earlier")
            assert coordinator.generation == generation
            assert await earlier.health() is None
            assert read["later"] == []
        await passes_on("later")
        assert await later.health() is None


async def test_a_process_whose_name_another_has_taken_stops_reading_and_goes_on_when_it_is_free(
    infra: Infra, place: tuple[Settings, Any]
) -> None:
    given, mongodb = place
    messaging = Messaging(given, service="orders", database=mongodb)
    box = Outbox(mongodb["orders"], livemode=False, wake=messaging.wake)
    messaging.publish(box)
    replicas, name = mongodb["replicas"], {"_id": given.replica}

    async def publishes() -> bool:
        order = placed()
        await box.insert({"_id": order.order_id}, [order], now=clock(), cause=BECAUSE)
        await until(lambda: all_settled(mongodb["orders"]))
        return True

    async with messaging.running():
        assert await publishes()
        mine = await replicas.find_one(name)
        other = {"lease.token": "another", "lease.until": mine["lease"]["until"].replace(year=2099)}
        await replicas.update_one(name, {"$set": other})
        assert "already" in await until(messaging.health)
        assert messaging._producer._connection is None
        await replicas.update_one(name, {"$set": {"lease.until": clock()}})
        await until(true_of(lambda: messaging._producer._connection is not None))
        assert await publishes()
        assert await messaging.health() is None


async def test_a_stop_ends_a_service_that_is_losing_its_name(place: tuple[Settings, Any]) -> None:
    given, mongodb = place

    async def never_answers(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writes.append(writer)

    writes: list[asyncio.StreamWriter] = []
    silent = await asyncio.start_server(never_answers, "127.0.0.1", 0)
    port = silent.sockets[0].getsockname()[1]
    messaging = Messaging(
        given.model_copy(update={"kafka_bootstrap_servers": f"127.0.0.1:{port}"}), service="orders", database=mongodb
    )

    def keeps_its_name() -> bool:
        running = (task.get_coro() for task in asyncio.all_tasks())
        return any(coro is not None and coro.__qualname__ == "Replica.keep" for coro in running)

    try:
        async with asyncio.timeout(PATIENCE_SECONDS * PATIENCE), messaging.running():
            await until(true_of(keeps_its_name))
            await mongodb["replicas"].update_one({"_id": given.replica}, {"$set": {"lease.token": "another"}})
            # What connects to Kafka is being cancelled now, and takes a second to end.
            await until(true_of(lambda: not keeps_its_name()))
    finally:
        silent.close()
        for writer in writes:
            writer.close()
    assert "orders messaging" not in {task.get_name() for task in asyncio.all_tasks()}


async def test_a_name_whose_process_was_killed_is_free_at_once(
    infra: Infra, place: tuple[Settings, Any], settings: Callable[..., Settings]
) -> None:
    given, mongodb = place
    holder = await asyncio.create_subprocess_exec(
        sys.executable, "-c", HOLDER, given.mongodb_url, cwd=ROOT, stdout=asyncio.subprocess.PIPE
    )
    assert holder.stdout is not None
    assert await holder.stdout.readline() == b"None\n"
    mine = Replica(mongodb, "orders-1")
    assert f"process {holder.pid} on" in str(await mine.take())
    holder.send_signal(signal.SIGKILL)
    await holder.wait()
    assert await mine.take() is None


async def test_documents_of_the_first_version_get_the_name_of_their_sequence(orders: Any) -> None:
    box = Outbox(orders, livemode=False, wake=lambda: None)
    order = placed()
    await box.insert({"_id": order.order_id}, [order], now=clock(), cause=BECAUSE)
    await orders.update_one({"_id": order.order_id}, {"$rename": {"event_sequence": "said"}})
    for _ in range(2):
        await box.prepare()
    loaded = await orders.find_one({"_id": order.order_id})
    assert (loaded["event_sequence"], "said" in loaded) == (1, False)
    await box.change(loaded, {}, [order], now=clock(), cause=BECAUSE)


def test_the_version_of_aiokafka_is_one_whose_source_was_read() -> None:
    assert version("aiokafka") in VERSIONS_KNOWN, (
        "aiokafka is another version. Read its AIOKafkaClient.bootstrap (does it close the connection that it opens "
        "when it is cancelled?), PartitionRecords._unpack_records (does it read past a name that is not UTF-8?), "
        "Sender._sender_routine, MessageAccumulator.fail_all and its errors against "
        "shared/messaging/aiokafka_internals.py, undecodable.py and broker.LOST_COUNT; "
        "run tests/component/test_messaging_*; then add it there."
    )
