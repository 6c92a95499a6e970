"""Conditions under which a document is written: If-Match and If-None-Match (RFC 9110, section 13) on its version.

Whoever changes what is there says which version was looked at; the store writes only over that one.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Annotated, Any

from fastapi import Depends, Header

from shared.refusal import Refusal

_TAG = r'(?:W/)?"[\x21\x23-\x7e]*"'
_FORM = rf"^(?:\*|{_TAG}(?:[ \t]*,[ \t]*{_TAG})*)$"
IfMatch = Annotated[
    str | None,
    Header(
        alias="If-Match",
        pattern=_FORM,
        max_length=400,
        description="the ETag of the version looked at, or `*` for whichever is there; what is there changes only so",
    ),
]
# What an operation answers of the version beside its own.
VERSIONED: dict[int | str, dict[str, Any]] = {
    200: {
        "headers": {
            "ETag": {
                "description": "the version of what is shown, which a change names in If-Match",
                "schema": {"type": "string", "pattern": '^"[0-9]+"$'},
            }
        }
    }
}
IfNoneMatch = Annotated[
    str | None,
    Header(alias="If-None-Match", pattern=_FORM, max_length=400, description="`*`: only if nothing is there yet"),
]


class PreconditionFailed(Refusal):
    """What is there is not what the request was made for (412)."""

    code = "precondition_failed"


class PreconditionMissing(Refusal):
    """A change must say which version it changes (428)."""

    code = "if_match_missing"


@dataclass(frozen=True)
class Precondition:
    """What a request says of the version that it was made for."""

    if_match: str | None = None
    if_none_match: str | None = None

    def check(self, version: int | None) -> None:
        """Hold it against the version that is there, none when nothing is. Raises PreconditionFailed."""
        tags = {etag(version)} if version is not None else set()
        if self.if_match is not None and not tags & _named(self.if_match, tags):
            there = "It is not there." if version is None else f"It is at {etag(version)} now."
            detail = f"{there} Look at it again, and send in If-Match the ETag that you are shown then."
            raise PreconditionFailed(detail, field="If-Match")
        if self.if_none_match is not None:
            # This comparison is a weak one.
            named = {tag.removeprefix("W/") for tag in _named(self.if_none_match, tags)}
            if tags & named:
                detail = f"It is there already, at {', '.join(tags)}. To change it, send that in If-Match."
                raise PreconditionFailed(detail, field="If-None-Match")

    def check_done(self, version: int | None) -> None:
        """Hold it against the version that is what a request wants it to be. Raises PreconditionFailed.

        Whoever repeats a change after a lost answer names the version from before it, and is answered all the same.
        """
        Precondition(if_none_match=self.if_none_match).check(version)

    def check_change(self, version: int) -> None:
        """Hold it against the version that a request changes. Raises PreconditionFailed or PreconditionMissing."""
        self.check(version)
        if self.if_match is None:
            raise PreconditionMissing(
                "It is there already, and is other than what you sent. To change it, send in If-Match the ETag of what "
                "you looked at, or * for whichever is there.",
                field="If-Match",
            )


def etag(version: int) -> str:
    """Return the strong entity tag of a version."""
    return f'"{version}"'


def _precondition(if_match: IfMatch = None, if_none_match: IfNoneMatch = None) -> Precondition:
    return Precondition(if_match, if_none_match)


Conditions = Annotated[Precondition, Depends(_precondition)]


def _named(header: str, there: set[str]) -> set[str]:
    """Return the tags that a header names; `*` names whatever is there."""
    return there if header == "*" else set(re.findall(_TAG, header))
