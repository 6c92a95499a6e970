"""What ranking keeps of a fold, and what of it a start goes on from."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator, Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import pytest
from prometheus_client import REGISTRY
from pymongo import MongoClient

from services.ranking.app import create_app
from services.ranking.domain import Boards, Facts
from services.ranking.store import KEPT, PART_ROWS, Head, Store
from shared.settings import Settings
from shared.web.app import database
from tests.component.test_ranking import Town, four_guests, new_id, rows
from tests.conftest import served, until

Make = Callable[..., Settings]
Document = dict[str, Any]


@pytest.fixture
def town(publish: Any) -> Town:
    return Town(publish)


@contextlib.contextmanager
def stored(chosen: Settings) -> Any:
    """Yield the database of a replica, as one who tampers with it would have it."""
    with MongoClient[Document](chosen.mongodb_url, tz_aware=True) as client:
        yield client.get_default_database()


async def with_a_snapshot(chosen: Settings, town: Town) -> list[dict[str, Any]]:
    """Let ranking count four guests and keep that; return their lines."""
    await four_guests(town)
    async with served(create_app(chosen)) as ranking:

        async def kept() -> Any:
            with stored(chosen) as database:
                return database["snapshots"].find_one({"parts": {"$exists": True}})

        await until(kept)
        return await rows(ranking, city=town.city)


@contextlib.asynccontextmanager
async def counted(chosen: Settings) -> AsyncIterator[tuple[httpx.AsyncClient, Callable[[], float]]]:
    """Run ranking; yield it and how many messages it has folded since."""

    def delivered() -> float:
        samples = [sample for metric in REGISTRY.collect() for sample in metric.samples]
        return sum(sample.value for sample in samples if sample.name == "diandian_delivered_total")

    before = delivered()
    async with served(create_app(chosen)) as ranking:
        yield ranking, lambda: delivered() - before


async def test_a_start_goes_on_from_the_snapshot_and_hears_only_what_came_since(settings: Make, town: Town) -> None:
    chosen = settings("ranking")
    before = await with_a_snapshot(chosen, town)
    assert [row["value"] for row in before] == [9, 7, 7, 5]
    newcomer = new_id("ben")
    await town.name(newcomer, "Newcomer")
    await town.certify(newcomer, *[await town.scene() for _ in range(2)])
    async with counted(chosen) as (ranking, folded):
        lines = await rows(ranking, city=town.city)
        assert lines[:4] == before
        assert [row["name"] for row in lines[4:]] == ["Newcomer"]
        # One name, two scenes, two certificates.
        assert folded() == 5


def _tear_part(found: Any) -> None:
    part = found["snapshot_parts"].find_one({"kind": "certificates"})
    found["snapshot_parts"].update_one({"_id": part["_id"]}, {"$set": {"rows": part["rows"][:-7]}})


def _beyond(found: Any) -> None:
    (head,) = found["snapshots"].find({})
    offsets = [[topic, number, offset + 1_000_000] for topic, number, offset in head["offsets"]]
    found["snapshots"].update_one({"_id": head["_id"]}, {"$set": {"offsets": offsets}})


UNFIT: dict[str, Callable[[Any], Any]] = {
    "an altered part": _tear_part,
    "a missing part": lambda found: found["snapshot_parts"].delete_one({"number": 0}),
    "no end": lambda found: found["snapshots"].update_many({}, {"$unset": {"parts": ""}}),
    "other code": lambda found: found["snapshots"].update_many({}, {"$set": {"code": "0" * 64}}),
    "another Kafka": lambda found: found["snapshots"].update_many({}, {"$set": {"log": "another"}}),
    "offsets that this Kafka has not reached": _beyond,
    "an age of a day": lambda found: found["snapshots"].update_many(
        {}, {"$set": {"taken_at": datetime.now(UTC) - KEPT}}
    ),
    "a rebuild asked for since": lambda found: found["rebuilds"].insert_one({"_id": 1, "key": "k"}),
}


@pytest.mark.parametrize("unfit", UNFIT)
async def test_a_snapshot_that_does_not_fit_is_left_and_the_boards_are_the_same(
    settings: Make, town: Town, unfit: str
) -> None:
    chosen = settings("ranking")
    before = await with_a_snapshot(chosen, town)
    # A sign that tells whether it was used: the log knows nothing of this moment.
    with stored(chosen) as found:
        found["snapshots"].update_many({}, {"$set": {"as_of": "2099-01-01T00:00:00+00:00"}})
        UNFIT[unfit](found)
    async with served(create_app(chosen)) as ranking:
        assert (await ranking.get("/v1/boards/people")).json()["as_of"] < "2099"
        assert await rows(ranking, city=town.city) == before


async def test_a_snapshot_that_fits_is_told_by_the_same_sign(settings: Make, town: Town) -> None:
    chosen = settings("ranking")
    before = await with_a_snapshot(chosen, town)
    with stored(chosen) as found:
        found["snapshots"].update_many({}, {"$set": {"as_of": "2099-01-01T00:00:00+00:00"}})
    async with served(create_app(chosen)) as ranking:
        assert (await ranking.get("/v1/boards/people")).json()["as_of"] > "2099"
        assert await rows(ranking, city=town.city) == before


HEAD = Head("one", datetime.now(UTC).replace(microsecond=0), "code", "log", 0, None, {("certificate.issued", 3): 17})


def some_facts(count: int) -> Facts:
    from services.ranking.domain.facts import Revoked

    return {**Boards().facts(), "revocations": {f"cert_{index}": Revoked(f"cert_{index}") for index in range(count)}}


@pytest.fixture
async def store(settings: Make) -> AsyncIterator[Store]:
    made = Store(database(settings("ranking")))
    await made.prepare()
    yield made
    made.close()


async def test_what_is_kept_in_several_parts_comes_back_whole(store: Store) -> None:
    facts = some_facts(2 * PART_ROWS + 1)
    assert await store.keep(HEAD, facts)
    (head,) = await store.heads("code", "log", since=HEAD.taken_at)
    assert replace(head, parts=()) == HEAD
    assert len(head.parts) == 3
    assert [fact async for part in store.facts(head) for fact in part] == list(facts["revocations"].values())


async def test_of_two_replicas_that_keep_one_moment_one_writes(store: Store) -> None:
    assert await store.keep(HEAD, some_facts(1))
    assert not await store.keep(HEAD, some_facts(2))
    (head,) = await store.heads("code", "log", since=HEAD.taken_at)
    assert len([fact async for part in store.facts(head) for fact in part]) == 1


async def test_the_last_two_are_kept_and_all_expire_within_a_day(store: Store, settings: Make) -> None:
    times = [HEAD.taken_at + timedelta(minutes=10 * number) for number in range(4)]
    for number, at in enumerate(times):
        await store.keep(replace(HEAD, name=str(number), taken_at=at), some_facts(1))
    assert [head.name for head in await store.heads("code", "log", since=times[0])] == ["3", "2"]
    parts = store._parts.find({})
    assert sorted([part["snapshot"] async for part in parts]) == ["2", "3"]
    for collection in (store._snapshots, store._parts):
        indexes = await collection.index_information()
        assert indexes["taken_at_1"]["expireAfterSeconds"] == 24 * 3600
