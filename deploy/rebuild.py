"""Having ranking fold everything again, and saying how far it is and what it found."""

from __future__ import annotations

import secrets
import time
from collections.abc import Callable
from typing import Any

import httpx

# A replica looks for rebuilds every two seconds; who has not begun after so long does not run.
BEGIN_SECONDS_MAX = 6
# Boards of a million members are compared in some ten seconds each.
STILL_SECONDS_MAX = 300
LOOK_SECONDS = 0.5
Say = Callable[[str], None]


class NotRebuilt(RuntimeError):
    """Ranking refused, no replica began, or one stands still; the message says what to do."""


def rebuild(url: str, token: str, say: Say) -> list[dict[str, Any]]:
    """Return what each replica found. Raises NotRebuilt, and httpx.TransportError when nothing answers."""
    headers = {"Authorization": f"Bearer {token}", "Idempotency-Key": f"rebuild-{secrets.token_hex(8)}"}
    with httpx.Client(base_url=url, timeout=20, headers=headers) as client:
        address = f"/v1/board-rebuilds/{_answered(client.post('/v1/board-rebuilds'))['rebuild']}"
        began = moved = time.monotonic()
        shown = ""
        while True:
            replicas: list[dict[str, Any]] = _answered(client.get(address))["replicas"]
            now = time.monotonic()
            if (line := _far(replicas)) != shown:
                say(line)
                shown, moved = line, now
            # One that looks late is waited for too.
            if now - began > BEGIN_SECONDS_MAX and replicas and all(replica["comparison"] for replica in replicas):
                return replicas
            if now - began > BEGIN_SECONDS_MAX and not replicas:
                raise NotRebuilt("No replica of ranking is at it. Look at its /health/ready and its log.")
            if now - moved > STILL_SECONDS_MAX:
                raise NotRebuilt(f"It has not moved for {STILL_SECONDS_MAX} s: {shown}. Look at the log of ranking.")
            time.sleep(LOOK_SECONDS)


def _far(replicas: list[dict[str, Any]]) -> str:
    return "  ".join(f"{replica['replica']} {replica['folded']:,} of {replica['to_fold']:,}" for replica in replicas)


def _answered(answer: httpx.Response) -> dict[str, Any]:
    if answer.is_error:
        raise NotRebuilt(f"Ranking refused ({answer.status_code}): {answer.text[:300]}")
    body: dict[str, Any] = answer.json()
    return body
