"""What tests of one service, or of the messaging, share: a producer, and a collection of their own."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from typing import Any

import pytest
import pytest_asyncio

from shared.messaging import broker
from shared.settings import Settings
from shared.web.app import database
from tests.component.town import Publish, Town
from tests.conftest import Infra


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
