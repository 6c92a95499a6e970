"""What tests of one service, or of the messaging, share: a producer, and a collection of their own."""

from __future__ import annotations

import asyncio
import contextlib
import os
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio

from deploy.local.runtime import Local
from deploy.topics import create
from shared.messaging import broker
from shared.settings import Settings
from shared.web.app import database
from tests.component.town import Publish, Town
from tests.conftest import Infra
from tests.embedded import free_port


@contextlib.contextmanager
def kafka_of_its_own(infra: Infra, home: Path) -> Iterator[str]:
    """Yield the address of a Kafka that no other file uses, in the form that INFRA says; one that runs is shared."""
    match os.environ.get("INFRA", "embedded"):
        case "containers":
            from tests.containers import contained

            with contained() as (address, _):
                yield address
        case "running":
            yield infra.kafka
        case _:
            local = Local(home, free_port(), parts=("kafka",))
            local.up(say=lambda _line: None)
            try:
                asyncio.run(create(local.place.address_of("kafka")))
                yield local.place.address_of("kafka")
            finally:
                local.down(say=lambda _line: None)


@pytest_asyncio.fixture
async def producer(infra: Infra) -> AsyncIterator[broker.Producer]:
    started = broker.Producer(infra.kafka, replica="test")
    await started.start()
    yield started
    await started.stop()


@pytest_asyncio.fixture
async def orders(settings: Callable[..., Settings]) -> AsyncIterator[Any]:
    collection = database(settings("messaging"))["orders"]
    yield collection
    collection.database.client.close()


@pytest.fixture
def town(publish: Publish) -> Town:
    return Town(publish)
