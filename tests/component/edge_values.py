"""Requests with values at the edges of every type, one wrong place at a time, made from an OpenAPI document."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

import httpx

from tests.component.misplaced import misplaced

INTEGERS = (-1, 0, 2**31, 2**53, 2**63, 10**30)
TEXTS = (
    "",
    " ",
    # Near the longest address that clients and servers take.
    "x" * 60_000,
    "\x00",
    "\u202e点点\n\r",
    "%",
    "====",
    "AAAA",
    "9" * 5_000,
    "0001-01-01",
    "9999-12-31T23:59:59.999999-23:59",
    "../../etc/passwd",
    "{scene}%s{{7*7}}",
)
# Bytes of an address that are no text: half of a surrogate pair, a cut sign, what is never UTF-8.
NO_TEXTS = ("%ED%A0%80", "%E7%82", "%FF%FE", "%00")
# Of a JSON body. The halves of surrogate pairs are written as JSON escapes them.
JSONS = (
    *(json.dumps(value) for value in (*INTEGERS, *TEXTS, 1.5, True, None, [], {}, [[]], {"": {}})),
    json.dumps("x" * 100_000),
    '"\\ud800"',
    '{"\\udfff": 1}',
    "1e400",
    "-0",
    "NaN",
)
BODIES = (b"", b"[", b"[" * 100_000, b"\xff\xfe", b"null", b'"x"', b"[]", b'{"\\ud800": 1}', b"{}", b"\x00")


@dataclass(frozen=True)
class Call:
    """One request; the address is written as it goes over the wire."""

    method: str
    address: str
    headers: Mapping[str, str]
    body: bytes | None = None


def calls(
    document: Mapping[str, Any], good: Mapping[str, str], headers: Mapping[str, str], bodies: Mapping[str, Any]
) -> Iterator[Call]:
    """Yield calls of every operation, each with one edge value in one parameter, one field of the body, or its whole.

    `good` has a value for each parameter of a path, `bodies` a body that is taken for each operation that has one.
    """
    for path, operations in document["paths"].items():
        for method, operation in operations.items():
            body = bodies.get(operation["operationId"])
            sent = {**headers, "Content-Type": "application/json"} if body else headers
            content = json.dumps(body).encode() if body else None
            parameters = operation.get("parameters", [])
            for parameter in parameters:
                for written in (*(quote(str(value), safe="") for value in (*INTEGERS, *TEXTS)), *NO_TEXTS):
                    name, place = parameter["name"], parameter["in"]
                    if place == "header":
                        yield Call(method, _filled(path, good), {**sent, name: written}, content)
                    elif place == "query":
                        yield Call(method, f"{_filled(path, good)}?{name}={written}", sent, content)
                    elif written:
                        yield Call(method, _filled(path, {**good, name: written}), sent, content)
            yield Call(method, f"{_filled(path, good)}?no_such_parameter=%ED%A0%80", sent, content)
            if body is None:
                continue
            for field in body:
                for value in JSONS:
                    others = {name: other for name, other in body.items() if name != field}
                    text = json.dumps(others)[:-1] + (", " if others else "") + f"{json.dumps(field)}: {value}}}"
                    yield Call(method, _filled(path, good), sent, text.encode())
            for whole in BODIES:
                yield Call(method, _filled(path, good), sent, whole)


async def failures(client: httpx.AsyncClient, requests: Iterator[Call]) -> list[str]:
    """Send all; return those answered neither 2xx, 3xx nor 4xx, or with a problem that names a place there is not."""
    wrong = []
    for call in requests:
        answer = await client.request(call.method, call.address, headers=dict(call.headers), content=call.body)
        if answer.status_code >= httpx.codes.INTERNAL_SERVER_ERROR:
            wrong.append(f"{answer.status_code} {call.method} {call.address[:120]} {(call.body or b'')[:60]!r}")
        if answer.headers.get("Content-Type") == "application/problem+json" and answer.status_code == 422:
            wrong += misplaced(answer.json(), _parsed(call.body))
    return wrong


def _parsed(body: bytes | None) -> Any:
    """Return the body as JSON; none of one that is none."""
    with contextlib.suppress(ValueError, RecursionError):
        return json.loads(body or b"null")
    return None


def of_addresses(addresses: Mapping[str, tuple[str, ...]], headers: Mapping[str, str]) -> Iterator[Call]:
    """Yield calls of pages: an address with {} for the value in its path, and the names of its query parameters."""
    for address, names in addresses.items():
        for written in (*(quote(str(value), safe="") for value in (*INTEGERS, *TEXTS)), *NO_TEXTS):
            if "{}" in address and written:
                yield Call("GET", address.replace("{}", written), headers)
            for name in names:
                yield Call("GET", f"{address.replace('{}', 'people')}?{name}={written}", headers)


def _filled(path: str, values: Mapping[str, str]) -> str:
    for name, value in values.items():
        path = path.replace(f"{{{name}}}", value)
    return path
