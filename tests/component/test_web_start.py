"""A start that fails ends the process, soon or late, with its reason; what ends by itself is logged and seen."""

from __future__ import annotations

import asyncio
import contextlib
import os
import secrets
import sys
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import httpx
import pytest
from fastapi import FastAPI
from structlog.testing import capture_logs

from shared.mongodb import connect
from shared.settings import Settings
from shared.web import health
from shared.web.background import Background
from shared.web.periodic import Periodic
from tests.component.test_certificates_down import line_to
from tests.conftest import Infra, until
from tests.embedded import free_port

ROOT = Path(__file__).resolve().parents[2]
# A process that starts on a busy machine.
START_SECONDS = 90
# The service itself, which waits less long before it opens its port.
SOON = "from shared.web import start\nstart.WAIT_SECONDS = 0.2\nfrom services.calculator.app import create_app\n"


def environment_of(settings: Settings, **more: str) -> dict[str, str]:
    return {
        **os.environ,
        "PYTHONUNBUFFERED": "1",
        "KAFKA_BOOTSTRAP_SERVERS": settings.kafka_bootstrap_servers,
        "MONGODB_URL": settings.mongodb_url,
        "DIANDIAN_SECRET": settings.secret.get_secret_value(),
        "DIANDIAN_REPLICA": settings.replica,
        **more,
    }


@contextlib.asynccontextmanager
async def started(
    folder: Path, port: int, environment: dict[str, str]
) -> AsyncIterator[tuple[asyncio.subprocess.Process, Path]]:
    """Start calculator as it is started everywhere, and yield its process and its log."""
    (folder / "soon.py").write_text(SOON)
    log = folder / "log"
    command = ["-m", "uvicorn", "--factory", "soon:create_app", "--port", str(port), "--no-access-log"]
    with log.open("w") as output:
        process = await asyncio.create_subprocess_exec(
            sys.executable,
            *command,
            env={**environment, "PYTHONPATH": f"{folder}:{ROOT}"},
            stdout=output,
            stderr=output,
        )
        try:
            yield process, log
        finally:
            with contextlib.suppress(ProcessLookupError):
                process.kill()
            await process.wait()


@contextlib.asynccontextmanager
async def database_without_its_index(infra: Infra) -> AsyncIterator[str]:
    """A database that holds two scenes of one code, so that no unique index can be made."""
    name = f"calculator_{secrets.token_hex(4)}"
    client = connect(infra.mongodb_url(name))
    await client[name]["scenes"].insert_many([{"_id": one, "scene": {"code": "SAME"}} for one in ("a", "b")])
    try:
        yield name
    finally:
        await client.drop_database(name)
        client.close()


async def test_a_start_that_fails_late_ends_the_process_and_logs_why(
    infra: Infra, settings: Callable[..., Settings], tmp_path: Path
) -> None:
    port = free_port()
    waits_at = port + 1
    async with database_without_its_index(infra) as name:
        away = Infra("", f"mongodb://127.0.0.1:{waits_at}").mongodb_url(name) + "&serverSelectionTimeoutMS=200"
        environment = environment_of(settings("calculator", mongodb_url=away))
        async with started(tmp_path, port, environment) as (process, log), httpx.AsyncClient() as client:

            async def waits() -> bool:
                with contextlib.suppress(httpx.TransportError):
                    return (await client.get(f"http://127.0.0.1:{port}/health/ready")).status_code == 503
                return False

            await until(waits, seconds=START_SECONDS)
            assert process.returncode is None
            address = infra.mongodb.removeprefix("mongodb://")
            async with line_to(address, port=waits_at):

                async def ended() -> bool:
                    return process.returncode is not None

                await until(ended, seconds=START_SECONDS)
        lines = log.read_text()
    assert process.returncode
    assert '"event": "refusing to run"' in lines
    assert "DuplicateKeyError" in lines


async def test_a_start_that_fails_at_once_ends_the_process_and_logs_why(
    infra: Infra, settings: Callable[..., Settings], tmp_path: Path
) -> None:
    async with database_without_its_index(infra) as name:
        environment = environment_of(settings("calculator", mongodb_url=infra.mongodb_url(name)))
        async with started(tmp_path, free_port(), environment) as (process, log):
            assert await process.wait() != 0
            assert '"event": "refusing to run"' in log.read_text()


async def test_wrong_settings_end_the_server_with_2_and_name_each_in_a_line(
    settings: Callable[..., Settings], tmp_path: Path
) -> None:
    wrong = {"DIANDIAN_SECRET": "abcde", "DIANDIAN_PUBLIC_URL": "foo", "DIANDIAN_FOOTPRINTS_PER_ADDRESS_MAX": "0"}
    environment = environment_of(settings("calculator"), **wrong)
    async with started(tmp_path, free_port(), environment) as (process, log):
        assert await process.wait() == 2
        lines = log.read_text().splitlines()
    assert sorted(line.split(": ")[1] for line in lines) == sorted(wrong)


async def test_a_check_that_fails_makes_a_service_unready_and_names_why() -> None:
    async def fails() -> str | None:
        raise RuntimeError("a fault")

    async def holds() -> str | None:
        return None

    app = FastAPI()
    app.include_router(health.router({"first": fails, "second": holds}))
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://diandian.test") as client:
        answer = await client.get("/health/ready")
    assert (answer.status_code, answer.json()) == (503, {"status": "waiting", "first": "RuntimeError('a fault')"})


@pytest.mark.parametrize("failure", [asyncio.CancelledError, RuntimeError("a fault"), None])
async def test_background_work_that_ends_by_itself_is_logged_and_unready(failure: BaseException | None) -> None:
    async def work() -> None:
        await asyncio.sleep(0)
        if failure is not None:
            raise failure

    part = Background("some work", work)

    async def reason() -> str | None:
        return await part.health()

    with capture_logs() as lines:
        async with part.running():
            assert "some work has ended" in await until(reason)
    assert [(line["event"], line["work"]) for line in lines] == [("background work has ended", "some work")]


async def test_periodic_work_survives_a_failure_and_ends_with_its_service() -> None:
    times = 0

    async def act() -> None:
        nonlocal times
        times += 1
        raise RuntimeError("this time")

    part = Periodic("sweep", act, seconds=0)

    async def often() -> bool:
        return times > 3

    with capture_logs() as lines:
        async with part.running():
            await until(often)
            assert await part.health() is None
    assert {line["event"] for line in lines} == {"periodic work failed"}
