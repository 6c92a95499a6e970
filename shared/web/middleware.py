"""What stands before every route: it names the request, bounds and reads its body, and completes every answer."""

from __future__ import annotations

import secrets

import structlog
from starlette.datastructures import MutableHeaders
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from shared.web import ijson, languages
from shared.web.problems import Problems
from shared.web.trace import Trace

BODY_BYTES_MAX = 1_000_000
# The gateway gives its own answers the same ones; a test compares them.
SAFE_HEADERS = {
    "Content-Security-Policy": (
        "default-src 'none'; style-src 'self'; script-src 'self'; connect-src 'self'; img-src 'self' data:;"
        " form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
    ),
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
}

log = structlog.get_logger()


class RequestMiddleware:
    """Answers every request, whatever the routes do: an exception that nobody handles becomes a whole 500.

    The server under us closes the connection, without saying so, when an exception reaches it; the gateway would send
    its next request into that connection.
    """

    def __init__(self, app: ASGIApp, *, problems: Problems, secure: bool) -> None:
        self._app, self._problems, self._secure = app, problems, secure

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        request_id, method = f"req_{secrets.token_hex(13)}", scope["method"]
        if method == "HEAD":
            # Routes know GET alone. The server's own scope stays as it is: no body may follow.
            scope = {**scope, "method": "GET"}
            send = _head(send)
        scope.setdefault("state", {})["request_id"] = request_id
        trace = Trace(scope, method=method, request_id=request_id)
        send = _completing(send, trace, request_id)
        try:
            with structlog.contextvars.bound_contextvars(request_id=request_id):
                await self._answered(scope, receive, send, trace)
        finally:
            trace.end()

    async def _answered(self, scope: Scope, receive: Receive, send: Send, trace: Trace) -> None:
        request = Request(scope, receive)
        try:
            refusal, receive = await self._refusal(request, receive)
            await (refusal or self._app)(scope, receive, send)
        except ClientDisconnect:
            return
        except Exception as failure:
            if trace.status is None:
                await self._problems.unhandled(request, failure)(scope, receive, send)
            else:
                # The server closes the connection of an answer that is not whole: so its caller knows.
                log.exception("failed after the answer" if trace.complete else "an answer broke off")

    async def _refusal(self, request: Request, receive: Receive) -> tuple[Response | None, Receive]:
        """Return what answers in the place of a route, if anything does, and what gives the body from now on."""
        languages.remember(request)
        length = request.headers.get("content-length", "0")
        if "transfer-encoding" in request.headers:
            return self._problems.unread(request, 411, "length_required"), receive
        if not (length.isascii() and length.isdecimal() and len(length) < 10 and int(length) <= BODY_BYTES_MAX):
            return self._problems.unread(request, 413, "too_large", limit=BODY_BYTES_MAX), receive
        if (chosen := languages.choosing(request, secure=self._secure)) is not None:
            return chosen, receive
        if length == "0" or "json" not in request.headers.get("content-type", ""):
            return None, receive
        body = await request.body()
        return self._wrong_body(request, body), _replayed(body, receive)

    def _wrong_body(self, request: Request, body: bytes) -> Response | None:
        try:
            wrong = ijson.wrong_values(body)
        except ijson.Unreadable:
            return self._problems.unreadable(request)
        return self._problems.wrong_values(request, wrong) if wrong else None


def _completing(send: Send, trace: Trace, request_id: str) -> Send:
    """Return a `send` that adds to every answer what all of them carry."""

    async def completing(message: Message) -> None:
        trace.sent(message)
        if message["type"] == "http.response.start":
            message.setdefault("headers", [])
            headers = MutableHeaders(scope=message)
            headers.setdefault("Request-Id", request_id)
            for name, value in SAFE_HEADERS.items():
                headers.setdefault(name, value)
            if headers.get("content-type", "").startswith("text/html"):
                headers["Content-Language"] = languages.TAGS[languages.current().language]
                headers.append("Vary", "Accept-Language, Cookie")
        await send(message)

    return completing


def _head(send: Send) -> Send:
    """Return a `send` that ends an answer with its headers; a stream reads then that its caller has left."""

    async def sent(message: Message) -> None:
        if message["type"] == "http.response.start":
            await send(message)
            await send({"type": "http.response.body", "body": b"", "more_body": False})

    return sent


def _replayed(body: bytes, receive: Receive) -> Receive:
    given = False

    async def replayed() -> Message:
        nonlocal given
        if given:
            return await receive()
        given = True
        return {"type": "http.request", "body": body, "more_body": False}

    return replayed
