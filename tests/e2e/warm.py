"""Starts services as forks of a warm parent: real processes with logs, records and deaths of their own, in no time."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import signal
import socket
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from deploy.local import processes
from deploy.local.parts import SERVICES, Part
from deploy.local.place import ROOT, Place


@dataclass(eq=False)
class Started:
    """A forked process, and the connection on which its end is reported."""

    pid: int
    connection: socket.socket
    code: int | None = None

    async def ended(self) -> int:
        """Wait for its end, and return the code with which it ended."""
        output = b""
        while self.code is None and not output.endswith(b"\n"):
            part = await asyncio.get_running_loop().sock_recv(self.connection, 16)
            assert part, "the parent is gone"
            output += part
        if self.code is None:
            self.code = int(output)
            self.connection.close()
        return self.code

    async def kill(self) -> None:
        """Kill it as a crash would, unless it has ended already."""
        if self.code is None:
            with contextlib.suppress(ProcessLookupError):
                os.kill(self.pid, signal.SIGKILL)
            await self.ended()


@dataclass(frozen=True)
class Warm:
    """The parent, known by its socket."""

    address: str

    def start(self, arguments: Sequence[str], environment: Mapping[str, str], log: Path) -> Started:
        """Fork a process that runs uvicorn with these arguments, and with this environment beside ours."""
        wanted = {
            "arguments": list(arguments),
            "environment": {**os.environ, "PYTHONPATH": str(ROOT), "PYTHONUNBUFFERED": "1", **environment},
            "log": str(log),
        }
        connection = socket.socket(socket.AF_UNIX)
        connection.connect(self.address)
        connection.sendall(json.dumps(wanted).encode() + b"\n")
        pid = b""
        # Byte by byte: the next line is for who waits for the end.
        while not pid.endswith(b"\n"):
            pid += connection.recv(1) or b"-1\n"
        connection.setblocking(False)
        return Started(int(pid), connection)

    def launch(self, place: Place, part: Part) -> None:
        """Start a part as `processes.launch` does, only that services are forked."""
        if part.name not in SERVICES:
            processes.launch(place, part)
            return
        command = part.command(place)
        arguments = command[command.index("uvicorn") + 1 :]
        started = self.start(arguments, part.environment(place), place.log(part.name))
        started.connection.close()
        processes.record(place, part, started.pid)


@contextlib.contextmanager
def warm() -> Iterator[Warm]:
    """Run the parent; whoever it has forked lives on without it."""
    # A socket's address has to be short.
    with tempfile.TemporaryDirectory(prefix="diandian") as folder:
        address = f"{folder}/parent"
        command = [sys.executable, "-m", "tests.e2e.zygote", address]
        with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, start_new_session=True) as parent:
            assert parent.stdout
            assert parent.stdout.readline() == b"ready\n"
            try:
                yield Warm(address)
            finally:
                parent.kill()
