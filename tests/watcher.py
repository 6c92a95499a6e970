"""Ends every process of a test session whose pytest is gone, however it went: stopped, interrupted or killed.

Each process that tests start inherits the mark of its session in its environment, also one that has left its parent and
its process group. `python -m tests.watcher <mark>` waits until its standard input ends, which it does with pytest.
"""

from __future__ import annotations

import contextlib
import os
import secrets
import subprocess
import sys
from pathlib import Path

import psutil

MARK = "TEST_SESSION"
ROOT = Path(__file__).resolve().parents[1]


def watched() -> subprocess.Popen[bytes]:
    """Mark this process and let it be watched; closing the standard input of what is returned ends the rest."""
    os.environ[MARK] = secrets.token_hex(8)
    # In a session of its own, so that the interrupt of a terminal does not reach it.
    command = [sys.executable, "-m", "tests.watcher", os.environ[MARK]]
    return subprocess.Popen(command, cwd=ROOT, stdin=subprocess.PIPE, start_new_session=True)


def marked(mark: str) -> list[psutil.Process]:
    """Return the processes that were started under the mark, but for this one."""
    found = []
    for process in psutil.process_iter():
        with contextlib.suppress(psutil.Error):
            if process.environ().get(MARK) == mark and process.pid != os.getpid():
                found.append(process)
    return found


def end(mark: str) -> None:
    """Kill all of them; one that was just about to start another may leave that one behind, so look again."""
    while processes := marked(mark):
        for process in processes:
            with contextlib.suppress(psutil.NoSuchProcess):
                process.kill()
        psutil.wait_procs(processes, timeout=1)


if __name__ == "__main__":
    sys.stdin.buffer.read()
    end(sys.argv[1])
