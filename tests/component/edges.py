"""Values at the edges of what a field can hold, put at every place of a request: whatever comes, no answer is a 500."""

from __future__ import annotations

import json
import secrets
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import quote

import httpx

from tests.component.misplaced import misplaced

EDGES: tuple[Any, ...] = (
    *(-1, 0, 2**31, 2**53, 2**63, 10**30, 1e308, 0.5),
    *("0001-01-01", "9999-12-31", "x" * 100_000, "\x00", "\ud800", "9" * 5_000, ""),
    *(None, True, [], {}, [[]] * 1_000, {"x": {}}),
)
KEY_HEADER = "Idempotency-Key"
# A client sends no longer address, nor does a gateway pass one on.
ADDRESS_LENGTH_MAX = 20_000


@dataclass(frozen=True)
class Sound:
    """A request that is answered well: values of the parameters in its path, its query, its headers and its body."""

    path: Mapping[str, str] = field(default_factory=dict)
    query: Mapping[str, Any] = field(default_factory=dict)
    headers: Mapping[str, str] = field(default_factory=dict)
    json: Any = None


def places(value: Any, at: tuple[str | int, ...] = ()) -> Iterator[tuple[str | int, ...]]:
    """Yield the places of a JSON value, itself first."""
    yield at
    inner = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for name, one in inner:
        yield from places(one, (*at, name))


def put(value: Any, at: tuple[str | int, ...], edge: Any) -> Any:
    """Return the value with an edge at the place."""
    if not at:
        return edge
    if isinstance(value, dict):
        return {name: put(one, at[1:], edge) if name == at[0] else one for name, one in value.items()}
    return [put(one, at[1:], edge) if number == at[0] else one for number, one in enumerate(value)]


def variants(line: str, sound: Sound, query_names: list[str]) -> Iterator[tuple[str, dict[str, Any]]]:
    """Yield requests with one edge each: what was put where, and what httpx asks."""
    method, address = line.split()
    for edge in EDGES:
        text = edge if isinstance(edge, str) else json.dumps(edge)
        plain = text.encode(errors="replace").decode()[:ADDRESS_LENGTH_MAX]
        for name in sound.path:
            yield f"{name} in the path: {text[:40]!r}", _asked(method, address, sound, path={**sound.path, name: plain})
        for name in query_names:
            yield f"?{name}={text[:40]!r}", _asked(method, address, sound, query={**sound.query, name: plain})
        for name in sound.headers:
            header = "".join(letter for letter in plain if 31 < ord(letter) < 127)[:8_000]
            for shown in (header, f'"{header}"'):
                yield f"{name}: {text[:40]!r}", _asked(method, address, sound, headers={**sound.headers, name: shown})
        if sound.json is not None:
            for at in places(sound.json):
                yield f"{at}: {text[:40]!r}", _asked(method, address, sound, json_body=put(sound.json, at, edge))


async def faults(client: httpx.AsyncClient, line: str, sound: Sound) -> list[str]:
    """Ask with each edge; return the answers that are no refusal and no success, or name a place that there is not.

    The sound request is answered well.
    """
    document = (await client.get(client.headers["X-Document"])).json()
    address = line.split()[1]
    operation = document["paths"].get(address, {}).get(line.split(maxsplit=1)[0].lower(), {})
    query_names = [one["name"] for one in operation.get("parameters", []) if one["in"] == "query"] or list(sound.query)
    method, path = line.split()
    good = await client.request(**_asked(method, path, sound), follow_redirects=False)
    assert good.status_code < 400, f"{line}: {good.status_code} {good.text[:300]}"
    found = []
    for what, asked in variants(line, sound, query_names):
        answer = await client.request(**asked)
        if answer.status_code >= 500:
            found.append(f"{line} {what}: {answer.status_code}")
        found += [f"{line} {what}: {wrong}" for wrong in _misplaced(answer, asked.get("content"))]
    return found


def _misplaced(answer: httpx.Response, content: str | None) -> list[str]:
    if answer.headers.get("Content-Type") != "application/problem+json":
        return []
    # What is refused before it is parsed names no place, or a place that this parses too.
    return misplaced(answer.json(), json.loads(content) if content else None)


def _asked(
    method: str,
    address: str,
    sound: Sound,
    *,
    path: Mapping[str, str] | None = None,
    query: Mapping[str, Any] | None = None,
    headers: Mapping[str, str] | None = None,
    json_body: Any = None,
) -> dict[str, Any]:
    named = {name: quote(value, safe="") for name, value in (path or sound.path).items()}
    asked: dict[str, Any] = {
        "method": method,
        "url": address.format_map(named),
        "params": dict(query if query is not None else sound.query),
        "headers": dict(headers or sound.headers),
    }
    if asked["headers"].get(KEY_HEADER) == sound.headers.get(KEY_HEADER, "-"):
        # Each is a wish of its own, or the key would be refused before anything else.
        asked["headers"][KEY_HEADER] = secrets.token_hex(8)
    body = sound.json if json_body is None else json_body
    if body is not None:
        # The escapes of JSON can write what UTF-8 cannot.
        asked["content"] = json.dumps(body)
        asked["headers"] = {"Content-Type": "application/json", **asked["headers"]}
    return asked
