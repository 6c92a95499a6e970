"""The edges of what a field can hold: every test of edges draws from here, of all services."""

from __future__ import annotations

import json
from typing import Any

INTEGERS = (-1, 0, 2**31, 2**53, 2**63 - 1, 2**63, 10**30)
NUMBERS = (*INTEGERS, 0.5, 1e308)
LONGEST = ("x" * 100_000, "9" * 5_000)
CHARACTERS = (
    "",
    " ",
    "\x00",
    # Beyond the first plane: four bytes of UTF-8, two units of UTF-16.
    "𠮷𝔊🙂",
    "👩‍👩‍👧‍👦",
    # One letter under many marks, and letters that change their length when their case does.
    "e" + "\u0301" * 100,
    "ﬃİß",
    # Letters that turn the direction of those beside them, or are not seen.
    "\u202e点点\n\r",
    "\u2066שלום\u2069\u200b\ufeff",
    "\ud800",
)
DATES = (
    "0001-01-01",
    "9999-12-31",
    "2024-02-29",
    "2026-02-29",
    # In Berlin this hour is left out, and the other comes twice.
    "2026-03-29T02:30:00",
    "2026-10-25T02:30:00",
    "2016-12-31T23:59:60Z",
    "9999-12-31T23:59:59.999999-23:59",
)
# Time zones with daylight saving by half an hour, with a day that was left out, and one that there is not.
TIME_ZONES = ("Australia/Lord_Howe", "Pacific/Apia", "Nowhere/None")
# What other languages and encodings would make something of.
SYNTAX = ("%", "====", "AAAA", "../../etc/passwd", "{scene}%s{{7*7}}")
TEXTS = (*CHARACTERS, *LONGEST, *DATES, *TIME_ZONES, *SYNTAX)
OTHERS: tuple[Any, ...] = (None, True, [], {}, [[]] * 1_000, {"": {}}, {"x": {}})
VALUES: tuple[Any, ...] = (*NUMBERS, *TEXTS, *OTHERS)
# As they are written where all is text: in addresses, headers and forms.
WRITTEN = tuple(value if isinstance(value, str) else json.dumps(value) for value in VALUES)
# Bytes of an address that are no text: half of a surrogate pair, a cut sign, what is never UTF-8, and a null.
NO_TEXTS = ("%ED%A0%80", "%E7%82", "%FF%FE", "%00")
# Of a JSON body what no value of Python writes.
JSONS = ("1e400", "-0", "NaN", '{"\\udfff": 1}', '{"a": 1, "a": 2}')
BODIES = (b"", b"[", b"[" * 100_000, b"\xff\xfe", b"null", b'"x"', b"[]", b'{"\\ud800": 1}', b"{}", b"\x00")
HEADERS = (b"", b"x" * 8_000, b"\xff\xfe", b"q=;,,*;q=NaN", b'"\\"', b"ben_=;;=;\x01", b"Bearer a.b.c")
