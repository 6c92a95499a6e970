"""Lists that come in pages: where a page ended, and what its answer says of what is behind it."""

from __future__ import annotations

import base64
import re
from collections.abc import Callable, Sequence
from typing import Annotated, Generic, TypeVar

from fastapi import Query
from pydantic import BaseModel, ConfigDict

from shared.refusal import Refusal
from shared.sentence import Sentence

CURSOR_CHARACTERS_MAX = 800
Cursor = Annotated[
    str | None,
    Query(
        max_length=CURSOR_CHARACTERS_MAX,
        description="`next_cursor` of the page before, as it is; without it the first page comes",
    ),
]
HOW_MANY = "how many at most come on one page"
Item = TypeVar("Item")


class CursorUnknown(Refusal):
    """The cursor is not one that this list gave (422)."""

    code = "cursor_unknown"


class ListResponse(BaseModel, Generic[Item]):
    """A page of a list."""

    model_config = ConfigDict(use_attribute_docstrings=True)

    data: list[Item]
    """What is on this page, in the list's order; what comes into the list meanwhile moves nothing to another page."""
    has_more: bool
    """Whether there are more behind this page."""
    next_cursor: str | None
    """What to send as `cursor` for the next page; null on the last one."""


def cursor_of(*place: str) -> str:
    """Return the cursor that goes on after a place; its parts hold no blank, but for the first."""
    return base64.urlsafe_b64encode(" ".join(place).encode()).decode().rstrip("=")


def place_of(cursor: str, form: re.Pattern[str]) -> tuple[str, ...]:
    """Return the parts of the place that a cursor goes on after, as the form's groups. Raises CursorUnknown."""
    try:
        text = base64.b64decode(cursor + "=" * (-len(cursor) % 4), altchars=b"-_", validate=True).decode()
    except ValueError:
        raise cursor_unknown() from None
    found = form.fullmatch(text)
    if found is None or cursor_of(text) != cursor:
        raise cursor_unknown()
    return found.groups()


def page_of(
    found: Sequence[Item], limit: int, place: Callable[[Item], tuple[str, ...]]
) -> tuple[Sequence[Item], str | None]:
    """Return the page, and the cursor behind it; what was found is one more than the limit if there are more."""
    if len(found) <= limit:
        return found, None
    return found[:limit], cursor_of(*place(found[limit - 1]))


def cursor_unknown() -> CursorUnknown:
    """Return the refusal of a cursor that is not of the list."""
    return CursorUnknown(Sentence("Start again without a cursor; this one is not of this list."), field="cursor")
