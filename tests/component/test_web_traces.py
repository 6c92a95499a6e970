"""The trace that a request leaves: one line in the log, and the figures of its route."""

# ruff: noqa: F811 -- a test asks for its fixtures by their names

from __future__ import annotations

import httpx
from structlog.testing import capture_logs

from deploy.local.runtime import Local
from tests.component.test_web_answers import (  # noqa: F401 -- the fixtures are used by name
    addresses,
)
from tests.conftest import until


async def test_each_request_leaves_one_line_with_its_route_and_neither_path_nor_query(
    addresses: tuple[str, str, Local],
) -> None:
    service, _, _ = addresses
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
    addresses: tuple[str, str, Local],
) -> None:
    service, _, _ = addresses
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
