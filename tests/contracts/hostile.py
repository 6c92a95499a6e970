"""Messages that somebody else puts on our topics: well-formed, and far from anything that we would publish."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from shared.contracts.event import WHOLE_MAX, Event
from shared.web.idempotency import id_of
from tests.contracts.test_events import examples

DEEP = b"[" * 100_000
GIANT = "x" * 100_000
Headers = list[tuple[str, bytes | None]]


@dataclass(frozen=True)
class Hostile:
    """A message of a topic, as it goes on the wire."""

    contract: type[Event]
    value: bytes
    headers: Headers


MOMENTS = st.sampled_from(
    [
        "9999-12-31T23:59:59.999999Z", "9999-12-31T23:59:59-23:59", "0001-01-01T00:00:00+23:59", "2099-01-01T00:00:00Z",
        "1969-12-31T23:59:59Z", "2026-11-26T06:02:10", "2026-02-30T00:00:00Z", "253402300800", "1e300", "-1", "now",
    ]
)  # fmt: skip
TEXTS = st.sampled_from(["", GIANT, "\x00", "\n", "\u202e\u2066", "𠀀" * 400, "../../etc/passwd", "{{7*7}}", "$where"])
NUMBERS = st.sampled_from([0, -1, WHOLE_MAX, WHOLE_MAX + 1, 2**63, 2**64, 10**400, 0.5, float("nan"), float("inf")])
ODD = st.one_of(
    st.none(), st.booleans(), MOMENTS, TEXTS, NUMBERS, st.text(max_size=20), st.just("of_next_year"),
    st.sampled_from([[], {}, [[]], [0] * 2_000, {"a.b": {"$set": "\x00"}}, {"\x00": "x"}, {GIANT: "x"}]),
)  # fmt: skip
HEADER_BYTES = st.sampled_from([None, b"", b"\xff\xfe", GIANT.encode() * 3, b"\x00", b"1_0", b"0", b"-1"]) | st.binary(
    max_size=20
)


def _places(value: Any, at: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """Yield the way to everything inside a message's body."""
    if at:
        yield at
    if isinstance(value, dict):
        for name, inner in value.items():
            yield from _places(inner, (*at, name))
    if isinstance(value, list):
        for number, inner in enumerate(value):
            yield from _places(inner, (*at, number))


def _changed(value: Any, at: tuple[Any, ...], to: Any) -> Any:
    if not at:
        return to
    inner = _changed(value[at[0]], at[1:], to)
    return {**value, at[0]: inner} if isinstance(value, dict) else [*value[: at[0]], inner, *value[at[0] + 1 :]]


def about_others(message: dict[str, Any], mark: str) -> dict[str, Any]:
    """Return a message about things of its own: other tests have the examples on the same topics."""
    text = re.sub(
        r"\b([a-z]+)_([0-9A-HJKMNP-TV-Z]{26})\b",
        lambda found: id_of(found[1], f"{mark} {found[2]}"),
        json.dumps(message),
    )
    changed: dict[str, Any] = json.loads(text)
    return changed


@st.composite
def hostile(draw: st.DrawFn) -> Hostile:
    """A committed example with one thing changed that our publishers would never change so."""
    contract, example = draw(st.sampled_from(examples()))
    message = about_others(example, "hostile")
    headers: Headers = [(name, text.encode()) for name, text in message["headers"].items()]
    body = message["value"]
    match draw(
        st.sampled_from(["body", "body", "body", "field missing", "header", "moment", "header doubled", "bytes"])
    ):
        case "body":
            body = _changed(body, draw(st.sampled_from(list(_places(body)))), draw(ODD))
        case "field missing":
            name = draw(st.sampled_from(sorted(body)))
            body = {one: value for one, value in body.items() if one != name}
        case "header":
            name = draw(st.sampled_from([name for name, _ in headers]))
            text = draw(HEADER_BYTES)
            headers = [(one, text if one == name else value) for one, value in headers]
        case "moment":
            moment = draw(MOMENTS)
            headers = [(one, moment.encode() if one == "ce_time" else value) for one, value in headers]
        case "header doubled":
            headers += [draw(st.sampled_from(headers))]
        case "bytes":
            return Hostile(contract, draw(st.sampled_from([DEEP, b'{"a":' * 100_000, b"\xff", b"null", b""])), headers)
    return Hostile(contract, json.dumps(body).encode(), headers)


def many(count: int) -> list[Hostile]:
    """Return so many of them, the same in each run."""
    found: list[Hostile] = []

    @settings(
        max_examples=count, derandomize=True, database=None, deadline=None, phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )  # fmt: skip
    @given(hostile())
    def collect(one: Hostile) -> None:
        found.append(one)

    collect()
    return found


# Within the bounds, and as far from our own events as these allow.
FAR = {
    "names": {"en": "\u202e" + "𠀀" * 400, "zh-Hant-TW-x-far": "<script>" * 60, "qq": "{{7*7}}"},
    "country": "ZZ",
    "city": "XX",
    "starts_on": "2000-01-01",
    "ends_on": "2100-12-31",
    "time_zone": "Mars/Olympus_Mons",
    "organiser_id": "o" * 100,
    "owner_id": "o" * 100,
    "standard": "s" * 100,
    "type": "t" * 100,
    "currency": "ZZZ",
    "unit_price_fen": 10**15,
    "subtotal_fen": 10**15,
    "fee_fen": 10**15,
    "total_fen": 10**15,
    "grams": 10**15,
    "low_grams": 0,
    "high_grams": 10**15,
    "people": 1_000_000,
    "grams_by_category": {f"c{number}": 10**15 for number in range(100)},
    "release": "r" * 100,
    "jurisdiction": "ZZ" + "j" * 98,
    "listing_version": WHOLE_MAX,
    "available_grams": 10**15,
    "number": "n" * 100,
    "name": "\u202e" + "न\u094d\u200d" * 60,
    "alias": "𠀀" * 100,
    "issued_at": "2020-01-01T00:00:00Z",
    "revoked_at": "2020-01-01T00:00:00Z",
}


def far(mark: str) -> list[Hostile]:
    """Return each committed example with all of its fields at their bounds, about things of this mark."""
    found = []
    for contract, message in examples():
        body = {name: FAR.get(name, value) for name, value in message["value"].items()}
        if body.get("erased"):
            body |= {"name": None, "alias": None}
        if "claim" in body:
            one = {**body["claim"]["footprints"][0], "grams": 10**15, "high_grams": 10**15, "release": "r" * 100}
            claim = {"footprints": [one] * 500, "jurisdiction": FAR["jurisdiction"], "mandate_version": "m" * 100}
            body["claim"] |= claim
        if "allocations" in body:
            serials = {"first_serial": "f" * 118 + "-1", "last_serial": "CDCER-ZZ-0-2000-1-" + "9" * 15}
            body["allocations"] = [body["allocations"][0] | serials | {"from_gram": 0, "to_gram": 10**15}]
        headers = {**message["headers"], "ce_time": "2020-01-01T00:00:00Z", "ce_sequence": str(WHOLE_MAX)}
        marked = about_others({**message, "value": body, "headers": headers}, mark)
        found.append(
            Hostile(
                contract,
                json.dumps(marked["value"]).encode(),
                [(name, one.encode()) for name, one in marked["headers"].items()],
            )
        )
    return found
