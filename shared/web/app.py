"""What every service's HTTP side has in common: lifespan, guard, problems, health, static files, safe headers."""

from __future__ import annotations

import asyncio
import contextlib
import re
import secrets
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from typing import Protocol

import structlog
from fastapi import APIRouter, Depends, FastAPI, Request
from fastapi.responses import HTMLResponse, RedirectResponse, Response
from starlette.exceptions import HTTPException

from shared.contracts.event import Cause
from shared.messaging.failures import blames_index
from shared.mongodb import Database, MongoError, connect
from shared.refusal import Refusal
from shared.settings import Settings
from shared.web import document, health, languages, problems
from shared.web.auth import (
    CAPABILITY_HEADER,
    PUBLIC,
    Access,
    Capability,
    Forbidden,
    Guard,
    HashOf,
    Issuer,
    Scope,
    TokenExchanged,
    Unauthenticated,
)
from shared.web.idempotency import KeyMissing, KeyReused
from shared.web.pages import STATIC, Pages, static_file

CONTENT_SECURITY_POLICY = (
    "default-src 'none'; style-src 'self'; script-src 'self'; connect-src 'self'; img-src 'self' data:;"
    " form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
)
BODY_BYTES_MAX = 1_000_000
START_SECONDS = 10
_TRACEPARENT = re.compile(r"00-[0-9a-f]{32}-[0-9a-f]{16}-[0-9a-f]{2}")
_STATUSES: dict[type[Refusal], int] = {Unauthenticated: 401, Forbidden: 403, KeyMissing: 400, KeyReused: 422}

log = structlog.get_logger()


class Store(Protocol):
    """What the common part needs of a service's store."""

    async def prepare(self) -> None:
        """Create indexes; may be called again."""

    async def ping(self) -> None:
        """Raise MongoError when the database does not answer."""

    def close(self) -> None:
        """Let the database go."""


class Running(Protocol):
    """Something that runs as long as the service does, and can say what it waits for."""

    def running(self) -> contextlib.AbstractAsyncContextManager[None]:
        """Run until the context ends."""

    async def health(self) -> str | None:
        """Return none when all is well, else what is missing."""


def database(settings: Settings) -> Database:
    """Return the service's database; nothing is contacted before the first command."""
    return connect(settings.mongodb_url).get_default_database()


def create(
    settings: Settings,
    *,
    service: str,
    description: str,
    routers: Sequence[APIRouter],
    access: Mapping[str, Access],
    statuses: Mapping[type[Refusal], int],
    store: Store,
    pages: Pages,
    hashes: Mapping[str, HashOf] | None = None,
    parts: Sequence[Running] = (),
) -> FastAPI:
    """Return the app of a service. Raises LookupError when a route has no line in its access table."""
    _log_as_json()
    prepared = asyncio.Event()

    async def stored() -> str | None:
        if not prepared.is_set():
            return "indexes are not there yet"
        try:
            await store.ping()
        except MongoError as away:
            return f"MongoDB does not answer: {type(away).__name__}"
        return None

    async def start(stack: contextlib.AsyncExitStack) -> None:
        # Unique indexes decide races, so nothing is decided before they are there.
        await _prepare(store)
        for part in parts:
            await stack.enter_async_context(part.running())
        prepared.set()

    async def must_be_prepared() -> None:
        if not prepared.is_set():
            raise TimeoutError("the database has not answered since the start")

    @contextlib.asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        async with contextlib.AsyncExitStack() as stack:
            stack.callback(store.close)
            starting = asyncio.create_task(start(stack))
            stack.callback(starting.cancel)
            starting.add_done_callback(_end_with_it)
            # Who cannot start says so at once; who only waits for the database answers 503 meanwhile.
            await asyncio.wait({starting}, timeout=START_SECONDS)
            if starting.done():
                starting.result()
            yield

    guard = Guard(access, hashes=hashes or {}, issuer=Issuer(settings.issuer, settings.jwks_url))
    app = FastAPI(
        title=f"Diandian {service}",
        version="1",
        description=description,
        lifespan=lifespan,
        openapi_url=f"/v1/{service}/openapi.json",
        docs_url=None,
        redoc_url=None,
        responses={"default": {"model": problems.Problem, "description": "RFC 9457 problem"}},
    )
    for router in routers:
        app.include_router(router, dependencies=[Depends(must_be_prepared), Depends(guard)])
    app.include_router(
        health.router({"mongodb": stored} | {type(part).__name__.lower(): part.health for part in parts})
    )
    app.add_api_route("/static/{name}", _static, include_in_schema=False)
    found_by_fastapi = app.openapi
    app.openapi = lambda: document.complete(found_by_fastapi(), access)  # type: ignore[method-assign]

    async def reference() -> HTMLResponse:
        who = {line: _who(named) for line, named in access.items()}
        page = pages.render("reference.html", api=app.openapi(), address=app.openapi_url, access=who)
        return HTMLResponse(page)

    app.add_api_route(f"/docs/{service}", reference, include_in_schema=False)
    guard.check_complete(app.routes, open_to_all=_common_lines(service))
    problems.install(app, statuses={**_STATUSES, **statuses}, pages=pages)
    secure = settings.public_url.startswith("https")
    app.add_exception_handler(TokenExchanged, _exchange(secure=secure))
    app.middleware("http")(_common(secure=secure))
    return app


def cause_of(request: Request) -> Cause:
    """Return the request as the cause of the events it leads to; its trace goes on, or begins here."""
    came = request.headers.get("traceparent", "")
    traceparent = came if _TRACEPARENT.fullmatch(came) else f"00-{secrets.token_hex(16)}-{secrets.token_hex(8)}-01"
    return Cause(id=request.state.request_id, traceparent=traceparent)


def _who(access: Access) -> str:
    """Say in words who may call a route."""
    if isinstance(access, Scope):
        return f"staff and machines with the scope {access.name}"
    if isinstance(access, Capability):
        return f"whoever shows the capability of the {access.parameter} in the path, in {CAPABILITY_HEADER}"
    return "anybody"


def _log_as_json() -> None:
    """One line of JSON an event; ids may stand in it, names and query strings may not."""
    structlog.configure(
        processors=[
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            structlog.processors.format_exc_info,
            structlog.processors.JSONRenderer(ensure_ascii=False),
        ]
    )


async def _static(name: str) -> Response:
    if name not in STATIC:
        raise HTTPException(404)
    headers = {"Cache-Control": "public, max-age=3600"}
    return Response(static_file(name), media_type=STATIC[name], headers=headers)


async def _prepare(store: Store) -> None:
    """Create the indexes as soon as the database answers. Raises OperationFailure when one cannot be created."""
    while True:
        try:
            return await store.prepare()
        except MongoError as away:
            if blames_index(away):
                raise
            log.warning("mongodb does not answer", failure=repr(away)[:200])
            await asyncio.sleep(1)


def _end_with_it(starting: asyncio.Task[None]) -> None:
    """End the process when the start fails after all: it would answer 503 for ever."""
    if not starting.cancelled() and (failure := starting.exception()) is not None:
        log.critical("refusing to run", failure=repr(failure)[:500])


def _common_lines(service: str) -> set[str]:
    """The routes that every service has beside those of its access table, open to all behind the gateway."""
    return {
        "GET /static/{name}",
        f"GET /docs/{service}",
        f"GET /v1/{service}/openapi.json",
        "GET /health/live",
        "GET /health/ready",
        "GET /metrics",
    }


def _exchange(*, secure: bool) -> Callable[[Request, Exception], Awaitable[Response]]:
    async def exchange(_: Request, exchanged: Exception) -> Response:
        assert isinstance(exchanged, TokenExchanged)
        answer = RedirectResponse(exchanged.location, 303)
        keep_capability(answer, exchanged.name, exchanged.token, secure=secure)
        return answer

    return exchange


def keep_capability(answer: Response, object_id: str, token: str, *, secure: bool) -> None:
    """Let the browser show the capability of the object from now on."""
    answer.set_cookie(object_id, token, max_age=400 * 24 * 3600, path="/", httponly=True, samesite="lax", secure=secure)


def _common(*, secure: bool) -> Callable[[Request, Callable[[Request], Awaitable[Response]]], Awaitable[Response]]:
    """Return what stands before every route.

    It names the request, refuses a body that is too large or does not say how large it is, knows the guest's language,
    and sets the safe headers.
    """

    async def common(request: Request, go_on: Callable[[Request], Awaitable[Response]]) -> Response:
        request.state.request_id = f"req_{secrets.token_hex(13)}"
        length = request.headers.get("content-length", "0")
        if "transfer-encoding" in request.headers:
            answer = problems.unread(request, 411, "length_required", "Send the body with its Content-Length.")
        elif not length.isdecimal() or int(length) > BODY_BYTES_MAX:
            answer = problems.unread(request, 413, "too_large", f"Send at most {BODY_BYTES_MAX} bytes.")
        elif (chosen := languages.choosing(request, secure=secure)) is not None:
            answer = chosen
        else:
            languages.remember(request)
            answer = await go_on(request)
            if answer.headers.get("content-type", "").startswith("text/html"):
                answer.headers["Content-Language"] = languages.TAGS[languages.asked().language]
                answer.headers.append("Vary", "Accept-Language, Cookie")
        answer.headers.setdefault("Request-Id", request.state.request_id)
        answer.headers.setdefault("Content-Security-Policy", CONTENT_SECURITY_POLICY)
        answer.headers.setdefault("Referrer-Policy", "no-referrer")
        answer.headers.setdefault("X-Content-Type-Options", "nosniff")
        return answer

    return common


__all__ = ["PUBLIC", "Running", "Store", "cause_of", "create", "database", "keep_capability"]
