"""The counts of windows on a real database: exact for acts of one moment, deleted when their hour has ended."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest_asyncio

from shared.throttle.store import WindowCounts
from shared.throttle.window import window
from shared.web.app import database

NOW = datetime.now(UTC)
HERE = window("secret", purpose="test", address="203.0.113.7", now=NOW)


@pytest_asyncio.fixture
async def collection(settings: Callable[..., Any]) -> AsyncIterator[Any]:
    opened = database(settings("throttle"))
    yield opened["throttle"]
    opened.client.close()


@pytest_asyncio.fixture
async def counts(collection: Any) -> WindowCounts:
    made = WindowCounts(collection)
    await made.prepare()
    await made.prepare()
    return made


async def test_of_acts_at_one_moment_as_many_are_admitted_as_the_limit_allows(counts: WindowCounts) -> None:
    admitted = await asyncio.gather(*(counts.admit(HERE, count_max=5) for _ in range(40)))
    assert (sum(admitted), await counts.count(HERE)) == (5, 5)


async def test_acts_of_one_moment_are_all_counted_and_a_full_window_still_counts(counts: WindowCounts) -> None:
    await asyncio.gather(*(counts.add(HERE) for _ in range(50)))
    assert await counts.count(HERE) == 50
    assert not await counts.admit(HERE, count_max=50)
    assert await counts.admit(HERE, count_max=51)
    assert await counts.count(HERE) == 51


async def test_windows_are_counted_apart_and_one_without_acts_is_empty(counts: WindowCounts) -> None:
    later = window("secret", purpose="test", address="203.0.113.7", now=NOW + timedelta(hours=1))
    await counts.add(HERE)
    assert await counts.count(later) == 0
    assert await counts.admit(later, count_max=1)


async def test_nothing_is_kept_of_a_window_but_its_key_count_and_end_and_the_database_deletes_it_then(
    counts: WindowCounts, collection: Any
) -> None:
    await counts.add(HERE)
    (kept,) = await collection.find({}).to_list(None)
    assert kept == {"_id": HERE.key, "count": 1, "ends_at": HERE.ends_at}
    indexes = await collection.index_information()
    assert {
        index["key"][0][0]: index["expireAfterSeconds"] for index in indexes.values() if "expireAfterSeconds" in index
    } == {"ends_at": 0}
