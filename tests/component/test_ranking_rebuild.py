"""A rebuild: everything is folded again beside the live boards, compared with them and put in their place."""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import httpx
import pytest

from deploy.issuer import LocalIssuer
from services.ranking.app import create_app
from services.ranking.domain.comparison import Progress
from services.ranking.domain.deeds import Deed
from services.ranking.domain.facts import FACTS, Fact, Published
from services.ranking.store import Store
from shared.mongodb import AutoReconnect
from shared.settings import Settings
from shared.web.app import database
from tests.component.conftest import kafka_of_its_own
from tests.component.test_ranking_snapshots import stored, with_a_snapshot
from tests.component.town import Town, four_guests, new_id, rows
from tests.conftest import Infra, client_of, until

Make = Callable[..., Settings]
PUBLISHERS = 20


@pytest.fixture(scope="module")
def infra(infra: Infra, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Infra]:
    """A Kafka of its own: a comparison counts every fact there is, also those that other tests have left there."""
    with kafka_of_its_own(infra, tmp_path_factory.mktemp("kafka")) as address:
        yield replace(infra, kafka=address)


@pytest.fixture
def staff(issuer: tuple[LocalIssuer, str, str]) -> dict[str, str]:
    return {"Authorization": f"Bearer {issuer[0].token('operator', 'ranking:rebuild')}"}


async def request_rebuild(ranking: httpx.AsyncClient, staff: dict[str, str], key: str | None = None) -> dict[str, Any]:
    headers = {**staff, "Idempotency-Key": key or secrets.token_hex(8)}
    answer = await ranking.post("/v1/board-rebuilds", headers=headers)
    assert answer.status_code == 202, answer.text
    requested: dict[str, Any] = answer.json()
    return requested


async def done(ranking: httpx.AsyncClient, staff: dict[str, str], number: int, replicas: int = 1) -> list[Any]:
    """Return what each replica found, once all have found it."""

    async def compared() -> Any:
        answer = await ranking.get(f"/v1/board-rebuilds/{number}", headers=staff)
        found = [replica["comparison"] for replica in answer.json()["replicas"]]
        return found if len(found) == replicas and all(found) else None

    comparisons: list[Any] = await until(compared)
    return comparisons


async def test_a_rebuild_of_right_boards_finds_no_difference_and_loses_nothing_that_comes_meanwhile(
    settings: Make, town: Town, staff: dict[str, str]
) -> None:
    async with client_of(create_app(settings("ranking"))) as ranking:
        await four_guests(town)

        async def all_there() -> bool:
            return [row["value"] for row in await rows(ranking, city=town.city)] == [9, 7, 7, 5]

        await until(all_there)
        # A board that somebody has looked at is compared too.
        assert (await ranking.get("/v1/boards/people")).status_code == 200
        scene = await town.scene()
        requested = await request_rebuild(ranking, staff)
        ending, guests = asyncio.Event(), []

        async def more() -> None:
            while not ending.is_set():
                guest = new_id("ben")
                guests.append(guest)
                await town.name(guest, f"Guest {len(guests)}")
                await town.certify(guest, scene)

        # So many that some come in every moment of it.
        coming = asyncio.gather(*(more() for _ in range(PUBLISHERS)))
        (comparison,) = await done(ranking, staff, requested["rebuild"])
        ending.set()
        await coming
        assert (comparison["facts_differ"], comparison["boards_differ"]) == (0, 0)
        assert comparison["facts"] > 28
        assert comparison["boards"] >= 1
        assert len(guests) > 1

        async def all_of_them() -> bool:
            return len(await rows(ranking, city=town.city)) == 4 + len(guests)

        await until(all_of_them)


async def test_a_rebuild_finds_what_the_log_does_not_say_and_it_is_gone_for_good(
    settings: Make, town: Town, staff: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    chosen = settings("ranking")
    right = await with_a_snapshot(chosen, town)
    scene = await town.scene()
    store = Store(database(chosen))
    # A snapshot that holds up, and holds a certificate that was never issued.
    with stored(chosen) as found:
        written = found["snapshots"].find_one({"parts": {"$exists": True}})
    head = (await store.heads(written["code"], written["log"], now=datetime.now(UTC)))[0]
    facts: dict[str, dict[str, Fact]] = {kind: {} for kind in FACTS}
    async for part in store.facts(head):
        for fact in part:
            (kind,) = [kind for kind, shape in FACTS.items() if isinstance(fact, shape)]
            facts[kind][str(fact)] = fact
    scenes = [fact.scene for fact in facts["scenes"].values() if isinstance(fact, Published)]
    here = {published.scene_id for published in scenes if published.city == town.city}
    # Of a guest of this town: other tests have certificates that count on no board of people.
    deeds = [fact for fact in facts["certificates"].values() if isinstance(fact, Deed) and fact.scene_id in here]
    facts["certificates"]["never"] = deeds[0]._replace(certificate_id=new_id("cert"), scene_id=scene.scene_id)
    later = replace(head, name="later", taken_at=datetime.now(UTC))
    assert await store.claim(later.name, later.taken_at)
    assert await store.keep(later, facts)
    store.close()
    write_progress, seen = Store.write_progress, []
    async with client_of(create_app(chosen)) as ranking:

        async def first_in_vain(self: Store, rebuild: int, progress: Progress) -> None:
            if progress.comparison is not None:
                seen.append(await rows(ranking, city=town.city))
                if len(seen) == 1:
                    raise AutoReconnect
            await write_progress(self, rebuild, progress)

        monkeypatch.setattr(Store, "write_progress", first_in_vain)
        assert await rows(ranking, city=town.city) != right
        requested = await request_rebuild(ranking, staff)
        (comparison,) = await done(ranking, staff, requested["rebuild"])
        assert seen == [right, right], "whoever reads it looks at boards that are right"
        assert comparison["facts_differ"] == 1, "and it holds what was found, though it could not be written at first"
        assert comparison["boards_differ"] >= 1
        assert await rows(ranking, city=town.city) == right
    async with client_of(create_app(chosen)) as restarted:
        assert await rows(restarted, city=town.city) == right


async def test_every_replica_rebuilds_once_whatever_is_requested_twice(
    settings: Make, town: Town, staff: dict[str, str]
) -> None:
    chosen = settings("ranking")
    await four_guests(town)
    other = chosen.model_copy(update={"replica": f"{chosen.replica}.b"})
    async with client_of(create_app(chosen)) as one, client_of(create_app(other)) as two:
        requested = await request_rebuild(one, staff, "the same wish")
        assert (await request_rebuild(two, staff, "the same wish"))["rebuild"] == requested["rebuild"]
        assert len(await done(two, staff, requested["rebuild"], replicas=2)) == 2
        later = await request_rebuild(two, staff)
        assert later["rebuild"] > requested["rebuild"]
        assert len(await done(one, staff, later["rebuild"], replicas=2)) == 2


async def test_after_a_rebuild_a_start_goes_on_from_a_snapshot_of_it(
    settings: Make, town: Town, staff: dict[str, str]
) -> None:
    chosen = settings("ranking")
    before = await with_a_snapshot(chosen, town)
    async with client_of(create_app(chosen)) as ranking:
        requested = await request_rebuild(ranking, staff)
        await done(ranking, staff, requested["rebuild"])

        async def kept() -> Any:
            with stored(chosen) as found:
                return found["snapshots"].find_one({"rebuild": requested["rebuild"], "parts": {"$exists": True}})

        await until(kept)
    with stored(chosen) as found:
        found["snapshots"].update_many(
            {"rebuild": requested["rebuild"]}, {"$set": {"as_of": "2099-01-01T00:00:00+00:00"}}
        )
    async with client_of(create_app(chosen)) as ranking:
        assert (await ranking.get("/v1/boards/people")).json()["as_of"] > "2099"
        assert await rows(ranking, city=town.city) == before


async def test_a_database_wiped_while_ranking_runs_takes_rebuilds_all_the_same(
    settings: Make, town: Town, staff: dict[str, str]
) -> None:
    chosen = settings("ranking")
    await four_guests(town)
    async with client_of(create_app(chosen)) as ranking:
        first = await request_rebuild(ranking, staff)
        await done(ranking, staff, first["rebuild"])
        with stored(chosen) as found:
            found.client.drop_database(found.name)
        second = await request_rebuild(ranking, staff)
        assert second["rebuild"] > first["rebuild"]
        await done(ranking, staff, second["rebuild"])


async def test_rebuilds_are_for_staff_and_named_by_number(
    settings: Make, staff: dict[str, str], issuer: tuple[LocalIssuer, str, str]
) -> None:
    async with client_of(create_app(settings("ranking"))) as ranking:
        key = {"Idempotency-Key": "a rebuild"}
        assert (await ranking.post("/v1/board-rebuilds", headers=key)).status_code == 401
        others = {"Authorization": f"Bearer {issuer[0].token('cashier', 'orders:read')}", **key}
        assert (await ranking.post("/v1/board-rebuilds", headers=others)).status_code == 403
        keyless = await ranking.post("/v1/board-rebuilds", headers=staff)
        assert (keyless.status_code, keyless.json()["code"]) == (400, "idempotency_key_missing")
        unknown = await ranking.get("/v1/board-rebuilds/7", headers=staff)
        assert (unknown.status_code, unknown.json()["code"]) == (404, "not_found")
