"""A filter of keys forgets none, takes few others for seen, and is as large with many as with none."""

from __future__ import annotations

import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.registry.domain.key_filter import BITS, KeyFilter


@given(st.lists(st.text(max_size=40)))
def test_no_key_is_forgotten(keys: list[str]) -> None:
    seen = KeyFilter(2**10)
    for key in keys:
        seen.add(key)
    assert all(key in seen for key in keys)


@pytest.mark.parametrize("keys", [0, 5_000])
def test_few_others_are_taken_for_seen_and_memory_stays(keys: int) -> None:
    # As many bits a key as ten million keys have in the filter of a recount.
    seen = KeyFilter(2**16)
    empty = sys.getsizeof(seen._bits)
    for number in range(keys):
        seen.add(f"hold:ord_{number}")
    assert sum(f"hold:ord_{number}" in seen for number in range(keys, keys + 5_000)) <= 5_000 * 0.02
    assert sys.getsizeof(seen._bits) == empty
    assert BITS // 2**16 * 5_000 >= 10_000_000
