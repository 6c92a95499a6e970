"""What a recount keeps of the pages that it has counted, and how it finds a key that was there before."""

from __future__ import annotations

import pickle
from collections.abc import Iterator, Sequence
from typing import Any

import pytest

from services.registry.domain.key_filter import KeyFilter
from services.registry.domain.ledger import page_hash
from services.registry.domain.proof import WrongPage
from services.registry.domain.recount import Recount
from tests.unit.registry.chain import PROJECT, Chain, hold, post, release

Stored = dict[str, Any]


def pages_of(chain: Chain) -> list[Stored]:
    return [page.model_dump(mode="json") for page in chain.pages]


def rechained(pages: Sequence[Stored]) -> list[Stored]:
    """Give edited pages the hashes of a whole chain, as who rewrites a ledger would."""
    head, made = "0" * 64, []
    for page in pages:
        whole = {**page, "previous": head}
        head = page_hash(whole)
        made.append({**whole, "hash": head})
    return made


def taken(pages: Sequence[Stored], bits: int) -> tuple[WrongPage | None, int]:
    """Count pages with a filter of so many bits, looking doubtful keys up among the pages before, as the store does."""
    recount, looked_up = Recount(PROJECT, KeyFilter(bits)), 0
    for number, page in enumerate(pages):
        doubtful = recount.doubtful(page)
        looked_up += len(doubtful)
        before = {entry["key"] for earlier in pages[:number] for entry in earlier["entries"]}
        if not recount.take(page, doubtful & before):
            break
    return recount.wrong, looked_up


def repeated(pages: list[Stored]) -> Iterator[tuple[str, list[Stored]]]:
    """Yield ledgers, whole by their hashes, in which an entry is there a second time, and what must be said."""
    by_kind = {entry["kind"]: entry for page in pages for entry in page["entries"]}
    for kind in ("hold_refused", "release", "burn", "post_refused", "listing", "batch", "cancel"):
        if kind in by_kind:
            last = {**pages[-1], "sequence": len(pages) + 1, "entries": [by_kind[kind]]}
            yield f"the key {by_kind[kind]['key']} is there twice", rechained([*pages, last])


@pytest.fixture(scope="module")
def pages() -> list[Stored]:
    chain = Chain().list_and_issue(3)
    chain.poll(hold("a"), hold("b"), hold("c"))
    chain.poll(post("a"), release("b"), post("never"))
    chain.poll(release("early"), post("b"))
    return pages_of(chain)


@pytest.mark.parametrize("bits", [8, 2**16])
def test_a_filter_that_takes_every_key_for_seen_or_hardly_any_finds_no_fault_in_a_good_ledger(
    pages: list[Stored], bits: int
) -> None:
    wrong, looked_up = taken(pages, bits)
    assert wrong is None
    assert (looked_up > 0) == (bits == 8)


@pytest.mark.parametrize("bits", [8, 2**16])
def test_c4_a_key_that_is_there_a_second_time_is_named_with_its_page(pages: list[Stored], bits: int) -> None:
    ledgers = list(repeated(pages))
    assert len(ledgers) >= 4
    for reason, ledger in ledgers:
        wrong, _ = taken(ledger, bits)
        assert wrong is not None
        assert (wrong.sequence, str(wrong.reason)) == (len(ledger), reason)
        exact = Recount(PROJECT)
        assert [exact.take(page) for page in ledger] == [True] * (len(ledger) - 1) + [False]


def test_c4_a_hold_after_the_end_of_its_order_is_named(pages: list[Stored]) -> None:
    late = {**pages[2]["entries"][0], "order_id": "early", "key": "hold:early"}
    order = next(entry["order_id"] for entry in pages[-1]["entries"] if entry["kind"] == "release")
    late = {**late, "order_id": order, "key": f"hold:{order}"}
    ledger = rechained([*pages, {**pages[-1], "sequence": len(pages) + 1, "entries": [late]}])
    wrong, _ = taken(ledger, 2**16)
    assert wrong is not None
    assert str(wrong.reason) == f"{order} is held after its end"


def test_a_recount_keeps_as_much_of_many_orders_that_have_ended_as_of_few() -> None:
    kept = []
    for orders in (10, 2_000):
        chain = Chain().list_and_issue(3000)
        for first in range(0, orders, 500):
            names = range(first, min(first + 500, orders))
            chain.poll(*(hold(name, grams=1_000_000) for name in names))
            chain.poll(*(post(name) for name in names))
        recount = Recount(PROJECT, KeyFilter(2**16))
        for page in pages_of(chain):
            assert recount.take(page, set())
        recount._count.earlier.clear()
        kept.append(len(pickle.dumps((recount._count, recount._seen))))
    few, many = kept
    assert abs(many - few) < 100
