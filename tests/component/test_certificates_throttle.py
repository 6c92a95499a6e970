"""Whoever tries codes is throttled; many who check their certificates are not, and nobody's address is kept."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import httpx
import pytest
import pytest_asyncio
from fastapi import FastAPI

from services.certificates.app import Settings, create_app
from services.certificates.domain.certificate import Certificate
from services.certificates.domain.throttle import window_of_codes
from services.certificates.handlers import Handlers
from services.certificates.store import Store
from shared.messaging.outbox import clock
from shared.web.app import database
from tests.component.test_certificates import ISSUER, Issuer, Publish, nothing, settings, way_to
from tests.component.test_certificates_answers import UNKNOWN
from tests.conftest import Infra, client_of
from tests.unit.certificates.story import Story

UNKNOWN_MAX = 10
VENUE, MACHINE = "203.0.113.7", "198.51.100.23"


@pytest.fixture(scope="module")
def chosen(infra: Infra, issuer: Issuer) -> Settings:
    return settings(infra, issuer, unknown_codes_per_address_max=UNKNOWN_MAX)


@pytest_asyncio.fixture(scope="module")
async def app(chosen: Settings) -> AsyncIterator[FastAPI]:
    app = create_app(chosen)
    async with client_of(app):
        yield app


def seen_from(app: FastAPI, address: str) -> httpx.AsyncClient:
    transport = httpx.ASGITransport(app, client=(address, 1), raise_app_exceptions=False)
    return httpx.AsyncClient(transport=transport, base_url="http://diandian.test")


def unknown_code(number: int) -> str:
    return f"0000-0000-{number:04}"


async def test_k2_many_right_codes_pass_and_a_machine_is_throttled_everywhere_alike(
    app: FastAPI, publish: Publish
) -> None:
    story = Story()
    await publish(*story.whole())
    async with seen_from(app, VENUE) as venue, seen_from(app, MACHINE) as machine:
        code = (await way_to(venue, story))["code"]
        checks = await asyncio.gather(*(venue.get(f"/v1/verifications/{code}") for _ in range(5 * UNKNOWN_MAX)))
        assert {answer.json()["status"] for answer in checks} == {"valid"}
        addresses = ("/v1/verifications/{}", "/v1/certificates/{}", "/c/{}", "/c/{}.pdf", "/c/{}.png", "/v?code={}")
        tries = [await machine.get(addresses[n % len(addresses)].format(unknown_code(n))) for n in range(UNKNOWN_MAX)]
        assert 429 not in {answer.status_code for answer in tries}
        for address in addresses:
            # A code that is right is refused too: else a refusal would tell that it is wrong.
            for tried in (unknown_code(99), code):
                refused = await machine.get(address.format(tried))
                assert refused.status_code == 429
                assert 0 < int(refused.headers["retry-after"]) <= 3_600
                assert "too many codes" in refused.text
        problem = (await machine.get(f"/v1/verifications/{code}")).json()
        page = await machine.get(f"/c/{code}")
        assert (problem["code"], problem["errors"][0]["name"]) == ("too_many_codes", "code")
        assert "Not checked" in page.text
        assert "This says nothing about the certificate" in page.text
        assert (await venue.get(f"/c/{code}")).status_code == 200


async def test_the_hosts_of_one_network_share_its_count_and_an_address_is_not_stored(
    app: FastAPI, chosen: Settings
) -> None:
    hosts = [f"2001:db8:5:6::{n:x}" for n in range(1, UNKNOWN_MAX + 2)]
    answers = []
    for n, host in enumerate(hosts):
        async with seen_from(app, host) as client:
            answers.append(await client.get(f"/v1/verifications/{unknown_code(n)}"))
    assert [answer.status_code for answer in answers] == [200] * UNKNOWN_MAX + [429]
    async with seen_from(app, "2001:db8:5:7::1") as neighbour:
        assert (await neighbour.get(f"/v1/verifications/{unknown_code(0)}")).status_code == 200
    opened = database(chosen)
    kept = [document async for document in opened["unknown_codes"].find({})]
    opened.client.close()
    assert {frozenset(document) for document in kept} == {frozenset({"_id", "count", "ends_at"})}
    assert not any(part in str(kept) for part in ("2001:", MACHINE, VENUE))


class Counting(Store):
    """The store, which counts how often it reads a code."""

    def __init__(self, store: Store) -> None:
        self.__dict__.update(store.__dict__)
        self.reads = 0

    async def with_code(self, code: str) -> Certificate | None:
        self.reads += 1
        return await super().with_code(code)


@pytest.mark.parametrize("text", UNKNOWN)
async def test_k2_each_unknown_code_costs_the_same_read_and_counts_once(chosen: Settings, text: str) -> None:
    opened, address = database(chosen), f"192.0.2.{UNKNOWN.index(text)}"
    store = Counting(Store(opened, livemode=False, wake=lambda: None))
    handlers = Handlers(store, clock, ISSUER, unknown_codes_max=UNKNOWN_MAX, forget_prints=nothing)
    now = clock()
    assert await handlers.opened(text, address=address) is None
    assert (store.reads, await store.unknown_codes.count(window_of_codes(ISSUER.secret, address, now))) == (1, 1)
    opened.client.close()
