"""Values at the edges of what a field can hold, put at every place of a request: whatever comes, no answer is a 500."""

from __future__ import annotations

import asyncio
import contextlib
import json
import secrets
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any
from urllib.parse import quote, urlencode

import httpx

from tests.component.edge_values import BODIES, HEADERS, JSONS, NO_TEXTS, VALUES, WRITTEN
from tests.component.misplaced import misplaced
from tests.conftest import PATIENCE

KEY_HEADER = "Idempotency-Key"
# A client sends no longer address, nor does a gateway pass one on.
ADDRESS_LENGTH_MAX = 20_000
HEADER_LENGTH_MAX = 8_000
# An answer that may be endless and has not ended by then is a stream.
STREAM_SECONDS = 2.0
COMMON_HEADERS = ("Accept-Language", "Cookie", "Authorization", "If-None-Match", "traceparent")


@dataclass(frozen=True)
class Sound:
    """A request that is answered with the status: its path, query and headers, and its JSON body or its form."""

    path: Mapping[str, str] = field(default_factory=dict)
    query: Mapping[str, Any] = field(default_factory=dict)
    headers: Mapping[str, str] = field(default_factory=dict)
    json: Any = None
    form: Mapping[str, str] | None = None
    # None takes any success.
    status: int | None = None
    # Whether an answer may go on for ever, as a stream about something that is there does.
    endless: bool = False


@dataclass(frozen=True)
class Request:
    """A request as it goes over the wire, and which edge is where in it."""

    what: str
    method: str
    url: str
    headers: Mapping[str, str | bytes]
    content: bytes | None = None


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


def requests(line: str, sound: Sound, query_names: Sequence[str]) -> Iterator[Request]:
    """Yield requests with one edge each."""
    yield from _with_addresses(line, sound, query_names)
    yield from _with_headers(line, sound)
    if sound.json is not None:
        yield from _with_bodies(line, sound)
    for name in sound.form or ():
        for text in WRITTEN:
            yield request(line, replace(sound, form={**(sound.form or {}), name: text}), f"{name}={text[:40]!r}")


def _with_addresses(line: str, sound: Sound, query_names: Sequence[str]) -> Iterator[Request]:
    texts = [quote(_encoded(text)[:ADDRESS_LENGTH_MAX], safe="") for text in WRITTEN]
    for written in (*texts, *NO_TEXTS):
        for name in sound.path:
            # Without a text it is another address.
            if written:
                yield request(line, sound, f"{name} in the path: {written[:40]}", path={name: written})
        # What nobody takes is refused by its name: two values of it are enough.
        for name in (*query_names, *(["no_such_parameter"] if written in (texts[0], NO_TEXTS[0]) else ())):
            others = urlencode({other: value for other, value in sound.query.items() if other != name})
            yield request(line, sound, f"?{name}={written[:40]}", query=f"{name}={written}&{others}")


def _with_headers(line: str, sound: Sound) -> Iterator[Request]:
    for name in sound.headers:
        for text in WRITTEN:
            plain = "".join(letter for letter in text if 31 < ord(letter) < 127)[:HEADER_LENGTH_MAX]
            for written in (plain, f'"{plain}"'):
                yield request(line, sound, f"{name}: {text[:40]!r}", headers={name: written})
    for name in (*COMMON_HEADERS, *sound.headers):
        for value in HEADERS:
            yield request(line, sound, f"{name}: {value[:40]!r}", headers={name: value})


def _with_bodies(line: str, sound: Sound) -> Iterator[Request]:
    for at in places(sound.json):
        for edge in VALUES:
            yield request(line, replace(sound, json=put(sound.json, at, edge)), f"{at}: {edge!r:.40}")
    for at in places(sound.json):
        if len(at) == 1:
            marked = json.dumps(put(sound.json, at, "an edge"))
            for written in JSONS:
                whole = marked.replace('"an edge"', written, 1).encode()
                yield replace(request(line, sound, f"{at}: {written}"), content=whole)
    for body in BODIES:
        yield replace(request(line, sound, f"{body[:40]!r}"), content=body)


def request(
    line: str,
    sound: Sound,
    what: str = "",
    *,
    path: Mapping[str, str] | None = None,
    query: str | None = None,
    headers: Mapping[str, str | bytes] | None = None,
) -> Request:
    """Return the sound request with parts of its path, its query or some headers as they are written here."""
    method, _, address = line.partition(" ")
    url = address.format_map({**{name: quote(value, safe="") for name, value in sound.path.items()}, **(path or {})})
    search = urlencode(sound.query) if query is None else query
    sent: dict[str, str | bytes] = dict(sound.headers)
    if KEY_HEADER in sent:
        # Each is a wish of its own, or the key would be refused before anything else.
        sent[KEY_HEADER] = secrets.token_hex(8)
    content = None
    if sound.json is not None:
        # The escapes of JSON can write what UTF-8 cannot.
        sent["Content-Type"], content = "application/json", json.dumps(sound.json).encode()
    elif sound.form is not None:
        form = {name: _encoded(value) for name, value in sound.form.items()}
        if "idempotency_key" in form:
            form["idempotency_key"] = form["idempotency_key"] or secrets.token_hex(8)
        sent["Content-Type"], content = "application/x-www-form-urlencoded", urlencode(form).encode()
    sent.update(headers or {})
    return Request(what, method, f"{url}?{search}" if search else url, sent, content)


async def faults(client: httpx.AsyncClient, line: str, sound: Sound) -> list[str]:
    """Send each edge; return the answers that are no refusal and no success, or that name a place which there is not.

    The sound request is answered as it says.
    """
    document = (await client.get(client.headers["X-Document"])).json()
    method, _, address = line.partition(" ")
    operation = document["paths"].get(address, {}).get(method.lower(), {})
    query_names = [one["name"] for one in operation.get("parameters", []) if one["in"] == "query"] or list(sound.query)
    good = await _send(client, request(line, sound))
    fits = good.status_code < 400 if sound.status is None else good.status_code == sound.status
    assert fits, f"{line}: {good.status_code} {good.text[:300]}"
    found = []
    for sent in requests(line, sound, query_names):
        with contextlib.suppress(httpx.LocalProtocolError):
            # A header that HTTP has no form for is sent by no client.
            answer = await (_begun(client, sent) if sound.endless else _send(client, sent))
            if answer is None:
                continue
            if answer.status_code >= 500:
                found.append(f"{line} {sent.what}: {answer.status_code}")
            if answer.headers.get("Content-Type") == "application/problem+json":
                found += [f"{line} {sent.what}: {wrong}" for wrong in misplaced(answer.json(), _parsed(sent.content))]
    return found


def _parsed(content: bytes | None) -> Any:
    """Return the content as JSON; none of what is none."""
    with contextlib.suppress(ValueError, RecursionError):
        return json.loads(content or b"null")
    return None


async def _begun(client: httpx.AsyncClient, sent: Request) -> httpx.Response | None:
    """Return the answer; none of one that goes on, as where another test has published what an edge names."""
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(STREAM_SECONDS * PATIENCE):
            return await _send(client, sent)
    return None


async def _send(client: httpx.AsyncClient, sent: Request) -> httpx.Response:
    headers = [
        (name.encode(), value if isinstance(value, bytes) else value.encode()) for name, value in sent.headers.items()
    ]
    return await client.request(sent.method, sent.url, headers=headers, content=sent.content, follow_redirects=False)


def _encoded(text: str) -> str:
    """Return the text with a question mark for what UTF-8 cannot write."""
    return text.encode(errors="replace").decode()
