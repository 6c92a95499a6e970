"""Ranking as a process of its own would run: real Kafka, real MongoDB protocol, its HTTP side."""

from __future__ import annotations

import asyncio
import contextlib
import secrets
import socket
from collections.abc import AsyncIterator, Callable, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import pytest
from aiokafka import ConsumerRecord
from aiokafka.errors import KafkaConnectionError
from structlog.testing import capture_logs

from deploy.log import whole
from services import ranking as card
from services.ranking import stream
from services.ranking.app import create_app
from services.ranking.handlers import Handlers
from services.ranking.store import Store
from services.ranking.stream.dead_letters import DeadLetters
from services.ranking.stream.reader import Reader
from shared.contracts.certificates import CertificateRevoked
from shared.contracts.event import Envelope, Event
from shared.messaging import broker
from shared.messaging.outbox import clock
from shared.messaging.replica import Replica
from shared.mongodb import AutoReconnect
from shared.web.app import database
from shared.web.auth import CAPABILITY_HEADER
from tests.component.town import Publish, Town, four_guests, new_id, rows
from tests.conftest import Infra, enveloped, served, until

Make = Callable[..., Any]


async def test_s25_and_b2_four_guests_stand_1_2_2_4_on_pages_of_every_size_and_agree_with_my_rank(
    settings: Make, town: Town
) -> None:
    async with served(create_app(settings("ranking"))) as ranking:
        guests = await four_guests(town)

        async def all_there() -> bool:
            return [row["value"] for row in await rows(ranking, city=town.city)] == [9, 7, 7, 5]

        await until(all_there)
        for size in range(1, 6):
            lines = await rows(ranking, city=town.city, limit=size)
            assert [(row["rank"], row["tied"], row["value"]) for row in lines] == [
                (1, False, 9),
                (2, True, 7),
                (2, True, 7),
                (4, False, 5),
            ]
        for guest, line in zip(guests, lines, strict=True):
            headers = {CAPABILITY_HEADER: f"token of {line['name']}"}
            query = {"city": town.city, "beneficiary": guest}
            answer = await ranking.get("/v1/boards/people/my-rank", params=query, headers=headers)
            assert answer.json()["me"] == {**line, "me": True}
            assert answer.json()["members"] == 4


async def test_my_rank_wants_the_capability_of_the_profile_by_cookie_or_by_header(settings: Make, town: Town) -> None:
    async with served(create_app(settings("ranking"))) as ranking:
        scene, guest = await town.scene(), new_id("ben")
        await town.name(guest, "Heron", token="right")
        await town.certify(guest, scene)
        await until(lambda: rows(ranking, city=town.city))
        for address in ("/v1/boards/people/my-rank", "/v1/boards/people/around-me"):
            assert (await ranking.get(address)).status_code == 401
            answer = await ranking.get(address, headers={"Cookie": f"{guest}=wrong"})
            assert answer.status_code == 403
            answer = await ranking.get(
                address, params={"beneficiary": new_id("ben")}, headers={CAPABILITY_HEADER: "right"}
            )
            assert answer.status_code == 403
        answer = await ranking.get(
            "/v1/boards/people/my-rank",
            params={"city": town.city},
            headers={"Cookie": f"{new_id('ben')}=x; {guest}=right"},
        )
        assert answer.json()["me"]["rank"] == 1
        # On a board on which the guest does not stand there is no line, and that is no error.
        query = {"city": town.city, "measure": "mass_g"}
        answer = await ranking.get("/v1/boards/people/my-rank", params=query, headers={"Cookie": f"{guest}=right"})
        assert (answer.status_code, answer.json()["me"]) == (200, None)


async def test_around_me_shows_five_neighbours_on_each_side(settings: Make, town: Town) -> None:
    async with served(create_app(settings("ranking"))) as ranking:
        scene, start = await town.scene(), datetime.now(UTC)
        guests = [new_id("ben") for _ in range(13)]
        for number, guest in enumerate(guests):
            await town.name(guest, f"Guest {number}", token="t")
            await town.certify(guest, scene, at=start + timedelta(milliseconds=number))

        async def all_there() -> bool:
            return len(await rows(ranking, scene=scene.scene_id)) == 13

        await until(all_there)

        async def around(number: int) -> list[str]:
            headers = {"Cookie": f"{guests[number]}=t"}
            answer = await ranking.get("/v1/boards/people/around-me", params={"scene": scene.code}, headers=headers)
            mine = [row["name"] for row in answer.json()["data"] if row["me"]]
            assert mine == [f"Guest {number}"]
            assert {(row["rank"], row["tied"]) for row in answer.json()["data"]} == {(1, True)}
            return [row["name"] for row in answer.json()["data"]]

        assert await around(6) == [f"Guest {number}" for number in range(1, 12)]
        assert await around(0) == [f"Guest {number}" for number in range(6)]
        assert await around(12) == [f"Guest {number}" for number in range(7, 13)]


async def test_s27_erasure_and_b4_hiding_leave_the_screen_within_two_seconds_and_no_gap(
    settings: Make, town: Town
) -> None:
    async with served(create_app(settings("ranking"))) as ranking:
        ginkgo, heron, _, teapot = await four_guests(town)

        async def shown() -> list[tuple[int, str]]:
            return [(row["rank"], row["name"]) for row in await rows(ranking, city=town.city)]

        async def all_there() -> bool:
            return len(await shown()) == 4

        await until(all_there)
        await town.name(ginkgo, None, sequence=2)
        await town.name(heron, "Heron", board="hidden", sequence=2, token="token of Heron")
        await town.name(teapot, "Teapot", board="named", sequence=2)

        async def changed() -> bool:
            return await shown() == [(1, "Lantern"), (2, "Teapot in full")]

        await until(changed, seconds=2)
        page = await ranking.get("/boards/people", params={"city": town.city})
        assert "Lantern" in page.text
        assert "Ginkgo" not in page.text
        assert "Heron" not in page.text
        # The erased profile opens nothing any more; the hidden one still does, and stands nowhere.
        for guest, token, status in ((ginkgo, "token of Ginkgo", 403), (heron, "token of Heron", 200)):
            answer = await ranking.get("/v1/boards/people/my-rank", headers={"Cookie": f"{guest}={token}"})
            assert answer.status_code == status
        assert answer.json()["me"] is None
    async with served(create_app(settings("ranking"))) as rebuilt:
        assert [row["name"] for row in await rows(rebuilt, city=town.city)] == ["Lantern", "Teapot in full"]


async def test_b1_a_revoked_certificate_leaves_the_board(settings: Make, town: Town, publish: Publish) -> None:
    async with served(create_app(settings("ranking"))) as ranking:
        guest = new_id("ben")
        await town.name(guest, "Heron")
        (certificate,) = await town.certify(guest, await town.scene())
        await until(lambda: rows(ranking, city=town.city))
        revoked = CertificateRevoked(
            certificate_id=certificate.certificate_id,
            number=certificate.number,
            order_id=certificate.order_id,
            beneficiary_id=guest,
            reason="issued_in_error",
            revoked_at=datetime.now(UTC),
        )
        await publish(enveloped(revoked, sequence=2))

        async def gone() -> bool:
            return await rows(ranking, city=town.city) == []

        await until(gone)


async def test_b3_a_certificate_of_yesterday_stands_in_its_own_day(settings: Make, town: Town) -> None:
    async with served(create_app(settings("ranking"))) as ranking:
        early, late, scene = new_id("ben"), new_id("ben"), await town.scene()
        await town.name(early, "Early")
        await town.name(late, "Late")
        await town.certify(late, scene)
        await town.certify(early, scene, at=datetime.now(UTC) - timedelta(days=1))

        async def both() -> bool:
            return len(await rows(ranking, city=town.city)) == 2

        await until(both)
        assert [row["name"] for row in await rows(ranking, city=town.city, window="day")] == ["Late"]


async def dead(infra: Infra, *places: bytes) -> list[Any]:
    """Return the dead letters of ranking about these places."""
    return [record async for record in whole(infra.kafka, "dead.ranking") if record.key in places]


async def test_a_dead_letter_holds_the_bytes_and_tells_where_they_lay_and_why(
    infra: Infra, producer: broker.Producer
) -> None:
    offset = secrets.randbits(40)
    body, place = b"\xff not json", f"certificate.issued-3-{offset}".encode()
    record: Any = ConsumerRecord(
        "certificate.issued", 3, offset, 0, 0, b"ben_x", body, None, 5, len(body), (("ce_subject", b"cert_x"),)
    )
    for replica in (DeadLetters(infra.kafka, producer), DeadLetters(infra.kafka, producer)):
        for _ in range(2):
            await replica.put([(record, ValueError("not a certificate"))])
    (letter,) = await dead(infra, place)
    assert letter.value == body
    assert dict(letter.headers) == {
        "ce_subject": b"cert_x",
        "dead_topic": b"certificate.issued",
        "dead_partition": b"3",
        "dead_offset": str(offset).encode(),
        "dead_attempts": b"1",
        "dead_reason": b"ValueError: not a certificate",
    }


async def test_a_batch_whose_surroundings_are_away_is_folded_when_they_are_back_and_is_no_dead_letter(
    settings: Make, infra: Infra, town: Town
) -> None:
    chosen = settings("ranking")
    mongodb = database(chosen)
    store = Store(mongodb)
    handlers = Handlers(store, clock, code="", replica="test")
    failures = [AutoReconnect("away"), OSError("away"), KafkaConnectionError("away")]
    guest, scene = new_id("ben"), await town.scene()
    (certificate,) = await town.certify(guest, scene)

    async def away_at_first(events: Sequence[Envelope[Event]]) -> None:
        if failures and events[0].subject == certificate.certificate_id:
            raise failures.pop()
        await handlers.fold(events)

    reader = Reader(chosen, dict.fromkeys(stream.consumes(handlers), away_at_first), handlers, Replica(mongodb, "test"))
    async with reader.running():

        async def retried() -> bool:
            return "folding is retried" in (await reader.health() or "")

        async def ready() -> bool:
            return await reader.health() is None

        await until(retried)
        await until(ready)
    store.close()
    assert failures == []
    assert [deed.certificate_id for deed in handlers.boards.deeds_at(scene.scene_id)] == [certificate.certificate_id]
    letters = [dict(letter.headers).get("ce_subject") async for letter in whole(infra.kafka, "dead.ranking")]
    assert certificate.certificate_id.encode() not in letters


async def test_reading_that_ends_is_logged_and_makes_the_service_unready(settings: Make) -> None:
    before = asyncio.all_tasks()
    async with served(create_app(settings("ranking"))) as ranking:
        with capture_logs() as logs:
            started = asyncio.all_tasks() - before
            (reading,) = [task for task in started if "_run_consume_loop" in repr(task.get_coro())]
            reading.cancel()

            async def unready() -> bool:
                return (await ranking.get("/health/ready")).status_code == 503

            await until(unready)
        assert (await ranking.get("/health/ready")).json()["reader"] == "reading was ended"
        assert [line["log_level"] for line in logs if line["event"] == "reading has ended"] == ["critical"]


async def test_a_second_process_under_the_name_of_a_replica_says_so_and_waits_until_it_is_free(settings: Make) -> None:
    chosen = settings("ranking")
    second = create_app(chosen)
    async with contextlib.AsyncExitStack() as stack:
        async with served(create_app(chosen)) as first:
            assert (await first.get("/health/ready")).status_code == 200
            await stack.enter_async_context(second.router.lifespan_context(second))
            transport = httpx.ASGITransport(second)
            client = await stack.enter_async_context(
                httpx.AsyncClient(transport=transport, base_url="http://diandian.test")
            )

            async def refuses() -> bool:
                answer = await client.get("/health/ready")
                return answer.status_code == 503 and "already" in str(answer.json()["reader"])

            await until(refuses)
            assert (await first.get("/health/ready")).status_code == 200

        async def works() -> bool:
            return (await client.get("/health/ready")).status_code == 200

        await until(works)


async def test_without_kafka_it_says_so_and_it_reads_as_soon_as_kafka_is_there(
    settings: Make, infra: Infra, town: Town
) -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    app = create_app(settings("ranking", kafka_bootstrap_servers=f"127.0.0.1:{port}"))
    async with app.router.lifespan_context(app):
        transport = httpx.ASGITransport(app)
        async with httpx.AsyncClient(transport=transport, base_url="http://diandian.test") as ranking:
            answer = await ranking.get("/health/ready")
            assert answer.status_code == 503
            assert answer.json()["reader"] == "Kafka does not answer"
            guest = new_id("ben")
            await town.name(guest, "Heron")
            await town.certify(guest, await town.scene())
            async with forwarded(port, infra.kafka):

                async def ready() -> bool:
                    return (await ranking.get("/health/ready")).status_code == 200

                await until(ready)
                assert [row["name"] for row in await rows(ranking, city=town.city)] == ["Heron"]


@contextlib.asynccontextmanager
async def forwarded(port: int, address: str) -> AsyncIterator[None]:
    """Let the port lead to Kafka, which then tells its own address, as any broker does."""
    host, _, beyond = address.partition(":")

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        from_kafka, to_kafka = await asyncio.open_connection(host, int(beyond))
        await asyncio.gather(_carry(reader, to_kafka), _carry(from_kafka, writer), return_exceptions=True)

    server = await asyncio.start_server(serve, "127.0.0.1", port)
    yield
    server.close()


async def _carry(source: asyncio.StreamReader, target: asyncio.StreamWriter) -> None:
    try:
        while data := await source.read(65_536):
            target.write(data)
            await target.drain()
    finally:
        target.close()


async def test_the_page_brings_the_own_line_along_and_names_the_ranks_between(settings: Make, town: Town) -> None:
    async with served(create_app(settings("ranking"))) as ranking:
        scene, start = await town.scene(), datetime.now(UTC)
        guests = [new_id("ben") for _ in range(31)]
        for number, guest in enumerate(guests):
            await town.name(guest, f"Guest {number:02}", token="t")
            await town.certify(guest, scene, at=start + timedelta(milliseconds=number))

        async def all_there() -> bool:
            return len(await rows(ranking, scene=scene.code)) == 31

        await until(all_there)
        address = f"/boards/people?scene={scene.code}"
        page = (await ranking.get(address, headers={"Cookie": f"{guests[30]}=t"})).text
        assert "Guest 19" in page
        assert "Guest 20" not in page
        assert "Ranks 1 to 1" in page
        assert "Guest 25" in page
        assert "You, Guest 30" in page
        assert "The next ranks" not in page
        assert "Forum (demo)" in page
        page = (await ranking.get(address)).text
        assert "You, " not in page
        following = page.split('class="third" href="')[1].split('"')[0].replace("&amp;", "&")
        page = (await ranking.get(following)).text
        assert "Guest 19" not in page
        assert "Guest 20" in page
        assert "Guest 30" in page


async def test_pages_of_an_empty_board_of_an_unknown_scene_and_of_a_wrong_cursor_answer_in_words(
    settings: Make, town: Town
) -> None:
    async with served(create_app(settings("ranking"))) as ranking:
        scene = await town.scene()

        async def known() -> bool:
            return (await ranking.get("/boards/people", params={"scene": scene.code})).status_code == 200

        await until(known)
        page = await ranking.get("/boards/people", params={"scene": scene.code, "window": "week"})
        assert "Nobody is on this board yet" in page.text
        assert (await ranking.get("/boards/people", params={"scene": "NOWHERE"})).status_code == 404
        assert (await ranking.get("/boards/people", params={"after": "nonsense"})).status_code == 422
        assert (await ranking.get("/boards")).headers["location"] == "/boards/people"


@pytest.mark.parametrize(
    ("address", "status", "name"),
    [
        ("/v1/boards/people?measure=share", 422, "measure"),
        ("/v1/boards/scenes?window=day&measure=share", 422, "window"),
        ("/v1/boards/people?cursor=abc", 422, "cursor"),
        ("/v1/boards/people?limit=1000", 422, "limit"),
        ("/v1/boards/people?window=century", 422, "window"),
        ("/v1/boards/people?colour=red", 422, "colour"),
        ("/v1/boards/people?scene=NOWHERE", 404, "scene"),
        ("/v1/boards/trees", 422, "board"),
    ],
)
async def test_a_board_that_there_is_not_is_refused_with_the_field_named(
    settings: Make, address: str, status: int, name: str
) -> None:
    async with served(create_app(settings("ranking"))) as ranking:
        answer = await ranking.get(address)
        assert answer.status_code == status
        (error,) = answer.json()["errors"]
        assert (error["in"], error["name"]) == ("path" if name == "board" else "query", name)


def test_ranking_publishes_nothing_and_consumes_what_its_card_says(settings: Make) -> None:
    store = Store(database(settings("ranking")))
    consumed: list[type[Event]] = list(
        stream.consumes(Handlers(store, lambda: datetime.now(UTC), code="", replica="test"))
    )
    store.close()
    assert all(event.topic in (card.__doc__ or "") for event in consumed)
    assert stream.PUBLISHES == ()
