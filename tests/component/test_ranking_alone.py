"""Ranking on a Kafka of its own: hostile events, which no other test may meet, and a log that stands still."""

from __future__ import annotations

import contextlib
import secrets
from collections.abc import AsyncIterator, Callable, Iterator
from typing import Any

import httpx
import pytest
import pytest_asyncio
from structlog.testing import capture_logs

from deploy.issuer import LocalIssuer
from deploy.log import whole
from services.ranking.app import create_app
from shared.contracts.calculator import ScenePublished
from shared.contracts.event import to_record
from shared.messaging import broker
from shared.settings import Settings
from shared.web.auth import CAPABILITY_HEADER
from tests.component.conftest import kafka_of_its_own
from tests.component.hostile_records import a_name, publish_hostile, sent
from tests.component.test_ranking_reading import forwarded
from tests.component.test_ranking_rebuild import done, request_rebuild
from tests.component.test_ranking_snapshots import counted, stored, with_a_snapshot
from tests.component.town import Town, four_guests, new_id, rows
from tests.conftest import Infra, client_of, enveloped, until
from tests.embedded import free_port

Make = Callable[..., Settings]


@pytest.fixture(scope="module")
def kafka(infra: Infra, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with kafka_of_its_own(infra, tmp_path_factory.mktemp("kafka")) as address:
        yield address


@pytest_asyncio.fixture
async def producer(kafka: str) -> AsyncIterator[broker.Producer]:
    started = broker.Producer(kafka, replica="test")
    await started.start()
    yield started
    await started.stop()


@pytest.fixture
def town(producer: broker.Producer) -> Town:
    async def put(*envelopes: Any) -> None:
        for envelope in envelopes:
            await (await producer.send(envelope.data.topic, to_record(envelope)))

    return Town(put)


@pytest.fixture
def chosen(settings: Make, kafka: str) -> Settings:
    return settings("ranking", kafka_bootstrap_servers=kafka)


@pytest.fixture
def staff(issuer: tuple[LocalIssuer, str, str]) -> dict[str, str]:
    return {"Authorization": f"Bearer {issuer[0].token('operator', 'ranking:rebuild')}"}


async def everything(ranking: httpx.AsyncClient, scene: ScenePublished, guest: str) -> list[dict[str, Any]]:
    """Look at all that ranking shows, none of which may fail; return the guest's boards."""
    queries = [f"window={window}" for window in ("day", "week", "month", "year", "all")]
    queries += ["measure=mass_g", f"scene={scene.code}", f"city={scene.city}"]
    for board in ("people", "companies", "scenes"):
        for query in queries:
            refused = board == "scenes" and query.startswith(("scene=", "city="))
            for address in (f"/v1/boards/{board}?{query}", f"/boards/{board}?{query}"):
                answer = await ranking.get(address)
                assert answer.status_code == (422 if refused else 200), (address, answer.text[:300])
    for language in ("en", "zh", "hi"):
        for address in ("/boards/scenes", "/boards/people", f"/boards/wall?scene={scene.code}"):
            assert (await ranking.get(address, headers={"Accept-Language": language})).status_code == 200
    shown = {CAPABILITY_HEADER: "t"}
    for name in ("my-rank", "around-me"):
        answer = await ranking.get(f"/v1/boards/people/{name}?beneficiary={guest}", headers=shown)
        assert answer.status_code == 200, answer.text
    assert (await ranking.get("/v1/boards/people")).json()["as_of"] < "2200"
    return await rows(ranking, city=scene.city)


async def test_hostile_events_stop_no_board_and_lie_once_on_the_dead_letters_with_their_reason(
    chosen: Settings, kafka: str, town: Town, producer: broker.Producer, staff: dict[str, str]
) -> None:
    places = await publish_hostile(producer, town)
    guest, scene = new_id("ben"), await town.scene()
    await town.name(guest, "Heron")
    await town.certify(guest, scene)
    async with client_of(create_app(chosen)) as ranking:
        board = await everything(ranking, scene, guest)
        assert "Heron" in [row["name"] for row in board]
        (found,) = await done(ranking, staff, (await request_rebuild(ranking, staff))["rebuild"])
        assert (found["facts_differ"], found["boards_differ"]) == (0, 0)
        assert await everything(ranking, scene, guest) == board

        async def kept() -> Any:
            with stored(chosen) as database:
                return database["snapshots"].find_one({"parts": {"$exists": True}, "rebuild": {"$gt": 0}})

        await until(kept)
    async with counted(chosen) as (restarted, folded):
        assert await everything(restarted, scene, guest) == board
        assert folded() == 0
    letters = [letter async for letter in whole(kafka, "dead.ranking") if letter.key in places]
    assert {places[letter.key] for letter in letters} == set(places.values())
    assert len(letters) == len(places)
    kinds = {dict(letter.headers)["dead_reason"].partition(b":")[0].decode() for letter in letters}
    assert kinds <= {"MalformedEvent", "OtherMode", "OutOfBounds", "FootprintDiffers", "CertificateDiffers"}
    # Of a name the place only: its bytes leave the log when it is erased.
    for letter in letters:
        of_a_name = letter.key.startswith(b"beneficiary.named")
        assert (letter.value == b"") == of_a_name
        assert not (of_a_name and b":" in dict(letter.headers)["dead_reason"])


async def test_a_poison_message_is_skipped_and_lies_once_on_the_dead_letters_whoever_meets_it_how_often(
    chosen: Settings, kafka: str, town: Town, producer: broker.Producer
) -> None:
    guest = new_id("ben")
    *_, headers = to_record(enveloped(a_name()))
    places = [
        await sent(producer, "beneficiary.named", (secrets.token_bytes(8), body, attributes))
        for body, attributes in (
            (b"\xff", [("ce_specversion", b"\xff")]),
            (b"{}", headers),
            # A null is no message.
            (None, []),
        )
    ]
    for _ in range(2):
        async with client_of(create_app(chosen)) as ranking:
            await town.name(guest, "Heron", sequence=2)
            await town.certify(guest, await town.scene())
            await until(lambda: rows(ranking, city=town.city))
    letters = [letter.key async for letter in whole(kafka, "dead.ranking") if letter.key in places]
    assert sorted(letters) == sorted(places[:2])


async def test_while_kafka_takes_no_dead_letter_nothing_behind_it_counts_and_then_all_does(
    settings: Make, kafka: str, town: Town, producer: broker.Producer
) -> None:
    port = free_port()
    chosen = settings("ranking", kafka_bootstrap_servers=f"127.0.0.1:{port}")
    guest, scene = new_id("ben"), await town.scene()
    await town.name(guest, "Heron")
    async with contextlib.AsyncExitStack() as stack:
        async with forwarded(port, kafka):
            ranking = await stack.enter_async_context(client_of(create_app(chosen)))
        # Whoever is connected goes on; whoever connects, as the dead letters do, fails.
        logs = stack.enter_context(capture_logs())

        async def retried(times: int) -> bool:
            return [line["event"] for line in logs].count("dead letters are retried") >= times

        place = await sent(producer, "certificate.issued", (b"k", b"{}", []))
        await until(lambda: retried(1))
        await town.certify(guest, scene)
        await until(lambda: retried(3))
        assert await rows(ranking, city=town.city) == []
        assert [letter async for letter in whole(kafka, "dead.ranking") if letter.key == place] == []
        async with forwarded(port, kafka):
            await until(lambda: rows(ranking, city=town.city))
        assert len([letter async for letter in whole(kafka, "dead.ranking") if letter.key == place]) == 1


async def test_s26_a_wiped_database_and_a_restart_give_the_same_boards_to_the_byte(
    chosen: Settings, town: Town
) -> None:
    guests = await four_guests(town)
    addresses = [
        f"/v1/boards/{board}?{query}"
        for board, query in [
            ("people", f"city={town.city}&limit=3"),
            ("people", "limit=100"),
            ("people", "measure=mass_g"),
            ("people", "window=day&limit=2"),
            ("companies", ""),
            ("scenes", ""),
            ("scenes", "measure=mass_g"),
        ]
    ]

    async def boards() -> list[bytes]:
        async with client_of(create_app(chosen)) as ranking:
            # Readiness alone says that all is folded: nothing is waited for.
            assert (await ranking.get(addresses[0])).json()["members"] == len(guests)
            return [(await ranking.get(address)).content for address in addresses]

    before = await boards()
    with stored(chosen) as found:
        found.client.drop_database(found.name)
    assert await boards() == before


async def test_a_start_goes_on_from_the_snapshot_and_folds_only_what_came_since(chosen: Settings, town: Town) -> None:
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
