"""Grams of a batch's line and serials answer to each other, whole and without a rest."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.registry.domain.claims import Share, grams_of, is_retired, shares, touches
from services.registry.domain.ledger import Batch, Entry
from services.registry.domain.serials import parse
from shared.contracts.registry import Allocation

TONNE = 1_000_000
PREFIX = "CDCER-CN510100-0042-2021-01"
BATCH = Batch(
    batch_id="bat_00000000000000000000000001",
    report_hash="0" * 64,
    prefix=PREFIX,
    vintage=2021,
    number=1,
    serial_start=11,
    serial_end=20,
    external_serial=None,
    available=8_500_000,
    held=0,
    allocated=1_500_000,
    cancelled=0,
)


def allocation(from_gram: int, to_gram: int) -> Allocation:
    first, last = f"{PREFIX}-{11 + from_gram // TONNE}", f"{PREFIX}-{11 + (to_gram - 1) // TONNE}"
    return Allocation(
        batch_id=BATCH.batch_id, from_gram=from_gram, to_gram=to_gram, first_serial=first, last_serial=last
    )


def test_an_allocation_over_three_serials_gives_three_shares() -> None:
    assert list(shares(BATCH, allocation(900_000, 2_000_001))) == [
        Share(f"{PREFIX}-11", 900_000, TONNE),
        Share(f"{PREFIX}-12", TONNE, 2 * TONNE),
        Share(f"{PREFIX}-13", 2 * TONNE, 2_000_001),
    ]


@given(st.integers(0, 9 * TONNE), st.integers(1, TONNE))
def test_shares_tile_their_allocation_and_each_lies_in_its_serial(start: int, length: int) -> None:
    whole = allocation(start, start + length)
    parts = list(shares(BATCH, whole))
    cuts = [part.from_gram for part in parts] + [parts[-1].to_gram]
    assert cuts == [start, *(part.to_gram for part in parts)]
    assert [parts[0].serial, parts[-1].serial] == [whole.first_serial, whole.last_serial]
    entry = Entry(key="end:o", kind="post", allocations=(whole,))
    for part in parts:
        grams = grams_of(BATCH, parse(part.serial))
        assert grams is not None
        assert part.from_gram in grams
        assert part.to_gram - 1 in grams
        assert touches(entry, BATCH, grams)


@pytest.mark.parametrize(
    ("serials", "grams"),
    [
        ("11", range(TONNE)),
        ("20", range(9 * TONNE, 10 * TONNE)),
        ("12-13", range(TONNE, 3 * TONNE)),
        ("10", None),
        ("21", None),
        ("20-21", None),
    ],
)
def test_serials_stand_for_their_grams_if_the_batch_has_them(serials: str, grams: range | None) -> None:
    assert grams_of(BATCH, parse(f"{PREFIX}-{serials}")) == grams


@pytest.mark.parametrize(("serials", "retired"), [("11", True), ("12", True), ("13", False), ("12-13", False)])
def test_c3_a_serial_is_retired_with_its_first_gram_and_a_range_with_its_last_serial(
    serials: str, retired: bool
) -> None:
    grams = grams_of(BATCH, parse(f"{PREFIX}-{serials}"))
    assert grams is not None
    assert is_retired(BATCH, grams) is retired
