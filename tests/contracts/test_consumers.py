"""Every message ever committed is taken by every service that consumes its topic, and a second time as well."""

from __future__ import annotations

import contextlib
import importlib
import json
from collections.abc import AsyncIterator, Callable
from datetime import UTC, datetime
from typing import Any

import httpx
import pytest
import pytest_asyncio

from deploy.dead import DeadLetter, dead_letters
from deploy.generate.cards import consumed_by
from shared.contracts.event import Record
from shared.contracts.topics import SERVICES
from shared.messaging import broker
from tests import offsets
from tests.conftest import Infra, client_of, until
from tests.contracts.hostile import about_others
from tests.contracts.test_events import examples

GROUPS = tuple(service for service in SERVICES if service != "ranking")
# On the topics lies whatever the tests before have published, some thousand messages, and each service reads it all.
ALL_READ_SECONDS = 120.0
# About things of their own: what a service makes of the examples in one test, as a certificate with its time, would
# contradict them in another.
EXAMPLES = [(contract, about_others(message, "consumers")) for contract, message in examples()]
SUBJECTS = {message["headers"]["ce_subject"] for _, message in EXAMPLES}


def record(message: dict[str, Any], *, replayed_from: str | None = None) -> Record:
    """Return a committed message as it goes on a topic; one that is replayed names the topic it was published on."""
    headers = [(name, text.encode()) for name, text in message["headers"].items()]
    if replayed_from is not None:
        headers.append(("dead_topic", replayed_from.encode()))
    return message["key"].encode(), json.dumps(message["value"]).encode(), headers


@pytest_asyncio.fixture(scope="module")
async def producer(infra: Infra) -> AsyncIterator[broker.Producer]:
    started = broker.Producer(infra.kafka, replica="test")
    await started.start()
    yield started
    await started.stop()


@pytest_asyncio.fixture(scope="module")
async def published_at(producer: broker.Producer) -> datetime:
    """When every example began to be put on its topic, twice."""
    began = datetime.now(UTC)
    for contract, message in EXAMPLES * 2:
        await (await producer.send(contract.topic, record(message)))
    return began


@pytest_asyncio.fixture
async def log(infra: Infra) -> AsyncIterator[offsets.Log]:
    async with offsets.opened(infra.kafka) as opened:
        yield opened


def running(service: str, settings: Callable[..., Any]) -> contextlib.AbstractAsyncContextManager[httpx.AsyncClient]:
    """The real service, with a database of its own and ready."""
    app = importlib.import_module(f"services.{service}.app")
    # A static member comes back to its partitions without a wait, so it is the one of the component tests.
    return client_of(app.create_app(settings(service, kind=app.Settings, replica=f"{service}-test")))


async def letters(infra: Infra, service: str, since: datetime) -> list[DeadLetter]:
    """Return the dead letters about the examples' subjects since then."""
    found = [letter async for letter in dead_letters(infra.kafka, service)]
    return [letter for letter in found if letter.subject in SUBJECTS and letter.dead_lettered_at >= since]


@pytest.mark.parametrize("service", SERVICES)
async def test_every_message_ever_committed_is_taken_by_each_service_that_consumes_it_and_so_is_its_repeat(
    service: str, infra: Infra, published_at: datetime, settings: Callable[..., Any], log: offsets.Log
) -> None:
    # Ranking has no group; it is ready when it has folded all that lay there at its start.
    async with running(service, settings):
        if service in GROUPS:
            await until(lambda: log.is_read_by(service), seconds=ALL_READ_SECONDS)
    assert await letters(infra, service, published_at) == []


@pytest.mark.parametrize("service", GROUPS)
async def test_a_message_that_breaks_its_contract_is_seen_among_the_dead_letters(
    service: str, infra: Infra, producer: broker.Producer, settings: Callable[..., Any], log: offsets.Log
) -> None:
    began, consumed = datetime.now(UTC), consumed_by(service)
    broken = [
        (contract.topic, {**message, "value": {**message["value"], contract.subject: 7}})
        for contract, message in EXAMPLES
        if contract in consumed
    ]
    # By the service's replay topic: what lies on the topics themselves, everybody reads.
    for topic, message in broken:
        await (await producer.send(f"replay.{service}", record(message, replayed_from=topic)))
    async with running(service, settings):
        await until(lambda: log.is_read_by(service, f"replay.{service}"), seconds=ALL_READ_SECONDS)
    found = await letters(infra, service, began)
    assert sorted((letter.topic, letter.subject) for letter in found) == sorted(
        (topic, message["headers"]["ce_subject"]) for topic, message in broken
    )
