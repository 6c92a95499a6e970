"""A session of tests that is interrupted or killed leaves no process behind, in however many lanes it ran."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from tests.conftest import until
from tests.watcher import MARK, marked

LANES = ("--numprocesses", "2")
# Who runs in the background ignores interrupts, and so do its children if they do not ask for them.
PYTEST = "import pytest, signal, sys; signal.signal(signal.SIGINT, signal.default_int_handler); sys.exit(pytest.main())"
ROOT = Path(__file__).resolve().parents[2]
# It starts Kafka and a database, and is at work for longer than the interrupt takes to come.
A_TEST = "tests/component/test_messaging_group.py"


@contextlib.contextmanager
def session(*more: str) -> Iterator[subprocess.Popen[bytes]]:
    """Run tests in a process group of their own, as a terminal does."""
    command = [sys.executable, "-c", PYTEST, "--quiet", A_TEST, *more]
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.DEVNULL, process_group=0) as running:
        try:
            yield running
        finally:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(running.pid, signal.SIGKILL)


def mark_of(running: subprocess.Popen[bytes]) -> str | None:
    """Return the mark of the session, which its watcher has from its birth."""
    mine = os.environ[MARK]
    for child in psutil.Process(running.pid).children():
        with contextlib.suppress(psutil.Error):
            if (found := child.environ().get(MARK, mine)) != mine:
                return found
    return None


@pytest.mark.parametrize(
    ("ended_by", "lanes"),
    [(signal.SIGINT, LANES), (signal.SIGKILL, LANES), (signal.SIGTERM, ())],
    ids=["Ctrl-C", "a kill", "a request to end without lanes"],
)
async def test_an_interrupted_session_leaves_no_process(ended_by: signal.Signals, lanes: tuple[str, ...]) -> None:
    with session(*lanes) as running:

        async def at_work() -> str | None:
            """Its mark, once its Kafka runs and is asked for something."""
            mark = mark_of(running)
            names = [process.name() for process in marked(mark)] if mark else []
            return mark if "java" in names and any("secantus" in name for name in names) else None

        mark = await until(at_work, seconds=120)
        if ended_by is signal.SIGINT:
            # As Ctrl-C does: to all that belong to the terminal.
            os.killpg(running.pid, ended_by)
        else:
            running.send_signal(ended_by)

        async def nothing_left() -> bool:
            return running.poll() is not None and not marked(mark)

        await until(nothing_left, seconds=60)
    assert running.returncode != 0
