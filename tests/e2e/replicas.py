"""A replica of a service as a child of the test: in the place of the sound one or beside it, wrapped or as it is."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import psutil

from tests.conftest import PATIENCE
from tests.e2e.conftest import System
from tests.e2e.warm import Started

ROOT = Path(__file__).resolve().parents[2]
READY_SECONDS_MAX = 60.0


@dataclass(eq=False)
class Replica:
    """One process; `begin` may be called again once it has died."""

    system: System
    service: str
    port: int
    log: Path
    factory: str
    environment: dict[str, str]
    process: Started | None = None

    @property
    def url(self) -> str:
        """Where it answers, beside the gateway."""
        return f"http://127.0.0.1:{self.port}"

    @property
    def hooks(self) -> dict[str, list[Any]]:
        """Of a client that speaks to this replica: what is for the payment provider goes by the gateway."""

        async def lead(request: httpx.Request) -> None:
            if request.url.path.startswith(("/sandbox", "/v1/sandbox")):
                request.url = request.url.copy_with(port=self.system.local.place.port)

        return {"request": [lead]}

    async def begin(self) -> None:
        """Start it and wait until it is ready. Raises AssertionError with the end of its log when it does not come."""
        arguments = ["--factory", self.factory, "--port", str(self.port), "--no-access-log"]
        given = {**self.system.local.env(self.service), **self.environment}
        self.process = await asyncio.to_thread(self.system.warm.start, arguments, given, self.log)
        deadline = asyncio.get_running_loop().time() + READY_SECONDS_MAX * PATIENCE
        async with httpx.AsyncClient(base_url=self.url, timeout=2) as client:
            while not await _ready(client):
                comes = psutil.pid_exists(self.process.pid) and asyncio.get_running_loop().time() < deadline
                assert comes, self.log.read_text()[-2000:]
                await asyncio.sleep(0.05)

    async def ended(self, *, seconds: float = 20.0) -> int:
        """Return the code with which it has ended. Raises TimeoutError when it goes on."""
        assert self.process is not None
        async with asyncio.timeout(seconds * PATIENCE):
            return await self.process.ended()

    async def kill(self) -> None:
        """Kill it as a crash would, unless it is dead already."""
        if self.process is not None:
            await self.process.kill()

    async def figure(self, name: str, *labels: str) -> float:
        """Return the sum of a figure over the lines that have one of these labels."""
        async with httpx.AsyncClient(base_url=self.url) as client:
            lines = (await client.get("/metrics")).text.splitlines()
        mine = (line for line in lines if line.startswith(name) and any(label in line for label in labels))
        return sum(float(line.rsplit(" ", 1)[1]) for line in mine)


@contextlib.asynccontextmanager
async def replica(
    system: System, service: str, folder: Path, *, factory: str = "", beside: bool = False, **environment: str
) -> AsyncIterator[Replica]:
    """Run a replica in the place of the sound one, or beside it under another name; the sound one is back afterwards.

    `factory` is what uvicorn serves when that is not the service itself.
    """
    port = system.local.place.port_of(service)
    if beside:
        # Behind all ports of a copy some more are free, see tests/embedded.py.
        port, environment = port + 13, {"DIANDIAN_REPLICA": f"{service}-2", **environment}
    else:
        await asyncio.to_thread(system.local.kill, service)
    made = Replica(
        system, service, port, folder / f"{service}.log", factory or f"services.{service}.app:create_app", environment
    )
    try:
        await made.begin()
        yield made
    finally:
        await made.kill()
        if not beside:
            await asyncio.to_thread(system.local.start, service, lambda _line: None)


async def _ready(client: httpx.AsyncClient) -> bool:
    with contextlib.suppress(httpx.TransportError):
        return (await client.get("/health/ready")).status_code == httpx.codes.OK
    return False
