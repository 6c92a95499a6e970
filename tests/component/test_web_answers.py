"""Every answer is whole, safe and traced, whatever a route does: one that fails, behind the real server and gateway."""

from __future__ import annotations

import asyncio
import contextlib
import re
from collections.abc import AsyncIterator
from typing import Any

import httpx
import pytest
import pytest_asyncio
import uvicorn
from fastapi import APIRouter
from fastapi.responses import HTMLResponse, StreamingResponse
from sse_starlette import EventSourceResponse, ServerSentEvent
from structlog.testing import capture_logs

from deploy.local.runtime import Local
from shared.settings import Settings
from shared.web.app import create
from shared.web.auth import PUBLIC
from shared.web.middleware import BODY_BYTES_MAX, SAFE_HEADERS
from shared.web.pages import SHARED, Pages
from tests.conftest import until
from tests.embedded import free_port

ROUTES = (
    "GET /v1/scenes/{code}",
    "GET /v1/scenes/{code}/broken",
    "GET /v1/scenes/{code}/half",
    "GET /v1/scenes/{code}/stream",
    "POST /v1/scenes",
    "GET /s/{code}",
    "GET /s/{code}/broken",
)


class NoStore:
    """This service stores nothing."""

    async def prepare(self) -> None:
        """There is nothing to prepare."""

    async def ping(self) -> None:
        """There is nothing that could be away."""

    def close(self) -> None:
        """There is nothing to close."""


def routes() -> APIRouter:
    made = APIRouter()

    @made.get("/v1/scenes/{code}")
    async def fine(code: str) -> dict[str, str]:
        return {"code": code}

    @made.post("/v1/scenes")
    async def take(body: dict[str, Any]) -> dict[str, int]:
        return {"members": len(body)}

    @made.get("/v1/scenes/{code}/broken")
    @made.get("/s/{code}/broken")
    async def broken(code: str) -> None:
        raise OverflowError(f"MongoDB can only handle up to 8-byte ints: {code}")

    @made.get("/v1/scenes/{code}/half")
    async def half(code: str) -> StreamingResponse:
        async def parts() -> AsyncIterator[str]:
            yield code
            raise OverflowError("in the middle")

        return StreamingResponse(parts())

    @made.get("/v1/scenes/{code}/stream")
    async def stream(code: str) -> EventSourceResponse:
        async def events() -> AsyncIterator[ServerSentEvent]:
            while True:
                yield ServerSentEvent(code)
                await asyncio.sleep(0.05)

        return EventSourceResponse(events())

    @made.get("/s/{code}")
    async def page(code: str) -> HTMLResponse:
        return HTMLResponse(f"<p>{len(code)}</p>")

    return made


@pytest_asyncio.fixture(scope="module")
async def served_at(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[tuple[str, str, Local]]:
    """The address of the service, that of the gateway before it, and the gateway itself."""
    gateway = Local(tmp_path_factory.mktemp("answers"), free_port(), parts=("gateway",))
    port = gateway.place.port_of("calculator")
    settings = Settings(
        kafka_bootstrap_servers="127.0.0.1:9",
        mongodb_url="mongodb://127.0.0.1:9/none?w=majority&journal=true&readConcernLevel=majority",
        secret="s" * 32,
        replica="answers",
    )
    app = create(
        settings,
        service="calculator",
        description="A service that fails.",
        routers=[routes()],
        access=dict.fromkeys(ROUTES, PUBLIC),
        statuses={},
        store=NoStore(),
        pages=Pages(SHARED, service="calculator", livemode=False),
    )
    server = uvicorn.Server(uvicorn.Config(app, port=port, log_config=None, timeout_graceful_shutdown=1))
    server.capture_signals = contextlib.nullcontext  # type: ignore[assignment, method-assign]
    running = asyncio.create_task(server.serve())
    await asyncio.to_thread(gateway.up, lambda _line: None)
    yield f"http://127.0.0.1:{port}", gateway.url, gateway
    await asyncio.to_thread(gateway.down, lambda _line: None)
    server.should_exit = True
    await running


def assert_safe(answer: httpx.Response) -> None:
    assert {name: answer.headers.get(name) for name in SAFE_HEADERS} == SAFE_HEADERS, answer.url
    assert re.fullmatch(r"req_[0-9a-f-]{26,36}", answer.headers["Request-Id"]), answer.url


async def test_an_unforeseen_failure_is_answered_whole_and_the_connection_goes_on(
    served_at: tuple[str, str, Local],
) -> None:
    service, _, _ = served_at
    reader, writer = await asyncio.open_connection("127.0.0.1", int(service.rsplit(":", 1)[1]))
    for path, status in (("/v1/scenes/a/broken", b"500"), ("/v1/scenes/a", b"200"), ("/s/a/broken", b"500")):
        writer.write(f"GET {path} HTTP/1.1\r\nHost: x\r\n\r\n".encode())
        head = await reader.readuntil(b"\r\n\r\n")
        assert head.startswith(b"HTTP/1.1 " + status), head
        assert b"connection: close" not in head.lower()
        length = re.search(rb"content-length: (\d+)", head, re.IGNORECASE)
        assert length is not None
        body = await reader.readexactly(int(length[1]))
        assert b"8-byte" not in body
    writer.close()


async def test_after_a_failure_the_gateway_answers_the_next_request(served_at: tuple[str, str, Local]) -> None:
    _, gateway, _ = served_at
    async with httpx.AsyncClient(base_url=gateway) as client:
        for _ in range(10):
            failed = await client.get("/v1/scenes/a/broken")
            assert (failed.status_code, failed.json()["code"]) == (500, "internal")
            assert failed.json()["request_id"] == failed.headers["Request-Id"]
            assert_safe(failed)
            # A POST is sent once: a connection that was closed under it would be a 502.
            taken = await client.post("/v1/scenes", json={"a": 1})
            assert taken.status_code == 200, taken.text


async def test_an_answer_that_breaks_off_is_not_taken_for_a_whole_one(served_at: tuple[str, str, Local]) -> None:
    service, _, _ = served_at
    async with httpx.AsyncClient(base_url=service) as client:
        with pytest.raises(httpx.RemoteProtocolError):
            await client.get("/v1/scenes/a/half")
        assert (await client.get("/v1/scenes/a")).status_code == 200


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("GET", "/health", 200),
        ("GET", "/metrics", 404),
        ("GET", "/.well-known/jwks.json", 404),
        ("GET", "/unavailable.css", 200),
        ("GET", "/v1/orders", 502),
        ("POST", "/v1/orders", 502),
        ("GET", "/orders/ord_1", 502),
        ("GET", "/s/A", 200),
        ("GET", "/s/A/broken", 500),
        ("GET", "/nowhere", 404),
        ("DELETE", "/v1/scenes", 405),
        ("GET", "/?lang=zh", 303),
        ("GET", "/static/site.css", 200),
    ],
)
async def test_every_answer_at_the_gateway_carries_the_safe_headers_and_a_request_id(
    served_at: tuple[str, str, Local], method: str, path: str, status: int
) -> None:
    _, gateway, _ = served_at
    async with httpx.AsyncClient(base_url=gateway) as client:
        answer = await client.request(method, path)
    assert answer.status_code == status
    assert_safe(answer)
    if answer.headers.get("content-type") == "application/problem+json":
        assert answer.json()["request_id"] == answer.headers["Request-Id"]


async def test_a_body_too_large_or_of_unknown_length_is_refused_like_all_else(
    served_at: tuple[str, str, Local],
) -> None:
    _, gateway, _ = served_at

    async def pieces() -> AsyncIterator[bytes]:
        yield b"{}"

    async with httpx.AsyncClient(base_url=gateway) as client:
        large = await client.post("/v1/scenes", content=b" " * (BODY_BYTES_MAX + 1))
        chunked = await client.post("/v1/scenes", content=pieces())
    assert (large.status_code, large.json()["code"]) == (413, "too_large")
    assert (chunked.status_code, chunked.json()["code"]) == (411, "length_required")
    assert_safe(large)
    assert_safe(chunked)


async def test_the_gateways_own_answers_leave_a_line_with_their_id_and_without_their_path(
    served_at: tuple[str, str, Local],
) -> None:
    _, gateway, local = served_at
    async with httpx.AsyncClient(base_url=gateway) as client:
        answer = await client.get("/c/7K3M-9QXD-4TVB?t=capability", headers={"Referer": "http://x/?t=capability"})

    async def logged() -> str | None:
        lines = local.place.log("gateway").read_text().splitlines()
        return next((line for line in lines if answer.headers["Request-Id"].removeprefix("req_") in line), None)

    line = await until(logged)
    assert '"status": 502' in line
    assert "connection refused" in line
    whole = local.place.log("gateway").read_text()
    assert "7K3M" not in whole
    assert "capability" not in whole
    assert "_ip" not in whole


@pytest.mark.parametrize("path", ["/s/A", "/v1/scenes/A", "/v1/scenes/A/stream", "/static/site.css", "/nowhere"])
async def test_head_answers_as_get_does_without_a_body(served_at: tuple[str, str, Local], path: str) -> None:
    for address in served_at[:2]:
        async with httpx.AsyncClient(base_url=address) as client:
            head = await client.head(path)
            async with client.stream("GET", path) as got:
                varies = {"request-id", "date", "content-length", "content-encoding", "transfer-encoding"}
                assert head.status_code == got.status_code
                assert {*head.headers} - varies == {*got.headers} - varies
        assert head.content == b""


async def test_a_stream_that_is_asked_for_by_head_ends_with_its_answer(served_at: tuple[str, str, Local]) -> None:
    service, _, _ = served_at
    with capture_logs() as lines:
        async with httpx.AsyncClient(base_url=service) as client:
            answer = await client.head("/v1/scenes/A/stream")

            async def ended() -> bool:
                return any(line.get("request_id") == answer.headers["Request-Id"] for line in lines)

            # The connection stays open.
            await until(ended)
    assert answer.headers["content-type"].startswith("text/event-stream")


async def test_each_request_leaves_one_line_with_its_route_and_neither_path_nor_query(
    served_at: tuple[str, str, Local],
) -> None:
    service, _, _ = served_at
    with capture_logs() as lines:
        async with httpx.AsyncClient(base_url=service) as client:
            answers = [
                await client.get("/v1/scenes/SECRETCODE?t=capability"),
                await client.get("/v1/scenes/SECRETCODE/broken"),
                await client.post("/v1/scenes", content=b"{", headers={"Content-Type": "application/json"}),
                await client.get("/nowhere/SECRETCODE"),
                await client.head("/s/SECRETCODE"),
            ]

        async def all_there() -> bool:
            return len([line for line in lines if line["event"] == "request"]) == len(answers)

        await until(all_there)
    requests = [line for line in lines if line["event"] == "request"]
    assert [line["request_id"] for line in requests] == [answer.headers["Request-Id"] for answer in answers]
    assert [(line["method"], line["route"], line["status"]) for line in requests] == [
        ("GET", "/v1/scenes/{code}", 422),
        ("GET", "/v1/scenes/{code}/broken", 500),
        ("POST", "/v1/scenes", 422),
        ("GET", "unmatched", 404),
        ("HEAD", "/s/{code}", 200),
    ]
    assert all(line["duration_ms"] >= 0 for line in requests)
    assert "SECRETCODE" not in str(requests)
    assert "capability" not in str(lines)


async def figures(client: httpx.AsyncClient, *names: str) -> list[float]:
    text = (await client.get("/metrics")).text
    found = dict(line.rsplit(" ", 1) for line in text.splitlines() if not line.startswith("#"))
    return [float(found.get(name, 0)) for name in names]


async def test_rate_latency_and_status_of_each_route_are_figures_and_a_stream_counts_to_its_beginning(
    served_at: tuple[str, str, Local],
) -> None:
    service, _, _ = served_at
    stream = 'route="/v1/scenes/{code}/stream"'
    names = (
        'diandian_http_requests_total{method="GET",route="/s/{code}",status="200"}',
        'diandian_http_requests_total{method="OTHER",route="unmatched",status="404"}',
        'diandian_http_request_seconds_count{method="GET",route="/s/{code}"}',
        f"diandian_http_streams_open{{{stream}}}",
        f'diandian_http_request_seconds_count{{method="GET",{stream}}}',
        f'diandian_http_request_seconds_bucket{{le="10.0",method="GET",{stream}}}',
    )
    async with httpx.AsyncClient(base_url=service) as client:
        before = await figures(client, *names)

        async def counted(*expected: int) -> None:
            async def there() -> bool:
                now = await figures(client, *names)
                return [new - old for new, old in zip(now, before, strict=True)] == list(expected)

            await until(there)

        await client.get("/s/A")
        await client.request("BREW", "/nowhere")
        async with client.stream("GET", "/v1/scenes/A/stream") as following:
            assert (await anext(following.aiter_lines())).startswith("data")
            await counted(1, 1, 1, 1, 0, 0)
        await counted(1, 1, 1, 0, 1, 1)
