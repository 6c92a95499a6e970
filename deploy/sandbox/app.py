"""Puts the sandbox together."""

from __future__ import annotations

import contextlib
import secrets
from collections.abc import AsyncIterator, Awaitable, Callable
from datetime import UTC, datetime
from pathlib import Path

from fastapi import FastAPI, Request
from fastapi.responses import Response
from pydantic import Field, SecretStr
from pydantic_settings import BaseSettings, SettingsConfigDict

from deploy.sandbox.payments import FaultNotPlayable
from deploy.sandbox.provider import AnswerLost, PaymentUnknown, Sandbox
from deploy.sandbox.records import Records
from deploy.sandbox.routes import KeyWrong, guest_routes, merchant_routes
from shared.web import languages, problems
from shared.web.pages import Pages

CONTENT_SECURITY_POLICY = (
    "default-src 'none'; style-src 'self'; script-src 'self'; connect-src 'self'; img-src 'self' data:;"
    " form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
)
BODY_BYTES_MAX = 100_000
STATUSES = {PaymentUnknown: 404, FaultNotPlayable: 422, KeyWrong: 401, AnswerLost: 504}


class Settings(BaseSettings):
    """What the sandbox is told by its environment."""

    model_config = SettingsConfigDict(env_prefix="SANDBOX_", frozen=True)

    # Shown by the merchant with every request; notices are signed with it.
    key: SecretStr = Field(min_length=16)
    file: Path
    # Where the merchant takes notices.
    notice_url: str = Field(pattern=r"^https?://\S+$")


def clock() -> datetime:
    """Return the present moment."""
    return datetime.now(UTC)


def create_app(settings: Settings | None = None, *, clock: Callable[[], datetime] = clock) -> FastAPI:
    """Return the sandbox; nothing runs before its lifespan begins."""
    settings = settings or Settings()
    key = settings.key.get_secret_value()
    sandbox = Sandbox(Records(settings.file), clock, key=key, notice_url=settings.notice_url)
    pages = Pages(Path(__file__).parent / "pages", service="sandbox", livemode=False)

    @contextlib.asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        async with sandbox.running():
            yield

    app = FastAPI(
        title="Sandbox, a payment provider without money",
        version="1",
        description="It plays ways of paying and what goes wrong with them. No bank, no card, no real money.",
        lifespan=lifespan,
        openapi_url="/v1/sandbox/openapi.json",
        docs_url=None,
        redoc_url=None,
    )
    app.include_router(merchant_routes(sandbox, clock, key=key))
    app.include_router(guest_routes(sandbox, pages, clock))
    app.add_api_route("/health/ready", _ready, include_in_schema=False)
    problems.install(app, statuses=STATUSES, pages=pages)
    app.middleware("http")(_common)
    app.state.sandbox = sandbox
    return app


async def _ready() -> dict[str, str]:
    return {"status": "ready"}


async def _common(request: Request, go_on: Callable[[Request], Awaitable[Response]]) -> Response:
    """Name the request, refuse a body that is too large, know the guest's language, set the safe headers."""
    request.state.request_id = f"req_{secrets.token_hex(13)}"
    length = request.headers.get("content-length", "0")
    if "transfer-encoding" in request.headers or not length.isdecimal() or int(length) > BODY_BYTES_MAX:
        answer = problems.unread(request, 413, "too_large", f"Send at most {BODY_BYTES_MAX} bytes, and say how many.")
    elif (chosen := languages.choosing(request, secure=request.url.scheme == "https")) is not None:
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
