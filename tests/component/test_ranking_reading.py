"""How ranking reads Kafka: what it waits for and retries, what it dead-letters, and what it shows of all that."""

from __future__ import annotations

import asyncio
import contextlib
import secrets
import socket
from collections.abc import AsyncIterator, Sequence
from typing import Any

import httpx
import pytest
from aiokafka import ConsumerRecord
from aiokafka.errors import KafkaConnectionError
from prometheus_client import REGISTRY
from structlog.testing import capture_logs

from deploy.log import whole
from services.ranking import stream
from services.ranking.app import create_app
from services.ranking.handlers import Handlers
from services.ranking.store import Store
from services.ranking.stream.dead_letters import DeadLetters
from services.ranking.stream.reader import Reader
from shared.contracts.calculator import ScenePublished
from shared.contracts.event import Envelope, Event
from shared.messaging import broker, lag
from shared.messaging.outbox import clock
from shared.messaging.replica import Replica
from shared.mongodb import AutoReconnect
from shared.web.app import database
from tests.component.test_ranking import Make
from tests.component.town import Town, new_id, rows
from tests.conftest import Infra, client_of, until


async def dead(infra: Infra, *places: bytes) -> list[Any]:
    """Return the dead letters of ranking about these places."""
    return [record async for record in whole(infra.kafka, "dead.ranking") if record.key in places]


async def test_a_dead_letter_holds_the_bytes_and_shows_where_they_lay_and_why(
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


async def test_what_is_not_folded_yet_is_the_consumer_s_lag(
    settings: Make, town: Town, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(lag, "LOOK_SECONDS", 0.1)
    lag.LAG.clear()
    chosen = settings("ranking")
    mongodb = database(chosen)
    handlers = Handlers(Store(mongodb), clock, code="", replica="test")
    may_fold = asyncio.Event()
    may_fold.set()

    async def fold(events: Sequence[Envelope[Event]]) -> None:
        await may_fold.wait()
        await handlers.fold(events)

    def behind() -> float | None:
        return REGISTRY.get_sample_value("diandian_consumer_lag", {"topic": ScenePublished.topic})

    async def all_wait() -> bool:
        return behind() == 3

    async def none_waits() -> bool:
        return behind() == 0

    reader = Reader(chosen, {ScenePublished: fold}, handlers, Replica(mongodb, "test"))
    async with reader.running():
        await until(none_waits)
        may_fold.clear()
        # What has been polled waits as well.
        for _ in range(3):
            await town.scene()
        await until(all_wait)
        may_fold.set()
        await until(none_waits)
    mongodb.client.close()


async def test_reading_that_ends_is_logged_and_makes_the_service_unready(settings: Make) -> None:
    before = asyncio.all_tasks()
    async with client_of(create_app(settings("ranking"))) as ranking:
        with capture_logs() as logs:
            started = asyncio.all_tasks() - before
            (reading,) = [task for task in started if "_run_consume_loop" in repr(task.get_coro())]
            reading.cancel()

            async def unready() -> bool:
                return (await ranking.get("/health/ready")).status_code == 503

            await until(unready)
        assert (await ranking.get("/health/ready")).json()["reader"] == "reading was ended"
        assert [line["log_level"] for line in logs if line["event"] == "reading has ended"] == ["critical"]


async def test_a_second_process_under_the_name_of_a_replica_reports_it_and_waits_until_it_is_free(
    settings: Make,
) -> None:
    chosen = settings("ranking")
    second = create_app(chosen)
    async with contextlib.AsyncExitStack() as stack:
        async with client_of(create_app(chosen)) as first:
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


async def test_without_kafka_it_reports_that_and_it_reads_as_soon_as_kafka_is_there(
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
    """Let the port lead to Kafka, which then returns its own address, as any broker does."""
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
