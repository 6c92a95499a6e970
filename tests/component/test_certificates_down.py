"""Certificates away while retirements go on, and certificates that cannot look because its database is away."""

from __future__ import annotations

import asyncio
import contextlib
import secrets
from collections.abc import AsyncIterator, Callable

import httpx

from services.certificates.app import create_app
from shared.contracts.certificates import CertificateIssued
from tests.component.test_certificates import Issuer, Publish, published_about, settings, way_to
from tests.conftest import Infra, client_of, until
from tests.unit.certificates.story import Story


async def test_s19_after_an_absence_every_certificate_comes_once(
    infra: Infra, issuer: Issuer, publish: Publish
) -> None:
    chosen = settings(infra, issuer)
    before, during = [Story() for _ in range(5)], [Story() for _ in range(20)]
    async with client_of(create_app(chosen)) as certificates:
        await publish(*(message for story in before for message in story.whole()))
        for story in before:
            await way_to(certificates, story)
    await publish(*(message for story in [*before, *during] for message in story.whole()))
    async with client_of(create_app(chosen)) as certificates:
        for story in during:
            await way_to(certificates, story)

        async def all_published() -> bool:
            return len(await published_about(infra, [*before, *during])) >= len(before) + len(during)

        await until(all_published)
    published = await published_about(infra, [*before, *during])
    orders = [event.order_id for event in published if isinstance(event, CertificateIssued)]
    assert sorted(orders) == sorted(story.order_id for story in [*before, *during])


@contextlib.asynccontextmanager
async def line_to(address: str, *, port: int = 0) -> AsyncIterator[tuple[str, Callable[[], None]]]:
    """Yield the address of a line that leads to another address, and what cuts it."""
    host, number = address.rsplit(":", 1)
    ends: list[asyncio.StreamWriter] = []

    async def carry(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        there, back = await asyncio.open_connection(host, int(number))
        ends.extend((writer, back))
        await asyncio.gather(_poured(reader, back), _poured(there, writer))

    server = await asyncio.start_server(carry, "127.0.0.1", port)

    def cut() -> None:
        server.close()
        for end in ends:
            end.close()

    yield f"127.0.0.1:{server.sockets[0].getsockname()[1]}", cut
    cut()


async def _poured(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    with contextlib.suppress(ConnectionError):
        while some := await reader.read(65_536):
            writer.write(some)
            await writer.drain()
    writer.close()


async def looked_up(client: httpx.AsyncClient) -> tuple[httpx.Response, httpx.Response, httpx.Response]:
    """Look a code up by its page, by the box and by program, while the database is away."""
    addresses = ("/c/7K3M-9QXD-4TVB", "/v?code=7K3M-9QXD-4TVB", "/v1/verifications/7K3M-9QXD-4TVB")
    page, box, program = await asyncio.gather(*(client.get(address) for address in addresses))
    for answer in (page, box, program):
        assert answer.status_code == 503
        assert "Retry-After" in answer.headers
        assert "We know no certificate" not in answer.text
    return page, box, program


async def test_k2_that_we_cannot_check_is_none_of_the_answers(infra: Infra, issuer: Issuer) -> None:
    address = infra.mongodb.removeprefix("mongodb://")
    database = infra.mongodb_url(f"certificates_{secrets.token_hex(4)}")
    async with line_to(address) as (line, cut):
        away = f"{database.replace(address, line)}&directConnection=true"
        async with client_of(create_app(settings(infra, issuer, mongodb_url=away))) as client:
            cut()
            page, box, program = await looked_up(client)
    assert "We cannot check right now" in page.text
    assert "We cannot check right now" in box.text
    assert program.json()["status"] == 503


async def test_k2_nor_is_it_while_the_database_was_never_there(infra: Infra, issuer: Issuer) -> None:
    app = create_app(
        settings(infra, issuer, mongodb_url=Infra("", "mongodb://127.0.0.1:1").mongodb_url("certificates"))
    )
    transport = httpx.ASGITransport(app, raise_app_exceptions=False)
    async with httpx.AsyncClient(transport=transport, base_url="http://diandian.test") as client:
        page, _, program = await looked_up(client)
    assert "Not available right now" in page.text
    assert program.json()["status"] == 503
