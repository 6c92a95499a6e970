"""Puts the sandbox together."""

from __future__ import annotations

import contextlib
import os
from collections.abc import AsyncIterator, Callable
from datetime import UTC, datetime
from pathlib import Path

from fastapi import FastAPI
from pydantic import BaseModel, ConfigDict, Field, SecretStr

from deploy.sandbox.payments import FaultNotPlayable
from deploy.sandbox.provider import AnswerLost, PaymentUnknown, Sandbox
from deploy.sandbox.records import Records
from deploy.sandbox.routes import KeyWrong, guest_routes, merchant_routes
from shared.web.middleware import RequestMiddleware
from shared.web.pages import Pages
from shared.web.problems import Problems

STATUSES = {PaymentUnknown: 404, FaultNotPlayable: 422, KeyWrong: 401, AnswerLost: 504}


class Settings(BaseModel):
    """What the sandbox reads from its environment."""

    model_config = ConfigDict(frozen=True)

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
    settings = settings or _from_environment()
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
    problems = Problems(statuses=STATUSES, pages=pages)
    problems.install(app)
    app.add_middleware(RequestMiddleware, problems=problems, secure=settings.notice_url.startswith("https"))
    app.state.sandbox = sandbox
    return app


def _from_environment() -> Settings:
    """Return the settings that SANDBOX_KEY, SANDBOX_FILE and SANDBOX_NOTICE_URL give. Raises ValidationError."""
    names = {name: f"SANDBOX_{name.upper()}" for name in Settings.model_fields}
    return Settings.model_validate({name: os.environ[named] for name, named in names.items() if named in os.environ})


async def _ready() -> dict[str, str]:
    return {"status": "ready"}
