"""Whether a problem says truly where something is wrong in the request that it answers."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

PARAMETER = {"in", "name", "detail"}
MEMBERS = {
    "body": {"in", "pointer", "detail"},
    "query": PARAMETER,
    "header": PARAMETER,
    "path": PARAMETER,
    "cookie": PARAMETER,
}


def misplaced(problem: dict[str, Any], body: Any) -> list[str]:
    """Return the errors of a problem that lead nowhere; `body` is what was sent, as it was parsed."""
    return list(_misplaced(problem, body))


def _misplaced(problem: dict[str, Any], body: Any) -> Iterator[str]:
    for error in problem["errors"]:
        if set(error) != MEMBERS[error["in"]]:
            yield f"{error} has other members than an error in {error['in']}"
        elif error["in"] == "body" and not leads(error["pointer"], body):
            yield f"{error['pointer']!r} leads nowhere in {str(body)[:200]}"


def leads(pointer: str, body: Any) -> bool:
    """Whether a JSON Pointer leads to a value, or to a member that an object lacks."""
    steps = [step.replace("~1", "/").replace("~0", "~") for step in pointer.split("/")[1:]]
    if pointer and not pointer.startswith("/"):
        return False
    for left, step in zip(range(len(steps) - 1, -1, -1), steps, strict=True):
        if isinstance(body, dict) and step in body:
            body = body[step]
        elif isinstance(body, list) and step.isdecimal() and int(step) < len(body):
            body = body[int(step)]
        else:
            return left == 0 and isinstance(body, dict)
    return True
