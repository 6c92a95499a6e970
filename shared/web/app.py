"""What every service's HTTP side has in common: its app with start, guard, problems, health and static files."""

from __future__ import annotations

import re
import secrets
from collections.abc import Awaitable, Callable, Mapping, Sequence
from functools import cache
from typing import Any

import structlog
from fastapi import APIRouter, Depends, FastAPI, Request
from fastapi.responses import HTMLResponse, RedirectResponse, Response
from starlette.exceptions import HTTPException

from shared.contracts.event import Cause
from shared.mongodb import Database, connect
from shared.refusal import Refusal
from shared.settings import Settings
from shared.web import document, explained, health, problems
from shared.web.auth import (
    CAPABILITY_HEADER,
    Access,
    Capability,
    Forbidden,
    Guard,
    HashOf,
    Scope,
    Signature,
    TokenExchanged,
    Unauthenticated,
)
from shared.web.idempotency import KeyMissing, KeyReused
from shared.web.issuer import Issuer, IssuerUnavailable
from shared.web.lists import CursorUnknown
from shared.web.middleware import RequestMiddleware
from shared.web.pages import STATIC, Pages, static_file
from shared.web.preconditions import PreconditionFailed, PreconditionMissing
from shared.web.routes import ConditionNotTaken, ParametersUnknown, Routes
from shared.web.start import Running, Start, Store

_TRACEPARENT = re.compile(r"00-[0-9a-f]{32}-[0-9a-f]{16}-[0-9a-f]{2}")
STATUSES: dict[type[Refusal], int] = {
    Unauthenticated: 401,
    Forbidden: 403,
    IssuerUnavailable: 503,
    KeyMissing: 400,
    KeyReused: 422,
    ParametersUnknown: 422,
    ConditionNotTaken: 422,
    CursorUnknown: 422,
    PreconditionFailed: 412,
    PreconditionMissing: 428,
}


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
    examples: Mapping[str, Any] | None = None,
    statuses: Mapping[type[Refusal], int],
    store: Store,
    pages: Pages,
    hashes: Mapping[str, HashOf] | None = None,
    parts: Sequence[Running] = (),
) -> FastAPI:
    """Return the app of a service. Raises LookupError when a route has no line in its access table."""
    _log_as_json()
    start = Start(store, parts)
    guard = Guard(access, hashes=hashes or {}, issuer=Issuer(settings.issuer, settings.jwks_url))
    app = FastAPI(
        title=f"Diandian {service}",
        version="1",
        description=description,
        lifespan=start.lifespan,
        servers=[{"url": settings.public_url, "description": "the one address of all five services"}],
        openapi_url=f"/v1/{service}/openapi.json",
        docs_url=None,
        redoc_url=None,
        responses={"default": {"model": problems.Problem, "description": "RFC 9457 problem"}},
    )
    found_by_fastapi = app.openapi
    app.openapi = cache(lambda: document.complete(found_by_fastapi(), access, examples))  # type: ignore[method-assign]
    common = _common_lines(service)
    found_routes = Routes([*access, *common], app.openapi)
    checks = [
        Depends(start.must_be_complete),
        Depends(guard),
        Depends(found_routes.refuse_unknown),
        Depends(found_routes.refuse_untaken),
    ]
    for router in routers:
        app.include_router(router, dependencies=checks)
    app.include_router(health.router(start.checks))
    app.include_router(explained.router(pages))
    app.add_api_route("/static/{name}", _static, include_in_schema=False)

    async def reference() -> HTMLResponse:
        who = {line: _who(named) for line, named in access.items()}
        page = pages.render("reference.html", api=app.openapi(), address=app.openapi_url, access=who)
        return HTMLResponse(page)

    app.add_api_route(f"/docs/{service}", reference, include_in_schema=False)
    guard.check_complete(app.routes, open_to_all=common)
    secure = settings.public_url.startswith("https")
    answers = problems.Problems(
        statuses={**STATUSES, **statuses},
        pages=pages,
        access=access,
        routes=found_routes,
        explained_at=f"{settings.public_url}/problems",
    )
    answers.install(app)
    app.add_exception_handler(TokenExchanged, _exchange(secure=secure))
    app.add_middleware(RequestMiddleware, problems=answers, secure=secure)
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
    if isinstance(access, Signature):
        return f"whoever signs the body, in {access.header}"
    return "anybody"


def _log_as_json() -> None:
    """One line of JSON an event; ids may stand in it, names and query strings may not."""
    structlog.configure(
        processors=[
            structlog.contextvars.merge_contextvars,
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


def _common_lines(service: str) -> set[str]:
    """The routes that every service has beside those of its access table, open to all behind the gateway."""
    return {
        "GET /static/{name}",
        f"GET /docs/{service}",
        f"GET /v1/{service}/openapi.json",
        "GET /health/live",
        "GET /health/ready",
        "GET /metrics",
        *explained.LINES,
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
