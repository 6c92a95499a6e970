"""Starts and stops the parts of one embedded copy: all of what is asked for, or nothing."""

import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from deploy.local import ports, processes
from deploy.local.bootstrap import TICK_SECONDS, last_lines, run_showing_progress
from deploy.local.lock import locked
from deploy.local.parts import FRONTS, PARTS, PROGRAMS, SERVICES, STORES, Part
from deploy.local.place import ROOT, Place, Say

READY_SECONDS_MAX = 90


class PartFailed(Exception):
    """A part ended, or did not become ready in time; says the last lines of its log."""

    code = "part_failed"


class OtherPort(Exception):
    """The copy in this home runs on another port than the one that is asked for."""

    code = "other_port"


@dataclass(frozen=True)
class PartStatus:
    """What can be seen of a part; no pid when it does not run."""

    name: str
    port: int
    pid: int | None
    is_ready: bool


class Local:
    """One embedded copy, known by its home; `parts` narrows it to some of PARTS, `launch` starts a part's process.

    `kafka` and `mongodb` are addresses of servers that run already, to be used in the place of its own.
    """

    def __init__(
        self,
        home: Path = ROOT / ".local",
        port: int = 8080,
        *,
        host: str = "127.0.0.1",
        parts: Iterable[str] = tuple(PARTS),
        kafka: str = "",
        mongodb: str = "",
        launch: Callable[[Place, Part], None] = processes.launch,
    ) -> None:
        self.place = Place(home.resolve(), port, host, kafka, mongodb)
        self._parts = set(parts) - self.place.elsewhere
        self._launch = launch

    @property
    def url(self) -> str:
        """The address of the whole site."""
        return self.place.url

    def env(self, part: str) -> dict[str, str]:
        """Return the environment of the part beside our own."""
        return PARTS[part].environment(self.place)

    def up(self, say: Say = print) -> None:
        """Start what does not run yet and wait until all of it is ready.

        Raises PortTaken or OtherPort before anything starts; PartFailed or CommandFailed after whatever this call
        started is stopped again.
        """
        with locked(self.place.folder("run") / "lock"):
            missing = [part for part in PARTS.values() if part.name in self._parts and not self._runs(part)]
            self._refuse_other_port()
            ports.refuse_taken(self.place, missing)
            with self._all_or_nothing(missing, say):
                self._start([part for part in STORES if part in missing], say)
                has_kafka = "kafka" in self._parts | self.place.elsewhere
                if has_kafka and any(part.name in SERVICES for part in missing):
                    self._make_topics(say)
                self._start([part for part in FRONTS if part in missing], say)
                self._await([part for part in PARTS.values() if part.name in self._parts], say=lambda _line: None)
        say(f"Up at {self.url}" if missing else f"Up already at {self.url}")

    def down(self, say: Say = print) -> None:
        """Stop what was started from this home, and nothing else; data stay."""
        with locked(self.place.folder("run") / "lock"):
            stopped = self._stop(PARTS.values())
        say(f"Stopped {', '.join(stopped)}." if stopped else "Nothing runs.")

    def start(self, part: str, say: Say = print) -> None:
        """Start one part and wait until it is ready. Raises like `up`."""
        chosen = PARTS[part]
        if self._runs(chosen):
            return
        ports.refuse_taken(self.place, [chosen])
        with self._all_or_nothing([chosen], say):
            self._start([chosen], say)

    def stop(self, part: str) -> None:
        """Ask one part to end and wait until it has."""
        processes.stop(self.place, [part])

    def kill(self, part: str) -> None:
        """Kill one part as a crash would (SIGKILL) and wait until it is gone."""
        processes.kill(self.place, part)

    def status(self) -> list[PartStatus]:
        """Return what can be seen of each part."""
        return [self._status(part) for part in PARTS.values() if part.name in self._parts]

    def _status(self, part: Part) -> PartStatus:
        process = processes.running(self.place, part.name)
        is_ready = process is not None and part.is_ready(self.place)
        return PartStatus(part.name, self.place.port_of(part.name), process.pid if process else None, is_ready)

    def _runs(self, part: Part) -> bool:
        return processes.running(self.place, part.name) is not None

    def _refuse_other_port(self) -> None:
        for part in PARTS.values():
            record = processes.recorded(self.place, part.name)
            if record and record.port != self.place.port_of(part.name) and self._runs(part):
                other = self.place.port + record.port - self.place.port_of(part.name)
                raise OtherPort(f"It runs on port {other} already: stop it (make down), or say DIANDIAN_PORT={other}")

    @contextmanager
    def _all_or_nothing(self, parts: list[Part], say: Say) -> Iterator[None]:
        try:
            yield
        except BaseException:
            if stopped := self._stop(parts):
                say(f"  Stopped again: {', '.join(stopped)}")
            raise

    def _start(self, parts: list[Part], say: Say) -> None:
        for part in parts:
            part.prepare(self.place, say)
        for part in parts:
            self._launch(self.place, part)
        self._await(parts, say)

    def _await(self, parts: list[Part], say: Say) -> None:
        began = time.monotonic()
        waiting, ticks = list(parts), 0
        while waiting:
            elapsed = time.monotonic() - began
            for part in list(waiting):
                if not self._runs(part):
                    raise self._failure(part.name, "ended")
                if part.is_ready(self.place):
                    waiting.remove(part)
                    say(f"  ✓ {part.name} on port {self.place.port_of(part.name)}, {elapsed:.1f} s")
            if waiting and elapsed > READY_SECONDS_MAX:
                raise self._failure(waiting[0].name, f"is not ready after {READY_SECONDS_MAX} s")
            if waiting and elapsed > (ticks + 1) * TICK_SECONDS:
                ticks += 1
                say(f"    {elapsed:3.0f} s  waiting for {', '.join(part.name for part in waiting)}")
            time.sleep(0.1)

    def _failure(self, name: str, what: str) -> PartFailed:
        log = self.place.log(name)
        return PartFailed(f"{name} {what}. The end of {log}:\n{last_lines(log, 20)}")

    def _make_topics(self, say: Say) -> None:
        run_showing_progress(
            [str(PROGRAMS / "python"), "-m", "deploy.topics"],
            doing="make the topics",
            log=self.place.log("topics"),
            say=say,
            environment={"KAFKA_BOOTSTRAP_SERVERS": self.place.bootstrap_servers},
        )

    def _stop(self, parts: Iterable[Part]) -> list[str]:
        """Stop services before what they write to."""
        names = [part.name for part in parts]
        fronts = {part.name for part in FRONTS}
        return [
            *processes.stop(self.place, [name for name in names if name in fronts]),
            *processes.stop(self.place, [name for name in names if name not in fronts]),
        ]
