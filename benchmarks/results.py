"""What a run of the benchmarks found, as values that can be kept as JSON and drawn."""

from __future__ import annotations

import dataclasses
import json
import os
import platform
import statistics
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import Any

PARTS = ("aiokafka", "faststream", "motor", "pydantic", "secantusdb")


@dataclass(frozen=True)
class Comparison:
    """Ours against a peer, in turn within one run; rates per second, one of each a round."""

    name: str
    unit: str
    ours: tuple[float, ...]
    peer: tuple[float, ...]
    peer_is: str
    aim: float | None
    limit: str
    kind: str = "comparison"

    @property
    def ratio(self) -> float:
        """The median of the rounds' ratios."""
        return statistics.median(our / their for our, their in zip(self.ours, self.peer, strict=True))


@dataclass(frozen=True)
class Durations:
    """How long something took each time, in seconds; the percentiles that matter, each with its aim if it has one."""

    name: str
    seconds: tuple[float, ...]
    aims: dict[int, float | None]
    kind: str = "durations"

    def percentile(self, percent: int) -> float:
        """Return the smallest duration that so many percent of all do not exceed."""
        ranked = sorted(self.seconds)
        return ranked[max(0, -(-len(ranked) * percent // 100) - 1)]


@dataclass(frozen=True)
class Rates:
    """The same work in several arrangements; by arrangement a rate per second for each round."""

    name: str
    unit: str
    rounds: dict[str, tuple[float, ...]]
    kind: str = "rates"


Found = Comparison | Durations | Rates


@dataclass(frozen=True)
class Run:
    """One run of `make bench`: where, when, and what was found."""

    began_at: str
    machine: dict[str, str]
    found: tuple[Found, ...]


def machine() -> dict[str, str]:
    """Say what this runs on: versions, cores and the load when it began."""
    return {
        "python": platform.python_version(),
        "cores": str(os.cpu_count()),
        "load": f"{os.getloadavg()[0]:.2f}",
        **{part: version(part) for part in PARTS},
    }


def run_of(found: Sequence[Found], *, began: datetime, on: dict[str, str]) -> Run:
    """Put together what a run found."""
    return Run(began.astimezone(UTC).isoformat(timespec="seconds"), on, tuple(found))


def summary(found: Found) -> str:
    """Return the line that says what was found."""
    match found:
        case Comparison():
            mine, theirs = statistics.median(found.ours), statistics.median(found.peer)
            return (
                f"{found.name}: {mine:,.0f} {found.unit} against {theirs:,.0f} ({found.peer_is}):"
                f" ratio {found.ratio:.2f}" + ("" if found.aim is None else f", aim {found.aim:g}")
            )
        case Durations():
            marks = ", ".join(
                f"p{percent} {found.percentile(percent):.3f} s" + ("" if aim is None else f" (aim {aim:g} s)")
                for percent, aim in found.aims.items()
            )
            return f"{found.name}: {marks}, of {len(found.seconds)}"
        case Rates():
            rates = ", ".join(f"{name} {statistics.median(rates):,.1f}" for name, rates in found.rounds.items())
            return f"{found.name}, {found.unit}: {rates}"


def keep(run: Run, folder: Path) -> Path:
    """Write the run as JSON, named by its day, and return the file."""
    folder.mkdir(exist_ok=True)
    file = folder / f"{run.began_at[:10]}.json"
    file.write_text(json.dumps(_rounded(dataclasses.asdict(run)), indent=1, ensure_ascii=False) + "\n")
    return file


def _rounded(value: Any) -> Any:
    if isinstance(value, float):
        return round(value, 6 if value < 1 else 3)
    if isinstance(value, dict):
        return {str(name): _rounded(inner) for name, inner in value.items()}
    return [_rounded(inner) for inner in value] if isinstance(value, list | tuple) else value
