"""The sandbox for tests of orders: another program at an address of its own, played in this process by one clock."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import httpx
import uvicorn

from deploy.sandbox.app import Settings, create_app
from deploy.sandbox.records import Records
from services.orders.handlers.sandbox import Sandbox
from tests.conftest import until
from tests.embedded import free_port

KEY = "a key that orders and the sandbox share"


@dataclass(frozen=True)
class Provider:
    """Where the sandbox answers, and its record, into which only a test looks."""

    url: str
    records: Records

    @property
    def settings(self) -> dict[str, Any]:
        """What orders is sent of it."""
        return {"sandbox_url": self.url, "sandbox_key": KEY}

    def adapter(self, clock: Callable[[], datetime], kind: type[Sandbox] = Sandbox) -> Sandbox:
        """Return an adapter to it, which is not running yet."""
        return kind(self.url, KEY, clock)

    async def lead(self, request: httpx.Request) -> None:
        """Send a guest to the sandbox where the gateway would."""
        if request.url.path.startswith(("/sandbox", "/v1/sandbox")):
            request.url = request.url.copy_with(port=urlsplit(self.url).port)


@contextlib.asynccontextmanager
async def serving(app: Any, port: int) -> AsyncIterator[None]:
    """Serve an app at a port of this machine, from when it is ready."""
    server = uvicorn.Server(uvicorn.Config(app, port=port, log_config=None, timeout_graceful_shutdown=2))
    # The signals stay with pytest.
    server.capture_signals = contextlib.nullcontext  # type: ignore[assignment, method-assign]
    work = asyncio.create_task(server.serve())
    async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{port}") as client:

        async def ready() -> bool:
            with contextlib.suppress(httpx.TransportError):
                return (await client.get("/health/ready")).status_code == 200
            return False

        await until(ready)
    try:
        yield
    finally:
        server.should_exit = True
        await work


@contextlib.asynccontextmanager
async def provider(folder: Path, clock: Callable[[], datetime], *, notice_url: str) -> AsyncIterator[Provider]:
    """Run the sandbox, which sends its notices to an address."""
    port, file = free_port(), folder / "payments.sqlite"
    app = create_app(Settings(key=KEY, file=file, notice_url=notice_url), clock=clock)
    async with serving(app, port):
        records = Records(file)
        try:
            yield Provider(f"http://127.0.0.1:{port}", records)
        finally:
            records.close()
