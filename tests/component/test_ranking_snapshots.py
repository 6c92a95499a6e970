"""What ranking keeps of a fold, and what of it a start goes on from."""

from __future__ import annotations

import contextlib
import secrets
import zlib
from collections.abc import AsyncIterator, Callable, Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import pytest
from prometheus_client import REGISTRY
from pymongo import MongoClient

from services.ranking.app import create_app
from services.ranking.domain.boards import Boards
from services.ranking.domain.deeds import Deed
from services.ranking.domain.facts import Facts, Revoked
from services.ranking.store import AHEAD_MAX, PART_ROWS, SNAPSHOT_AGE_MAX, Head, Store
from shared.settings import Settings
from shared.web.app import database
from tests.component.town import Town, four_guests, new_id, rows
from tests.conftest import client_of, until

Make = Callable[..., Settings]
Document = dict[str, Any]


@contextlib.contextmanager
def stored(chosen: Settings) -> Iterator[Any]:
    """Yield the database of a replica, as one who tampers with it would have it."""
    with MongoClient[Document](chosen.mongodb_url, tz_aware=True) as client:
        yield client.get_default_database()


async def with_a_snapshot(chosen: Settings, town: Town) -> list[dict[str, Any]]:
    """Let ranking count four guests and keep that; return their lines."""
    await four_guests(town)
    async with client_of(create_app(chosen)) as ranking:

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
    async with client_of(create_app(chosen)) as ranking:
        yield ranking, lambda: delivered() - before


def _tear_parts(found: Any) -> None:
    for part in found["snapshot_parts"].find({"kind": "certificates"}):
        found["snapshot_parts"].update_one({"_id": part["_id"]}, {"$set": {"rows": part["rows"][:-7]}})


def _beyond(found: Any) -> None:
    for head in found["snapshots"].find({}):
        offsets = [[topic, number, offset + 1_000_000] for topic, number, offset in head["offsets"]]
        found["snapshots"].update_one({"_id": head["_id"]}, {"$set": {"offsets": offsets}})


def _set(**fields: Any) -> Callable[[Any], Any]:
    return lambda found: found["snapshots"].update_many({}, {"$set": fields})


UNFIT: dict[str, Callable[[Any], Any]] = {
    "an altered part": _tear_parts,
    "a part of another kind": lambda found: found["snapshot_parts"].update_many(
        {"kind": "certificates"}, {"$set": {"kind": "names"}}
    ),
    "a missing part": lambda found: found["snapshot_parts"].delete_many({"number": 0}),
    "no end": lambda found: found["snapshots"].update_many({}, {"$unset": {"parts": ""}}),
    "other code": _set(code="0" * 64),
    "another Kafka": _set(log="another"),
    "offsets that this Kafka has not reached": _beyond,
    "an age of a day": _set(taken_at=datetime.now(UTC) - SNAPSHOT_AGE_MAX),
    "a moment that is far ahead": _set(taken_at=datetime.now(UTC) + timedelta(days=3)),
    "a rebuild requested since": lambda found: found["rebuilds"].insert_one({"_id": 1, "number": 1, "key": "k"}),
}


@pytest.mark.parametrize("unfit", UNFIT)
async def test_a_snapshot_that_does_not_fit_is_left_and_the_boards_are_the_same(
    settings: Make, town: Town, unfit: str
) -> None:
    chosen = settings("ranking")
    before = await with_a_snapshot(chosen, town)
    # A sign that shows whether it was used: the log knows nothing of this moment.
    with stored(chosen) as found:
        found["snapshots"].update_many({}, {"$set": {"as_of": "2099-01-01T00:00:00+00:00"}})
        UNFIT[unfit](found)
    async with client_of(create_app(chosen)) as ranking:
        assert (await ranking.get("/v1/boards/people")).json()["as_of"] < "2099"
        assert await rows(ranking, city=town.city) == before


async def test_a_snapshot_that_fits_is_recognised_by_the_same_sign(settings: Make, town: Town) -> None:
    chosen = settings("ranking")
    before = await with_a_snapshot(chosen, town)
    with stored(chosen) as found:
        found["snapshots"].update_many({}, {"$set": {"as_of": "2099-01-01T00:00:00+00:00"}})
    async with client_of(create_app(chosen)) as ranking:
        assert (await ranking.get("/v1/boards/people")).json()["as_of"] > "2099"
        assert await rows(ranking, city=town.city) == before


NOW = datetime.now(UTC).replace(microsecond=0)
HEAD = Head("one", NOW, "code", "log", 0, None, {("certificate.issued", 3): 17})


def some_facts(count: int) -> Facts:
    return {**Boards().facts(), "revocations": {f"cert_{index}": Revoked(f"cert_{index}") for index in range(count)}}


@pytest.fixture
async def store(settings: Make) -> AsyncIterator[Store]:
    made = Store(database(settings("ranking")))
    await made.prepare()
    yield made
    made.close()


async def kept(store: Store, head: Head, facts: Facts) -> bool:
    return await store.claim(head.name, head.taken_at) and await store.keep(head, facts)


async def test_what_is_kept_in_several_parts_comes_back_whole(store: Store) -> None:
    facts = some_facts(2 * PART_ROWS + 1)
    assert await kept(store, HEAD, facts)
    (head,) = await store.heads("code", "log", now=NOW)
    assert replace(head, parts=()) == HEAD
    assert len(head.parts) == 3
    assert [fact async for part in store.facts(head) for fact in part] == list(facts["revocations"].values())


async def test_certificates_that_cover_hundreds_of_footprints_each_go_into_parts_that_fit(store: Store) -> None:
    def wide(number: int) -> Deed:
        covered = tuple(secrets.token_hex(13) for _ in range(500))
        return Deed(f"cert_{number}", 0, "ben_1", "person", None, 1, covered)

    certificates = {f"cert_{number}": wide(number) for number in range(2_000)}
    assert await kept(store, HEAD, {**Boards().facts(), "certificates": {**certificates}})
    (head,) = await store.heads("code", "log", now=NOW)
    assert len(head.parts) > 1
    assert [fact async for part in store.facts(head) for fact in part] == list(certificates.values())


async def test_of_two_replicas_that_keep_one_moment_one_writes(store: Store) -> None:
    assert await kept(store, HEAD, some_facts(1))
    assert not await kept(store, HEAD, some_facts(2))
    (head,) = await store.heads("code", "log", now=NOW)
    assert len([fact async for part in store.facts(head) for fact in part]) == 1


async def test_the_last_two_are_kept_and_all_expire_within_a_day(settings: Make) -> None:
    chosen = settings("ranking")
    store = Store(database(chosen))
    await store.prepare()
    times = [NOW + timedelta(minutes=10 * number) for number in range(4)]
    await kept(store, replace(HEAD, name="ahead", taken_at=NOW + AHEAD_MAX + timedelta(days=1)), some_facts(1))
    for number, at in enumerate(times):
        await kept(store, replace(HEAD, name=str(number), taken_at=at), some_facts(1))
    assert [head.name for head in await store.heads("code", "log", now=times[-1])] == ["3", "2"]
    store.close()
    with stored(chosen) as found:
        assert sorted(part["snapshot"] for part in found["snapshot_parts"].find({})) == ["2", "3"]
        for name in ("snapshots", "snapshot_parts"):
            assert found[name].index_information()["taken_at_1"]["expireAfterSeconds"] == 24 * 3600


async def test_a_snapshot_that_was_dropped_while_it_was_written_leaves_nothing(settings: Make) -> None:
    chosen = settings("ranking")
    store = Store(database(chosen))
    await store.prepare()
    # Nothing of this name is claimed: as after two newer ones were whole before it.
    assert not await store.keep(HEAD, some_facts(1))
    store.close()
    with stored(chosen) as found:
        assert found["snapshot_parts"].count_documents({}) == 0


async def test_an_erased_name_is_in_no_snapshot_that_is_taken_since(settings: Make, town: Town) -> None:
    chosen = settings("ranking")
    guest = new_id("ben")
    await town.name(guest, "Ginkgo of the Erased", board="named")
    await town.certify(guest, await town.scene())
    await town.name(guest, None, sequence=2)
    await with_a_snapshot(chosen, town)
    with stored(chosen) as found:
        names = b"".join(zlib.decompress(part["rows"]) for part in found["snapshot_parts"].find({"kind": "names"}))
    assert guest.encode() in names
    assert b"Ginkgo of the Erased" not in names
