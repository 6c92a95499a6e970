"""What tests stand on: a real Kafka and a real MongoDB protocol server, started once a session, and small tools."""

from __future__ import annotations

import asyncio
import contextlib
import functools
import http.server
import os
import secrets
import subprocess
import threading
import time
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import httpx
import pytest
import pytest_asyncio
from aiokafka import ConsumerRecord
from fastapi import FastAPI

from deploy.issuer import LocalIssuer
from deploy.log import whole
from shared.contracts.event import Cause, Envelope, Event, MalformedEvent, from_record, to_record
from shared.contracts.topics import EVENTS
from shared.messaging import broker
from shared.settings import Settings
from tests.lanes import Lanes, arrange
from tests.watcher import watched

# Every deadline is so many times as long: a machine that is busy, or slow, makes tests slow and not red.
PATIENCE = float(os.environ.get("PATIENCE", "1"))
POLL_SECONDS, POLL_SECONDS_MAX, POLL_GROWTH = 0.02, 0.2, 1.25
PATIENCE_SECONDS = 20.0
WATCHER = pytest.StashKey[subprocess.Popen[bytes]]()


def pytest_configure(config: pytest.Config) -> None:
    # A lane is a process of the session, so it has its mark already.
    if not hasattr(config, "workerinput"):
        config.stash[WATCHER] = watched()


def pytest_unconfigure(config: pytest.Config) -> None:
    if watcher := config.stash.get(WATCHER, None):
        watcher.communicate()


def pytest_collection_modifyitems(items: list[pytest.Function]) -> None:
    arrange(items)


def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> Lanes:
    return Lanes(config, log)


@dataclass(frozen=True)
class Infra:
    """Where Kafka and MongoDB are."""

    kafka: str
    mongodb: str

    def mongodb_url(self, database: str) -> str:
        """Return the URL of a database with the write and read concerns that services use."""
        return f"{self.mongodb}/{database}?w=majority&journal=true&readConcernLevel=majority"


@pytest.fixture(scope="session")
def infra(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Infra]:
    """Kafka with all topics, and MongoDB's protocol: embedded, in containers, or running already, as INFRA says."""
    match os.environ.get("INFRA", "embedded"):
        case "embedded":
            from tests.embedded import embedded

            with embedded(tmp_path_factory.mktemp("infra")) as (kafka, mongodb):
                yield Infra(kafka, mongodb)
        case "containers":
            from tests.containers import contained

            with contained() as (kafka, mongodb):
                yield Infra(kafka, mongodb)
        case "running":
            yield Infra(os.environ["KAFKA_BOOTSTRAP_SERVERS"], os.environ["MONGODB"])
        case other:
            pytest.exit(f"INFRA is {other!r}: it must be embedded, containers or running")


@pytest.fixture(scope="session")
def issuer(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[LocalIssuer, str, str]]:
    """A local issuer, its name, and the address of its JWKS over real HTTP."""
    folder: Path = tmp_path_factory.mktemp("issuer")
    handler = functools.partial(_Quiet, directory=str(folder))
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        address = f"http://127.0.0.1:{server.server_port}"
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield LocalIssuer(folder, issuer=address), address, f"{address}/jwks.json"
        server.shutdown()


class _Quiet(http.server.SimpleHTTPRequestHandler):
    def log_message(self, *_: Any) -> None:
        """Say nothing."""


@pytest.fixture
def settings(infra: Infra, issuer: tuple[LocalIssuer, str, str]) -> Callable[..., Any]:
    """A factory: settings of a service with a database of its own; `kind` for a subclass.

    The first replica of a service has the same name in every test: so it takes its place in the group over from the one
    before. Under another name it would wait for ten seconds, until the group no longer expects that one back.
    """
    names: Counter[str] = Counter()

    def make(service: str, *, kind: type[Settings] = Settings, **more: Any) -> Settings:
        names[service] += 1
        given = {
            "kafka_bootstrap_servers": infra.kafka,
            "mongodb_url": infra.mongodb_url(f"{service}_{secrets.token_hex(4)}"),
            "secret": f"secret of {service}".ljust(32, "."),
            "replica": f"{service}-test" if names[service] == 1 else f"{service}-test-{names[service]}",
            "issuer": issuer[1],
            "jwks_url": issuer[2],
            **more,
        }
        return kind(**given)

    return make


@contextlib.asynccontextmanager
async def client_of(app: FastAPI) -> AsyncIterator[httpx.AsyncClient]:
    """Run the app's lifespan in this process and yield a client once it is ready."""
    async with app.router.lifespan_context(app):
        transport = httpx.ASGITransport(app, raise_app_exceptions=False)
        async with httpx.AsyncClient(transport=transport, base_url="http://diandian.test") as client:

            async def ready() -> bool:
                return (await client.get("/health/ready")).status_code == 200

            await until(ready)
            yield client


async def until(condition: Callable[[], Awaitable[Any]], *, seconds: float = PATIENCE_SECONDS) -> Any:
    """Return the condition's first true result. Raises AssertionError when there is none in `seconds` by PATIENCE."""
    seconds *= PATIENCE
    deadline, pause = time.monotonic() + seconds, POLL_SECONDS
    while True:
        result = await condition()
        if result:
            return result
        assert time.monotonic() < deadline, f"not within {seconds} s: {getattr(condition, '__name__', condition)}"
        await asyncio.sleep(pause)
        # What takes long would else be looked for so often that it takes longer.
        pause = min(pause * POLL_GROWTH, POLL_SECONDS_MAX)


def enveloped(event: Event, *, sequence: int = 1, at: datetime | None = None) -> Envelope[Event]:
    """Wrap an event as its publisher would."""
    cause = Cause(id="test")
    return Envelope(
        id=f"{getattr(event, event.subject)}.{sequence}",
        time=at or datetime.now(UTC),
        sequence=sequence,
        livemode=False,
        data=event,
        cause_id=cause.id,
    )


@pytest_asyncio.fixture
async def publish(infra: Infra) -> AsyncIterator[Callable[..., Awaitable[None]]]:
    """A function that puts envelopes on their topics, in order, acknowledged."""
    producer = broker.Producer(infra.kafka, replica="test")
    await producer.start()

    async def put(*envelopes: Envelope[Event]) -> None:
        for envelope in envelopes:
            await (await producer.send(envelope.data.topic, to_record(envelope)))

    yield put
    await producer.stop()


async def consumed(infra: Infra, *contracts: type[Event]) -> list[Envelope[Event]]:
    """Return the events on the topics of the contracts (all when none is named), in order within a partition.

    What is no event is passed over: tests of other files put such records there, and run in any order.
    """
    by_topic = {contract.topic: contract for contract in contracts or EVENTS}
    found = []
    async for record in whole(infra.kafka, *by_topic):
        if record.value is not None:
            with contextlib.suppress(MalformedEvent):
                found.append(_event_of(by_topic[record.topic], record))
    return found


def _event_of(contract: type[Event], record: ConsumerRecord) -> Envelope[Event]:
    return from_record(contract, record.value, record.headers, livemode=False, timestamp_ms=record.timestamp)
