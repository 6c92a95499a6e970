"""What every request leaves behind: one log line and three figures, by the route's template and never by its path."""

from __future__ import annotations

import time
from collections.abc import Iterable

import structlog
from prometheus_client import Counter, Gauge, Histogram
from starlette.types import Message, Scope

METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})
# Of a request that no route takes: its path is the caller's invention.
NO_ROUTE = "unmatched"
# Of a caller who left before there was an answer, as some gateways write it.
CLIENT_CLOSED = 499
STREAM = b"text/event-stream"

REQUESTS = Counter("diandian_http_requests", "Requests answered.", ["method", "route", "status"])
SECONDS = Histogram(
    "diandian_http_request_seconds",
    "From a request to the end of its answer; of a stream, to its beginning.",
    ["method", "route"],
    buckets=(0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10),
)
STREAMS = Gauge("diandian_http_streams_open", "Streams of events that are open.", ["route"])

log = structlog.get_logger()


class Trace:
    """One request from its arrival to the end of its answer."""

    def __init__(self, scope: Scope, *, method: str, request_id: str) -> None:
        self._scope, self._request_id = scope, request_id
        self._method = method if method in METHODS else "OTHER"
        self._began = time.perf_counter()
        self._first: float | None = None
        self._is_stream = False
        self.status: int | None = None
        self.complete = False

    @property
    def _route(self) -> str:
        return getattr(self._scope.get("route"), "path", None) or NO_ROUTE

    def sent(self, message: Message) -> None:
        """Take note of a message of the answer."""
        if message["type"] == "http.response.start":
            self.status = message["status"]
            self._is_stream = any(
                name.lower() == b"content-type" and value.startswith(STREAM) for name, value in _headers(message)
            )
            if self._is_stream:
                self._first = time.perf_counter()
                STREAMS.labels(self._route).inc()
        elif message["type"] == "http.response.body" and not message.get("more_body", False):
            self.complete = True

    def end(self) -> None:
        """Write the line and count."""
        now, route, status = time.perf_counter(), self._route, self.status or CLIENT_CLOSED
        if self._is_stream:
            STREAMS.labels(route).dec()
        REQUESTS.labels(self._method, route, status).inc()
        SECONDS.labels(self._method, route).observe((self._first or now) - self._began)
        log.info(
            "request",
            request_id=self._request_id,
            method=self._method,
            route=route,
            status=status,
            duration_ms=round((now - self._began) * 1000, 1),
            **({"stream": True} if self._is_stream else {}),
        )


def _headers(message: Message) -> Iterable[tuple[bytes, bytes]]:
    headers: Iterable[tuple[bytes, bytes]] = message.get("headers", ())
    return headers
