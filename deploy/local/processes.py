"""Processes that outlive the command that started them, each with a record by which it is known again."""

import json
import os
import subprocess
import time
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import asdict, dataclass

import psutil

from deploy.local.parts import Part
from deploy.local.place import ROOT, Place
from deploy.settings import PREFIX

STOP_SECONDS_MAX = 15.0

# The clock by which a process was created may be corrected while it runs; a pid does not come round that fast.
CREATED_TOLERANCE_SECONDS = 2.0

# The shell ends at once, so the process belongs to nobody who would have to wait for it.
DETACH = 'log=$1; shift; "$@" </dev/null >>"$log" 2>&1 & echo $!'


@dataclass(frozen=True)
class Record:
    """What `run/<part>.json` keeps of a process: the pid alone may be another's tomorrow."""

    pid: int
    created: float
    port: int
    command: list[str]


def launch(place: Place, part: Part) -> None:
    """Start the part's process in a session of its own, its output in its log, and record it."""
    command = part.command(place)
    shell = subprocess.run(
        ["sh", "-c", DETACH, "sh", str(place.log(part.name)), *command],
        cwd=ROOT,
        env=_environment() | part.environment(place),
        stdout=subprocess.PIPE,
        start_new_session=True,
        check=True,
    )
    record(place, part, int(shell.stdout))


def record(place: Place, part: Part, pid: int) -> None:
    """Write down that this process is the part's."""
    created = 0.0
    # It may have failed already; then its record fits no process.
    with suppress(psutil.NoSuchProcess):
        created = psutil.Process(pid).create_time()
    kept = Record(pid, created, place.port_of(part.name), part.command(place))
    (place.folder("run") / f"{part.name}.json").write_text(json.dumps(asdict(kept), indent=2))


def _environment() -> dict[str, str]:
    """Return ours without what we read ourselves: a service refuses names of ours that it does not know."""
    others = {name: value for name, value in os.environ.items() if not name.startswith(PREFIX)}
    return others | {"PYTHONPATH": str(ROOT), "PYTHONUNBUFFERED": "1"}


def recorded(place: Place, name: str) -> Record | None:
    """Return what was started last under the name and not stopped, whether it still runs or not."""
    file = place.home / "run" / f"{name}.json"
    return Record(**json.loads(file.read_text())) if file.exists() else None


def running(place: Place, name: str) -> psutil.Process | None:
    """Return the process that was started under the name, if it is still that one and alive."""
    kept = recorded(place, name)
    if kept is None:
        return None
    try:
        process = psutil.Process(kept.pid)
        is_ours = abs(process.create_time() - kept.created) < CREATED_TOLERANCE_SECONDS
    except psutil.NoSuchProcess:
        return None
    return process if is_ours and _is_alive(process) else None


def stop(place: Place, names: list[str]) -> list[str]:
    """Ask all of them to end, kill those that do not, and return the names of those that ran."""
    processes = {name: process for name in names if (process := running(place, name))}
    for process in processes.values():
        with suppress(psutil.NoSuchProcess):
            process.terminate()
    _kill(_wait_until_gone(processes.values()))
    for name in names:
        (place.home / "run" / f"{name}.json").unlink(missing_ok=True)
    return list(processes)


def kill(place: Place, name: str) -> None:
    """Kill the process at once, as a crash would, and wait until it is gone."""
    process = running(place, name)
    _kill([process] if process else [])


def _kill(processes: list[psutil.Process]) -> None:
    for process in processes:
        with suppress(psutil.NoSuchProcess):
            process.kill()
    _wait_until_gone(processes)


def _wait_until_gone(processes: Iterable[psutil.Process]) -> list[psutil.Process]:
    """Return those that are still there when the time is up."""
    deadline = time.monotonic() + STOP_SECONDS_MAX
    while (alive := [process for process in processes if _is_alive(process)]) and time.monotonic() < deadline:
        time.sleep(0.05)
    return alive


def _is_alive(process: psutil.Process) -> bool:
    """What the system has not reaped yet is dead all the same, once its last thread has let go of its port."""
    try:
        return process.is_running() and (process.status() != psutil.STATUS_ZOMBIE or process.num_threads() > 1)
    except psutil.NoSuchProcess:
        return False
