"""Whoever tries codes is throttled; a crowd that checks its certificates is not, and nobody's address is kept."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import pytest
import pytest_asyncio
from fastapi import FastAPI

from services.certificates.app import Settings, create_app
from services.certificates.domain import guesses
from services.certificates.domain.certificate import Certificate
from services.certificates.handlers import Handlers
from services.certificates.store import Store
from shared.messaging.outbox import clock
from shared.web.app import database
from tests.component.test_certificates import ISSUER, Issuer, Publish, settings, way_to
from tests.component.test_certificates_answers import UNKNOWN
from tests.conftest import Infra, served
from tests.unit.certificates.story import Story

UNKNOWN_MAX = 10
VENUE, MACHINE = "203.0.113.7", "198.51.100.23"


@pytest.fixture(scope="module")
def told(infra: Infra, issuer: Issuer) -> Settings:
    return settings(infra, issuer, unknown_codes_per_address_max=UNKNOWN_MAX)


@pytest_asyncio.fixture(scope="module")
async def app(told: Settings) -> AsyncIterator[FastAPI]:
    app = create_app(told)
    async with served(app):
        yield app


def seen_from(app: FastAPI, address: str) -> httpx.AsyncClient:
    transport = httpx.ASGITransport(app, client=(address, 1), raise_app_exceptions=False)
    return httpx.AsyncClient(transport=transport, base_url="http://diandian.test")


def guess(number: int) -> str:
    return f"0000-0000-{number:04}"


async def test_k2_a_crowd_passes_and_a_machine_is_throttled_everywhere_alike(app: FastAPI, publish: Publish) -> None:
    story = Story()
    await publish(*story.whole())
    async with seen_from(app, VENUE) as venue, seen_from(app, MACHINE) as machine:
        code = (await way_to(venue, story))["code"]
        crowd = await asyncio.gather(*(venue.get(f"/v1/verifications/{code}") for _ in range(5 * UNKNOWN_MAX)))
        assert {answer.json()["status"] for answer in crowd} == {"valid"}
        asks = ("/v1/verifications/{}", "/v1/certificates/{}", "/c/{}", "/c/{}.pdf", "/c/{}.png", "/v?code={}")
        tries = [await machine.get(asks[n % len(asks)].format(guess(n))) for n in range(UNKNOWN_MAX)]
        assert 429 not in {answer.status_code for answer in tries}
        for ask in asks:
            # A code that is right is refused too: else a refusal would tell that it is wrong.
            for tried in (guess(99), code):
                refused = await machine.get(ask.format(tried))
                assert refused.status_code == 429
                assert 0 < int(refused.headers["retry-after"]) <= 3_600
                assert "too many codes" in refused.text
        problem = (await machine.get(f"/v1/verifications/{code}")).json()
        page = await machine.get(f"/c/{code}")
        assert (problem["code"], problem["errors"][0]["pointer"]) == ("too_many_codes", "/code")
        assert "Not checked" in page.text
        assert "This says nothing about the certificate" in page.text
        assert (await venue.get(f"/c/{code}")).status_code == 200


async def test_the_hosts_of_one_network_share_its_count_and_an_address_is_not_stored(
    app: FastAPI, told: Settings
) -> None:
    hosts = [f"2001:db8:5:6::{n:x}" for n in range(1, UNKNOWN_MAX + 2)]
    answers = []
    for n, host in enumerate(hosts):
        async with seen_from(app, host) as client:
            answers.append(await client.get(f"/v1/verifications/{guess(n)}"))
    assert [answer.status_code for answer in answers] == [200] * UNKNOWN_MAX + [429]
    async with seen_from(app, "2001:db8:5:7::1") as neighbour:
        assert (await neighbour.get(f"/v1/verifications/{guess(0)}")).status_code == 200
    opened = database(told)
    kept = [document async for document in opened["guesses"].find({})]
    opened.client.close()
    assert {frozenset(document) for document in kept} == {frozenset({"_id", "codes", "ends_at"})}
    assert not any(part in str(kept) for part in ("2001:", MACHINE, VENUE))


class Asked(Store):
    """The store, which counts how often it is asked for a code."""

    def __init__(self, store: Store) -> None:
        self.__dict__.update(store.__dict__)
        self.looks = 0

    async def with_code(self, code: str) -> Certificate | None:
        self.looks += 1
        return await super().with_code(code)


@pytest.mark.parametrize("text", UNKNOWN)
async def test_k2_each_unknown_code_costs_the_same_look_and_counts_once(told: Settings, text: str) -> None:
    opened, address = database(told), f"192.0.2.{UNKNOWN.index(text)}"
    store = Asked(Store(opened, livemode=False, wake=lambda: None))
    handlers = Handlers(store, clock, ISSUER, unknown_codes_max=UNKNOWN_MAX)
    now = clock()
    assert await handlers.opened(text, address=address) is None
    assert (store.looks, await store.guesses(guesses.window(ISSUER.secret, address, now))) == (1, 1)
    opened.client.close()


async def test_guesses_of_one_moment_are_all_counted_and_forgotten_with_their_hour(told: Settings) -> None:
    opened = database(told)
    store = Store(opened, livemode=False, wake=lambda: None)
    await store.prepare()
    now = datetime.now(UTC)
    window = guesses.window("secret", MACHINE, now)
    await asyncio.gather(*(store.count_guess(window) for _ in range(50)))
    assert await store.guesses(window) == 50
    next_hour = guesses.window("secret", MACHINE, now + timedelta(hours=1))
    assert (await store.guesses(next_hour), next_hour.key == window.key) == (0, False)
    indexes: dict[str, Any] = await opened["guesses"].index_information()
    opened.client.close()
    assert [index["expireAfterSeconds"] for index in indexes.values() if "expireAfterSeconds" in index] == [0]
