"""One whole system for the e2e tests: separate processes on a real Kafka, seeded, audited after each test."""

from __future__ import annotations

import asyncio
import contextlib
import json
import secrets
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import httpx
import pytest
import pytest_asyncio
from aiokafka.errors import KafkaError

from deploy import audit
from deploy.audit.books import Books, Follower, read
from deploy.audit.provider import Provider
from deploy.issuer import LocalIssuer
from deploy.local.runtime import Local
from deploy.seed import seed
from deploy.story import Guest, NotWalked
from shared.contracts.topics import EVENTS, SERVICES
from tests import offsets
from tests.conftest import PATIENCE, until
from tests.e2e.warm import Warm, warm
from tests.embedded import free_port

TOPICS = tuple(event.topic for event in EVENTS)
STAFF = ("scenes:write", "registry:write", "orders:read", "certificates:revoke", "ranking:rebuild")
FINAL = frozenset({"completed", "refused", "expired", "cancelled", "refunded"})
PATIENCE_SECONDS = 90.0
T = TypeVar("T")


@dataclass(frozen=True)
class Onlooker:
    """The log of a copy, and its books up to where they were read the last time."""

    log: offsets.Log
    follower: Follower


@dataclass
class System:
    """A running copy, and what a test asks of it."""

    local: Local
    token: str
    warm: Warm

    @property
    def kafka(self) -> str:
        return self.local.place.address_of("kafka")

    @property
    def provider(self) -> Provider:
        environment = self.local.env("sandbox")
        return Provider(f"http://{self.local.place.address_of('sandbox')}", environment["SANDBOX_KEY"])

    @property
    def mongodb(self) -> str:
        return f"mongodb://{self.local.place.address_of('mongodb')}"

    def client(self) -> httpx.AsyncClient:
        limits = httpx.Limits(max_connections=200)
        return httpx.AsyncClient(base_url=self.local.url, timeout=10, limits=limits)

    async def walk(self, client: httpx.AsyncClient, *, name: str | None = None) -> dict[str, Any]:
        """Walk one guest to the end, repeating each step that a crash or an outage broke."""
        guest = Guest(client, name=name)
        await persistently(guest.count)
        await persistently(guest.place)
        held = await persistently(lambda: guest.reaches("held", "purchased", "retired"))
        if held["state"] == "held":
            await persistently(guest.pay)
        return await persistently(lambda: self._ended(guest))

    @staticmethod
    async def _ended(guest: Guest) -> dict[str, Any]:
        seen = await guest.seen()
        if seen["state"] not in FINAL:
            raise NotWalked(f"{seen['order_id']} is {seen['state']}")
        return seen

    async def quiet(self, onlooker: Onlooker | None = None) -> Books:
        """Wait until every outbox is empty and every group has read all there is; return the books then.

        Who asks often brings an onlooker along, which has read already what lay there the last time.
        """

        async def patiently() -> Books | None:
            try:
                if onlooker:
                    return await self._books_at_rest(onlooker.log, onlooker.follower.read)
                async with offsets.opened(self.kafka) as opened:
                    return await self._books_at_rest(opened, lambda: read(self.kafka, self.mongodb, self.provider))
            except (KafkaError, OSError, httpx.HTTPError):
                return None

        books: Books = await until(patiently, seconds=PATIENCE_SECONDS)
        return books

    async def _books_at_rest(self, log: offsets.Log, reads: Callable[[], Awaitable[Books]]) -> Books | None:
        ends = await log.ends(*TOPICS)
        if not all([await log.is_read_by(service) for service in SERVICES if service != "ranking"]):
            return None
        books = await reads()
        documents = [document for documents in books.collections.values() for document in documents]
        # Beside events, orders have to be followed by the balances of their scenes.
        waiting = [1 for document in documents if document.get("outbox") or document.get("uncounted")]
        behind = [1 for project_id, pages in books.pages.items() if books.places.get(project_id, 1) <= len(pages)]
        return None if waiting or behind or await log.ends(*TOPICS) != ends else books

    async def holds(self, onlooker: Onlooker | None = None) -> Books:
        """Recount everything once all is quiet; C, M, O and E must hold. Return the books."""
        books = await self.quiet(onlooker)
        assert not [finding for finding in audit.check(books) if not finding.holds]
        return books

    async def boards(self, client: httpx.AsyncClient) -> list[Any]:
        """What the boards show, but for the moment."""
        shown = []
        for address in ("people", "people?window=day", "people?scene=FORUM26", "companies", "scenes"):
            answer = await client.get(f"/v1/boards/{address}")
            shown.append({name: value for name, value in answer.json().items() if name != "as_of"})
        return shown


async def persistently(step: Callable[[], Awaitable[T]]) -> T:
    """Do the step until it succeeds, as a guest with patience does; each repeat is the same wish."""
    last: Exception | None = None
    seconds = PATIENCE_SECONDS * PATIENCE
    deadline = asyncio.get_running_loop().time() + seconds
    while asyncio.get_running_loop().time() < deadline:
        try:
            return await step()
        except (httpx.HTTPError, NotWalked, json.JSONDecodeError) as failure:
            last = failure
            await asyncio.sleep(0.2)
    raise AssertionError(f"not within {seconds} s, the last time: {last!r}")


@pytest.fixture(scope="session")
def parent() -> Iterator[Warm]:
    """What services are forked from."""
    with warm() as running:
        yield running


@pytest.fixture(scope="session")
def copy(parent: Warm, tmp_path_factory: pytest.TempPathFactory) -> Iterator[System]:
    with running_copy(parent, tmp_path_factory.mktemp("system")) as system:
        yield system


@contextlib.contextmanager
def running_copy(parent: Warm, home: Path) -> Iterator[System]:
    """Run a seeded copy."""
    local = Local(home, free_port(), launch=parent.launch)
    local.up(say=lambda _line: None)
    try:
        token = LocalIssuer(local.place.folder("issuer"), issuer=local.url).token("e2e", *STAFF)
        seed(local.url, token, say=lambda _line: None)
        yield System(local, token, parent)
    finally:
        local.down(say=lambda _line: None)


@pytest_asyncio.fixture
async def system(copy: System) -> AsyncIterator[System]:
    """The copy; whatever a test did to it, afterwards all runs and everything holds."""
    yield copy
    copy.local.up(say=lambda _line: None)
    await copy.holds()


def mark() -> str:
    """Something that is nowhere else."""
    return secrets.token_hex(6)
