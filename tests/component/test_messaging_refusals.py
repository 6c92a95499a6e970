"""A topic that refuses records for a while: what it refuses is tried again, all else goes on, and all heals."""

from __future__ import annotations

import asyncio
import contextlib
import os
import secrets
from collections import Counter
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio
from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.admin.config_resource import ConfigResource, ConfigResourceType
from aiokafka.errors import KafkaError, MessageSizeTooLargeError
from prometheus_client import REGISTRY

from deploy.local.runtime import Local
from deploy.log import whole
from deploy.topics import create
from services.registry.domain.commands import ListingContent, Report
from services.registry.handlers.ledger import Handlers
from services.registry.store.store import Store
from shared.contracts.orders import OrderPlaced
from shared.contracts.registry import CreditsHeld, CreditsRefused, ProjectListed
from shared.contracts.topics import EVENT_BYTES_MAX, TOPICS
from shared.messaging import broker
from shared.messaging.outbox import Outbox, clock
from shared.messaging.relay import Relay
from shared.settings import Settings
from shared.web.app import database
from shared.web.idempotency import id_of
from tests.component.test_messaging import BECAUSE, placed
from tests.component.test_messaging_relays import all_settled, listed, relaying, true_of
from tests.component.test_registry import LISTING
from tests.conftest import PATIENCE_SECONDS, Infra, enveloped, until
from tests.embedded import free_port

SETTINGS = pytest.mark.parametrize(
    ("setting", "value"),
    [
        # Of large records alone, of all, and of those that take longer than a millisecond.
        ("max.message.bytes", "3000"),
        ("max.message.bytes", "100"),
        ("message.timestamp.before.max.ms", "1"),
    ],
)


@pytest.fixture(scope="module")
def kafka(infra: Infra, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A Kafka of these tests alone: services do not start beside a topic that differs."""
    if os.environ.get("INFRA", "embedded") != "embedded":
        yield infra.kafka
        return
    local = Local(Path(tmp_path_factory.mktemp("refusing")), free_port(), parts=("kafka",))
    local.up(say=lambda _line: None)
    asyncio.run(create(local.place.address_of("kafka")))
    yield local.place.address_of("kafka")
    local.down(say=lambda _line: None)


@contextlib.asynccontextmanager
async def producing(kafka: str, **more: Any) -> AsyncIterator[broker.Producer]:
    producer = broker.Producer(kafka, replica="refused", **more)
    await producer.start()
    try:
        yield producer
    finally:
        await producer.stop()


@pytest_asyncio.fixture
async def ledger(settings: Callable[..., Settings]) -> AsyncIterator[Any]:
    place = database(settings("registry"))
    yield place
    place.client.close()


class Topic:
    """A topic whose settings are changed and restored while records come."""

    def __init__(self, kafka: str, name: str) -> None:
        self._kafka, self._name = kafka, name
        (self._settings,) = [dict(topic.settings) for topic in TOPICS if topic.name == name]

    async def set(self, **settings: str) -> None:
        admin = AIOKafkaAdminClient(bootstrap_servers=self._kafka)
        await admin.start()
        named = self._settings | {name.replace("_", "."): value for name, value in settings.items()}
        await admin.alter_configs([ConfigResource(ConfigResourceType.TOPIC, self._name, named)])
        await admin.close()

    @contextlib.asynccontextmanager
    async def refusing(self, setting: str, value: str) -> AsyncIterator[None]:
        await self.set(**{setting.replace(".", "_"): value})
        try:
            yield
        finally:
            await self.set()


async def times_published(kafka: str, *topics: str) -> Counter[str]:
    """How often each event lies there, by its id."""
    return Counter([dict(record.headers).get("ce_id", b"").decode() async for record in whole(kafka, *topics)])


def figure(name: str, **labels: str) -> float:
    return REGISTRY.get_sample_value(name, labels) or 0


def large(project_id: str) -> ProjectListed:
    return listed(1, project_id).model_copy(update={"names": {f"xx-{number:02d}": "x" * 400 for number in range(10)}})


@SETTINGS
async def test_a_topic_that_refuses_for_a_while_holds_up_only_what_it_refuses_and_heals_without_a_restart(
    kafka: str, orders: Any, setting: str, value: str
) -> None:
    async with producing(kafka) as producer:
        relay = Relay(producer, owner="one")
        box = Outbox(orders, livemode=False, wake=relay.wake)
        await box.prepare()
        relay.add(box)
        events: list[str] = []

        async def write(*, of_large: bool) -> None:
            project_id = id_of("prj", secrets.token_hex(8))
            event = large(project_id) if of_large else listed(1, project_id)
            await box.insert({"_id": project_id}, [event], now=clock(), cause=BECAUSE)
            loaded = await orders.find_one({"_id": project_id})
            later = event.model_copy(update={"listing_version": 2})
            await box.change(loaded, {}, [later], now=clock(), cause=BECAUSE)
            events.extend([f"{project_id}.1", f"{project_id}.2"])

        async def write_other() -> str:
            order = placed()
            await box.insert({"_id": order.order_id}, [order], now=clock(), cause=BECAUSE)
            events.append(f"{order.order_id}.1")
            return order.order_id

        async def is_settled(document_id: str) -> bool:
            return not (await orders.find_one({"_id": document_id}))["outbox"]

        async with relaying(relay):
            await asyncio.gather(*(write(of_large=number % 10 == 0) for number in range(30)))
            await until(lambda: all_settled(orders))
            async with Topic(kafka, ProjectListed.topic).refusing(setting, value):
                before = figure("diandian_refused_total", topic=ProjectListed.topic)
                await asyncio.gather(*(write(of_large=number % 10 == 0) for number in range(60)))
                health = await until(relay.health)
                # Of another topic, and what the topic takes, goes on.
                other = await write_other()
                await until(lambda: is_settled(other))
                if setting == "max.message.bytes":
                    refused = 6 if value == "3000" else 60
                    await until(true_of(lambda: figure("diandian_outbox_retried") == refused))
                    await until(true_of(lambda: figure("diandian_outbox_oldest_seconds") > 3))
                if value == "100":
                    # Of sixty that wait, one is tried now and then.
                    assert figure("diandian_refused_total", topic=ProjectListed.topic) - before < 30
                assert ProjectListed.topic in health
                assert "prj_" in health
            await until(lambda: all_settled(orders))
            assert await relay.health() is None
            assert figure("diandian_outbox_retried") == figure("diandian_outbox_oldest_seconds") == 0
    found = await times_published(kafka, ProjectListed.topic, OrderPlaced.topic)
    assert {event: found[event] for event in events if not 1 <= found[event] <= 2} == {}


async def test_a_ledger_that_cannot_publish_the_pages_of_some_projects_publishes_those_of_others(
    kafka: str, ledger: Any
) -> None:
    async with producing(kafka) as producer:
        relay = Relay(producer, owner="one")
        store = Store(ledger, livemode=False, wake=relay.wake)
        await store.prepare()
        relay.add(store.source)
        handlers = Handlers(store, clock)
        events: list[str] = []

        async def project() -> str:
            project_id = id_of("prj", secrets.token_hex(8))
            content = ListingContent.model_validate({**LISTING, "code": secrets.token_hex(4).upper()})
            await handlers.change_listing(project_id, content, seen=0, cause=BECAUSE)
            report = Report(report=project_id, verifier="v", verified_tonnes=9, tonnes=9, vintage=2021)
            await handlers.issue(project_id, report, batch_id=id_of("bat", project_id), cause=BECAUSE)
            events.append(f"{project_id}.1.0")
            return project_id

        async def hold(project_id: str, page: int) -> None:
            # Of each page some are refused for want of stock: events of a topic that takes them.
            some = [placed().model_copy(update={"project_id": project_id, "grams": grams}) for grams in (5, 10**9) * 10]
            await handlers.poll([enveloped(order) for order in some])
            events.extend(f"{project_id}.{page}.{entry}" for entry in range(20))

        async def published(project_id: str) -> int:
            return int((await ledger["places"].find_one({"_id": project_id}))["next"]) - 1

        async with relaying(relay):
            projects = [await project() for _ in range(3)]
            async with Topic(kafka, CreditsHeld.topic).refusing("max.message.bytes", "100"):
                for page in (3, 4, 5):
                    await asyncio.gather(*(hold(project_id, page) for project_id in projects))
                health = await until(relay.health)
                assert any(project_id in health for project_id in projects)
                new = await project()

                async def listed_one() -> bool:
                    return await published(new) == 2

                await until(listed_one)
                await until(true_of(lambda: figure("diandian_outbox_oldest_seconds") > 6))

            async def all_published() -> bool:
                return [await published(project_id) for project_id in projects] == [5] * 3

            await until(all_published)
            assert await relay.health() is None
    found = await times_published(kafka, CreditsHeld.topic, CreditsRefused.topic, ProjectListed.topic)
    assert {event: found[event] for event in events if not 1 <= found[event] <= 2} == {}


async def test_a_project_with_a_page_that_cannot_be_read_is_named_and_tried_again_and_the_others_go_on(
    kafka: str, ledger: Any
) -> None:
    async with producing(kafka) as producer:
        relay = Relay(producer, owner="one")
        store = Store(ledger, livemode=False, wake=relay.wake)
        await store.prepare()
        relay.add(store.source)
        handlers = Handlers(store, clock)
        bad, good = (id_of("prj", secrets.token_hex(8)) for _ in range(2))
        for project_id in (bad, good):
            content = ListingContent.model_validate({**LISTING, "code": secrets.token_hex(4).upper()})
            await handlers.change_listing(project_id, content, seen=0, cause=BECAUSE)
        whole_page = await ledger["pages"].find_one({"_id": f"{bad}.{1:012d}"})
        await ledger["pages"].update_one({"_id": whole_page["_id"]}, {"$unset": {"day": ""}})

        async def published(project_id: str) -> bool:
            return bool((await ledger["places"].find_one({"_id": project_id}))["next"] == 2)

        async with relaying(relay):
            await until(lambda: published(good))
            assert bad in str(await until(relay.health))
            await ledger["pages"].update_one({"_id": whole_page["_id"]}, {"$set": {"day": whole_page["day"]}})
            await until(lambda: published(bad))
            assert await relay.health() is None


async def test_senders_beside_a_refused_record_lose_nothing_and_the_producer_goes_on(kafka: str) -> None:
    key, topic = secrets.token_hex(8).encode(), "dead.ranking"

    async with producing(kafka) as producer, Topic(kafka, topic).refusing("max.message.bytes", "3000"):
        acknowledged: list[bytes] = []

        async def send(value: bytes) -> None:
            while value not in acknowledged:
                with contextlib.suppress(KafkaError):
                    await (await producer.send(topic, (key, value, [])))
                    acknowledged.append(value)
                if len(value) > 3000:
                    return
                await asyncio.sleep(0.05)

        values = [b"%d" % number + b" " * (4000 if number % 20 == 7 else 10) for number in range(100)]
        async with asyncio.timeout(PATIENCE_SECONDS):
            for first in range(0, 100, 10):
                await asyncio.gather(*map(send, values[first : first + 10]))
        wanted = {value for value in values if len(value) < 3000}
        assert set(acknowledged) == wanted
    found = Counter([record.value async for record in whole(kafka, topic) if record.key == key])
    assert found.keys() == wanted
    assert max(found.values()) == 1


async def test_a_record_larger_than_its_topic_takes_is_refused_before_it_is_handed_over(kafka: str) -> None:
    async with producing(kafka) as producer:
        value = b"x" * EVENT_BYTES_MAX
        with pytest.raises(MessageSizeTooLargeError):
            await producer.send(OrderPlaced.topic, (b"k", value, []))
        await (await producer.send("dead.registry", (b"k", value, [])))
