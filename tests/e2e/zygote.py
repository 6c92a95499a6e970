"""A process that has imported every service and forks one for each start that it is asked for over its socket.

`python -m tests.e2e.zygote <socket>`. A request is one line of JSON: the arguments of uvicorn, the environment and the
log file. The answer is a line with the pid and, once that process has ended, a line with the code it ended with. A
forked service differs from one that `make up` starts in nothing but who imported its modules.
"""

from __future__ import annotations

import contextlib
import gc
import importlib
import json
import os
import selectors
import signal
import socket
import sys
from pathlib import Path
from typing import Any

import uvicorn

from shared.contracts.topics import SERVICES

# What uvicorn imports only when it is started.
OF_UVICORN = ("loops.auto", "protocols.http.auto", "protocols.websockets.auto", "lifespan.on")
REQUEST_BYTES_MAX = 1024 * 1024


class Zygote:
    """Forks on request, and reports each child's end to whoever asked for it."""

    def __init__(self, listening: socket.socket) -> None:
        self._listening = listening
        self._requesters: dict[int, socket.socket] = {}
        self._selector = selectors.DefaultSelector()
        self._woken, self._wakes = socket.socketpair()

    def serve(self) -> None:
        """Serve for as long as the process lives."""
        self._wakes.setblocking(False)
        signal.set_wakeup_fd(self._wakes.fileno())
        signal.signal(signal.SIGCHLD, lambda *_: None)
        self._selector.register(self._listening, selectors.EVENT_READ)
        self._selector.register(self._woken, selectors.EVENT_READ)
        while True:
            for key, _ in self._selector.select():
                if key.fileobj is self._woken:
                    self._woken.recv(4096)
                    self._report_ends()
                else:
                    self._start(self._listening.accept()[0])

    def _start(self, requester: socket.socket) -> None:
        with requester.makefile("rb") as request:
            wanted = json.loads(request.readline(REQUEST_BYTES_MAX))
        pid = os.fork()
        if pid == 0:
            self._become(requester, wanted)
        self._requesters[pid] = requester
        _report(requester, pid)

    def _become(self, requester: socket.socket, wanted: dict[str, Any]) -> None:
        """Be the service; never return."""
        code = 1
        try:
            signal.set_wakeup_fd(-1)
            signal.signal(signal.SIGCHLD, signal.SIG_DFL)
            self._selector.close()
            for held in (self._listening, self._woken, self._wakes, requester, *self._requesters.values()):
                held.close()
            os.setsid()
            with Path(wanted["log"]).open("ab") as log:
                os.dup2(log.fileno(), 1)
                os.dup2(log.fileno(), 2)
            os.environ.clear()
            os.environ.update(wanted["environment"])
            sys.path[:0] = os.environ.get("PYTHONPATH", "").split(os.pathsep)
            sys.argv = ["uvicorn", *wanted["arguments"]]
            uvicorn.main(wanted["arguments"])
        except SystemExit as ended:
            code = ended.code if isinstance(ended.code, int) else int(ended.code is not None)
        finally:
            sys.stdout.flush()
            sys.stderr.flush()
            os._exit(code)

    def _report_ends(self) -> None:
        while self._requesters:
            pid, status = os.waitpid(-1, os.WNOHANG)
            if pid == 0:
                return
            with self._requesters.pop(pid) as requester:
                _report(requester, os.waitstatus_to_exitcode(status))


def _report(requester: socket.socket, number: int) -> None:
    # Who has gone away does not want to know.
    with contextlib.suppress(OSError):
        requester.sendall(f"{number}\n".encode())


def main() -> None:
    """Import everything, then serve."""
    for service in SERVICES:
        importlib.import_module(f"services.{service}.app")
    for module in OF_UVICORN:
        importlib.import_module(f"uvicorn.{module}")
    # What is here stays here: no child looks through it, so that its memory stays shared.
    gc.collect()
    gc.freeze()
    with socket.socket(socket.AF_UNIX) as listening:
        listening.bind(sys.argv[1])
        listening.listen()
        print("ready", flush=True)
        Zygote(listening).serve()


if __name__ == "__main__":
    main()
