"""Which JSON a service takes: I-JSON (RFC 7493), so that every text and number means the same to whoever reads it."""

from __future__ import annotations

import json
import math
import re
from typing import Any

from shared.web.places import escaped

DEPTH_MAX = 32
NUMBER_MAX = 2**53 - 1
_DIGITS_MAX = len(str(NUMBER_MAX))
# Only a body that has one of these, or many brackets, can be wrong in a way that its schema would not see.
_SUSPECT = re.compile(rb"\\u|[0-9]{16}|[0-9][eE]|NaN|Infinity")


class Unreadable(ValueError):
    """The body is not JSON in UTF-8, or is nested too deeply."""


def wrong_values(body: bytes) -> list[tuple[str, str]]:
    """Return the JSON Pointer of each value that I-JSON does not allow, with what to do about it.

    A body that is no JSON at all passes: whoever parses it says where it breaks. Raises Unreadable.
    """
    if b"\x00" in body:
        raise Unreadable("a NUL byte")
    try:
        text = body.decode()
    except UnicodeDecodeError as wrong:
        raise Unreadable(str(wrong)) from None
    if not _SUSPECT.search(body) and body.count(b"[") + body.count(b"{") <= DEPTH_MAX:
        return []
    try:
        parsed = json.loads(text, parse_int=_whole)
    except RecursionError:
        raise Unreadable("nested too deeply") from None
    except json.JSONDecodeError:
        return []
    return _walked(parsed)


def _whole(digits: str) -> float:
    """Python refuses to read an integer of thousands of digits, and takes long for it."""
    return int(digits) if len(digits.lstrip("-")) <= _DIGITS_MAX else math.inf


def _walked(parsed: Any) -> list[tuple[str, str]]:
    wrong: list[tuple[str, str]] = []
    waiting: list[tuple[str, Any, int]] = [("", parsed, 1)]
    while waiting:
        pointer, value, depth = waiting.pop()
        if depth > DEPTH_MAX and isinstance(value, dict | list):
            raise Unreadable("nested too deeply")
        if isinstance(value, dict):
            if any(map(_is_broken, value)):
                wrong.append((pointer, "Name members without NUL and without halves of surrogate pairs."))
            else:
                inner = ((f"{pointer}/{escaped(name)}", each, depth + 1) for name, each in value.items())
                waiting.extend(inner)
        elif isinstance(value, list):
            waiting.extend((f"{pointer}/{place}", each, depth + 1) for place, each in enumerate(value))
        elif isinstance(value, str):
            if _is_broken(value):
                wrong.append((pointer, "Send text without NUL and without halves of surrogate pairs."))
        elif isinstance(value, int | float) and not -NUMBER_MAX <= value <= NUMBER_MAX:
            wrong.append((pointer, f"Send a number from {-NUMBER_MAX} to {NUMBER_MAX}."))
    return wrong


def _is_broken(text: str) -> bool:
    if "\x00" in text:
        return True
    try:
        text.encode()
    except UnicodeEncodeError:
        return True
    return False
