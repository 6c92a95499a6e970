"""Which JSON is taken: what RFC 7493 allows, and no more."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.web.ijson import DEPTH_MAX, NUMBER_MAX, Unreadable, wrong_values

TEXTS = st.text(st.characters(exclude_characters="\x00", exclude_categories=["Cs"]))
NUMBERS = st.integers(-NUMBER_MAX, NUMBER_MAX) | st.floats(-1e15, 1e15)
VALUES = st.recursive(
    st.none() | st.booleans() | NUMBERS | TEXTS,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(TEXTS, inner, max_size=4),
    max_leaves=20,
)
BROKEN = st.sampled_from(["\x00", "a\x00", "\ud800", "\udfff1", 2**53, -(2**53), 10**400, 1e16, float("inf")])


def depth(value: Any) -> int:
    inner = value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
    return 1 + max(map(depth, inner), default=0)


@given(VALUES, st.booleans())
def test_what_the_rfc_allows_is_taken_however_it_is_written(value: Any, ascii_only: bool) -> None:
    body = json.dumps(value, ensure_ascii=ascii_only).encode()
    if depth(value) <= DEPTH_MAX:
        assert wrong_values(body) == []


@given(VALUES, BROKEN)
def test_what_it_does_not_is_named_by_its_place(value: Any, broken: Any) -> None:
    body = json.dumps({"sound": value, "broken": [value, broken]}).encode()
    if depth(value) < DEPTH_MAX - 1:
        assert [pointer for pointer, _ in wrong_values(body)] == ["/broken/1"]


@pytest.mark.parametrize("brackets", [(b"[", b"]"), (b'{"a":', b"}")])
def test_a_body_is_as_deep_as_it_may_be(brackets: tuple[bytes, bytes]) -> None:
    opens, closes = brackets
    for inside in (b"1", b'"\\u0041"'):
        assert wrong_values(opens * DEPTH_MAX + inside + closes * DEPTH_MAX) == []
        with pytest.raises(Unreadable):
            wrong_values(opens * (DEPTH_MAX + 1) + inside + closes * (DEPTH_MAX + 1))


@pytest.mark.parametrize("body", [b"", b"{", b'{"a": nul}', b"\\u"])
def test_what_is_no_json_at_all_is_left_to_its_parser(body: bytes) -> None:
    assert wrong_values(body) == []
