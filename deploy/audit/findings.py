"""What an audit finds of one invariant."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

SHOWN_MAX = 5


@dataclass(frozen=True)
class Finding:
    """An invariant of domain.md, whether it holds, and the figures or the first offences."""

    invariant: str
    holds: bool
    report: str


def finding(invariant: str, offences: Iterable[str], counted: str) -> Finding:
    """Return that the invariant holds over what was counted, or the first things that break it."""
    broken = list(offences)
    if not broken:
        return Finding(invariant, holds=True, report=counted)
    more = f" and {len(broken) - SHOWN_MAX} more" if len(broken) > SHOWN_MAX else ""
    return Finding(invariant, holds=False, report="; ".join(broken[:SHOWN_MAX]) + more)
