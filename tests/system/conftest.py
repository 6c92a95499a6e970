"""Five services in one process on a Kafka, a MongoDB protocol server and a gateway of their own, seeded and audited."""

from __future__ import annotations

import asyncio
import contextlib
import importlib
from collections import Counter
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

import httpx
import pytest
import pytest_asyncio
import uvicorn
from fastapi import FastAPI

from deploy import audit
from deploy.audit.books import Books, read
from deploy.audit.provider import Provider
from deploy.dead import dead_letters
from deploy.issuer import LocalIssuer
from deploy.local.place import Place
from deploy.local.runtime import Local
from deploy.sandbox import app as sandbox
from deploy.seed import seed
from deploy.topics import create
from shared.contracts.topics import EVENTS, SERVICES
from shared.messaging import outbox
from shared.mongodb import connect
from shared.settings import load
from tests import offsets
from tests.conftest import client_of, until
from tests.embedded import free_port
from tests.system.doubler import Doubler

STAFF = ("scenes:write", "registry:write", "orders:read", "certificates:revoke")
GROUPS = tuple(service for service in SERVICES if service != "ranking")
TOPICS = tuple(event.topic for event in EVENTS)
# What changes as long as services run, whatever they consume: leases on work, and ranking's snapshots, which it takes
# every ten minutes with the offsets of that moment.
TRANSIENT = frozenset({"replicas", "recounts", "snapshots", "snapshot_parts"})


class Clock:
    """The clock of orders, which can be put forward. It begins behind, for no consumer takes events from the future."""

    def __init__(self) -> None:
        self._ahead = timedelta(hours=-2)

    def __call__(self) -> datetime:
        return outbox.clock() + self._ahead

    def forward(self, **by: float) -> None:
        self._ahead += timedelta(**by)


@dataclass
class System:
    """The running services, and what a story asks of them beside what a guest may."""

    local: Local
    clock: Clock = field(default_factory=Clock)
    doubler: Doubler | None = None
    serving: dict[str, tuple[uvicorn.Server, asyncio.Task[None]]] = field(default_factory=dict)

    @property
    def place(self) -> Place:
        return self.local.place

    @property
    def kafka(self) -> str:
        return self.place.address_of("kafka")

    @property
    def provider(self) -> Provider:
        environment = self.local.env("sandbox")
        return Provider(f"http://{self.place.address_of('sandbox')}", environment["SANDBOX_KEY"])

    @property
    def mongodb(self) -> str:
        return f"mongodb://{self.place.address_of('mongodb')}"

    @property
    def token(self) -> str:
        """What staff show."""
        return LocalIssuer(self.place.folder("issuer"), issuer=self.local.url).token("staff", *STAFF)

    def app(self, service: str, **other: str) -> FastAPI:
        """Build a service, or the sandbox, that is told what `make up` tells it, but for what is named here."""
        if service == "sandbox":
            given = {name.lower().removeprefix("sandbox_"): text for name, text in self.local.env(service).items()}
            return sandbox.create_app(sandbox.Settings.model_validate(given), clock=self.clock)
        module = importlib.import_module(f"services.{service}.app")
        settings = load(module.Settings, self.local.env(service)).model_copy(update=other)
        app: FastAPI = (
            module.create_app(settings, clock=self.clock) if service == "orders" else module.create_app(settings)
        )
        return app

    async def start(self, service: str) -> None:
        """Serve it where the gateway looks for it, and wait until it is ready."""
        port = self.place.port_of(service)
        config = uvicorn.Config(self.app(service), port=port, log_config=None, timeout_graceful_shutdown=2)
        server = uvicorn.Server(config)
        # The signals stay with pytest.
        server.capture_signals = contextlib.nullcontext  # type: ignore[assignment, method-assign]
        self.serving[service] = server, asyncio.create_task(server.serve(), name=service)
        async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{port}") as client:

            async def ready() -> bool:
                with contextlib.suppress(httpx.TransportError):
                    return (await client.get("/health/ready")).status_code == httpx.codes.OK
                return False

            await until(ready)

    async def stop(self, service: str) -> None:
        """Let it end."""
        server, serving = self.serving.pop(service)
        server.should_exit = True
        await serving

    def another_ranking(self) -> contextlib.AbstractAsyncContextManager[httpx.AsyncClient]:
        """Ranking in a fresh memory, which folds the whole log before it answers."""
        return client_of(self.app("ranking", replica="ranking-2"))

    @contextlib.asynccontextmanager
    async def client(self, **headers: str) -> AsyncIterator[httpx.AsyncClient]:
        """A browser at the gateway, without cookies."""
        async with httpx.AsyncClient(base_url=self.local.url, headers=headers, timeout=10) as client:
            yield client

    def staff(self) -> contextlib.AbstractAsyncContextManager[httpx.AsyncClient]:
        """A client that shows the token of staff."""
        return self.client(Authorization=f"Bearer {self.token}")

    async def holds(self) -> Books:
        """Return the books once all is quiet. Raises AssertionError when an invariant is broken or a letter dead."""
        books = await self._quiet()
        assert [found for found in audit.check(books) if not found.holds] == []
        assert [letter for service in SERVICES async for letter in dead_letters(self.kafka, service)] == []
        if self.doubler:
            once = [message for message, times in Counter(books.messages).items() if times < 2]
            assert once == []
        return books

    async def stored(self) -> dict[tuple[str, str], list[dict[str, Any]]]:
        """Return all documents of all services, by service and collection, but for what is transient."""
        client = connect(self.mongodb)
        try:
            return {
                (service, collection): await client[service][collection].find({}).sort("_id").to_list(None)
                for service in SERVICES
                for collection in await client[service].list_collection_names()
                if collection not in TRANSIENT
            }
        finally:
            client.close()

    async def _quiet(self) -> Books:
        """Wait until every event is published, doubled if wanted, and read by every group; return the books then."""
        async with offsets.opened(self.kafka) as log:

            async def quiet() -> Books | None:
                ends = await log.ends(*TOPICS)
                if self.doubler and not offsets.has_passed(self.doubler.passed, ends):
                    return None
                if not all([await log.is_read_by(service) for service in GROUPS]):
                    return None
                books = await read(self.kafka, self.mongodb, self.provider)
                books.read_at = self.clock()
                return books if _all_published(books) and await log.ends(*TOPICS) == ends else None

            books: Books = await until(quiet)
            return books


def _all_published(books: Books) -> bool:
    # Beside events, orders have to be followed by the balances of their scenes, and footprints by the figures.
    unsent = (
        document
        for documents in books.collections.values()
        for document in documents
        if document.get("outbox") or document.get("uncounted") or document.get("pending")
    )
    behind = (project_id for project_id, pages in books.pages.items() if books.places.get(project_id, 1) <= len(pages))
    return not any(unsent) and not any(behind)


@pytest.fixture(scope="package")
def local(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Local]:
    """What services stand on, and the gateway in front of where they will be."""
    local = Local(tmp_path_factory.mktemp("system"), free_port(), parts=("kafka", "mongodb", "gateway"))
    local.up(say=lambda _line: None)
    try:
        asyncio.run(create(local.place.address_of("kafka")))
        yield local
    finally:
        local.down(say=lambda _line: None)


@pytest_asyncio.fixture(scope="package")
async def running(local: Local) -> AsyncIterator[System]:
    system = System(local)
    # The gateway shows the keys of the issuer from now on.
    token = system.token
    try:
        await asyncio.gather(*map(system.start, (*SERVICES, "sandbox")))
        await asyncio.to_thread(seed, local.url, token, lambda _line: None)
        await system.holds()
        yield system
    finally:
        await asyncio.gather(*map(system.stop, list(system.serving)))


@pytest_asyncio.fixture(scope="package", params=["plainly", "with every message doubled"])
async def system(running: System, request: Any) -> AsyncIterator[System]:
    """The services, first as they are, then with all that was and is published, twice."""
    if request.param == "plainly":
        yield running
        return
    running.doubler = Doubler(running.kafka)
    async with running.doubler.running():
        yield running
    running.doubler = None


@pytest_asyncio.fixture
async def client(system: System) -> AsyncIterator[httpx.AsyncClient]:
    """A guest's browser."""
    async with system.client() as client:
        yield client
