"""Whether a replica lives and may be sent work, and its figures for Prometheus."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping

from fastapi import APIRouter
from fastapi.responses import JSONResponse, Response
from prometheus_client import CONTENT_TYPE_LATEST, generate_latest

Check = Callable[[], Awaitable[str | None]]


def router(checks: Mapping[str, Check]) -> APIRouter:
    """Build the routes; each check returns none when all is well, else what is missing."""
    routes = APIRouter(include_in_schema=False)

    @routes.get("/health/live")
    async def live() -> dict[str, str]:
        return {"status": "alive"}

    @routes.get("/health/ready")
    async def ready() -> JSONResponse:
        missing = {name: reason for name, check in checks.items() if (reason := await _checked(check)) is not None}
        return JSONResponse({"status": "waiting" if missing else "ready", **missing}, 503 if missing else 200)

    @routes.get("/metrics")
    async def metrics() -> Response:
        return Response(generate_latest(), media_type=CONTENT_TYPE_LATEST)

    return routes


async def _checked(check: Check) -> str | None:
    """A check that fails is no reason to answer 500: it is one more thing that is missing."""
    try:
        return await check()
    except Exception as failure:
        return repr(failure)[:300]
