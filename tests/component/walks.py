"""Walks through a list by its cursors, as an outsider does."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

import httpx

# More pages than any list of a test has.
PAGES_MAX = 200


async def walked(
    client: httpx.AsyncClient, path: str, *, between: Callable[[], Awaitable[None]] | None = None, **query: Any
) -> list[dict[str, Any]]:
    """Return all that a list holds, page by page, doing something `between` two pages.

    Raises AssertionError when a page holds more than its limit, or `has_more` and `next_cursor` differ.
    """
    found: list[dict[str, Any]] = []
    cursor: str | None = None
    for _ in range(PAGES_MAX):
        answer = await client.get(path, params={**query, **({"cursor": cursor} if cursor else {})})
        assert answer.status_code == 200, answer.text
        page = answer.json()
        assert len(page["data"]) <= query["limit"]
        assert page["has_more"] == (page["next_cursor"] is not None)
        found += page["data"]
        cursor = page["next_cursor"]
        if cursor is None:
            return found
        if between is not None:
            await between()
    raise AssertionError(f"{path} does not end")


async def refuses_cursors_of_strangers(client: httpx.AsyncClient, path: str, **query: Any) -> None:
    """Show that a cursor which this list did not give is refused by its name. Raises AssertionError."""
    for cursor in ("0", "bm9uc2Vuc2U", "bm9uc2Vuc2U=", "%", "ü", "\x00", "W10", "//8", "-_-_", "9" * 700):
        answer = await client.get(path, params={**query, "cursor": cursor})
        assert (answer.status_code, answer.json()["code"]) == (422, "cursor_unknown"), cursor
        assert [(one["in"], one["name"]) for one in answer.json()["errors"]] == [("query", "cursor")]
    for wrong in ({"limit": 0}, {"limit": 10**6}, {"cursor": "x" * 2_000}):
        answer = await client.get(path, params={**query, **wrong})
        assert (answer.status_code, answer.json()["code"]) == (422, "invalid_request"), wrong
