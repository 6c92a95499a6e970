"""A page of the ledger has one form in bytes, which anybody's RFC 8785 encoder gives, and refuses what has none."""

from __future__ import annotations

import hashlib
from typing import Any

import pytest
import rfc8785
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from services.registry.domain import recount
from services.registry.domain.commands import Issue, ListingContent, Report
from services.registry.domain.ledger import NO_PAGE, Batch, Entry, Listing, Page, Part, canonical
from shared.contracts.event import Cause
from shared.contracts.registry import Allocation
from shared.web.idempotency import id_of
from tests.unit.registry.chain import CONTENT, Chain, hold, post, release

# All that a text may hold but halves of surrogate pairs, which no encoder takes and no request brings.
TEXTS = st.text(st.characters(exclude_categories=["Cs"]), max_size=20)
# What goes into events is one line.
LINES = st.text(st.characters(exclude_categories=["Cs", "Cc"]), min_size=1, max_size=20)
TAGS = st.from_regex(r"[A-Za-z]{2,8}(-[A-Za-z0-9]{1,8})?", fullmatch=True)
WHOLE = st.integers(0, 2**53 - 1)
GRAMS = st.integers(1, 10**15)
BATCH_ID = id_of("bat", "1")
ALLOCATIONS = st.builds(
    Allocation,
    batch_id=st.just(BATCH_ID),
    from_gram=GRAMS,
    to_gram=GRAMS,
    first_serial=LINES,
    last_serial=LINES,
)
ENTRIES = st.builds(
    Entry,
    key=TEXTS,
    kind=st.sampled_from(["hold", "post", "listing", "burn"]),
    order_id=st.none() | TEXTS,
    grams=st.none() | WHOLE,
    parts=st.none() | st.lists(st.builds(Part, batch_id=TEXTS, grams=GRAMS), max_size=3).map(tuple),
    allocations=st.none() | st.lists(ALLOCATIONS, max_size=3).map(tuple),
    reason=st.none() | TEXTS,
    available_grams=st.none() | WHOLE,
    unit_price_fen=st.none() | WHOLE,
    listing_version=st.none() | WHOLE,
    batch_id=st.none() | TEXTS,
    content_hash=st.none() | TEXTS,
    sequence=st.none() | WHOLE,
    cause=st.none() | TEXTS,
    traceparent=st.none() | TEXTS,
)
BATCHES = st.builds(
    Batch,
    batch_id=TEXTS,
    report_hash=TEXTS,
    prefix=TEXTS,
    vintage=WHOLE,
    number=WHOLE,
    serial_start=WHOLE,
    serial_end=WHOLE,
    external_serial=st.none() | TEXTS,
    available=GRAMS,
    held=GRAMS,
    allocated=GRAMS,
    cancelled=GRAMS,
)
LISTINGS = st.builds(
    lambda names, summary: Listing(
        version=1, **CONTENT.model_copy(update={"names": names, "summary": summary}).model_dump()
    ),
    st.dictionaries(TAGS, LINES, min_size=1, max_size=4),
    st.dictionaries(TAGS, TEXTS, max_size=3),
)
PAGES = st.builds(
    Page,
    project_id=TEXTS,
    sequence=st.integers(1, 2**53 - 1),
    day=st.dates().map(str),
    previous=TEXTS,
    entries=st.lists(ENTRIES, max_size=4).map(tuple),
    listing=st.none() | LISTINGS,
    batches=st.lists(BATCHES, max_size=2).map(tuple),
    hash=st.just(NO_PAGE),
)


@given(PAGES)
@settings(max_examples=300, deadline=None)
def test_the_bytes_of_every_page_are_those_of_rfc_8785_for_writer_and_recount(page: Page) -> None:
    content = page.model_dump(mode="json")
    expected = rfc8785.dumps(content)
    assert canonical(content) == expected
    assert recount.CANONICAL.encode(content).encode() == expected


def test_c6_a_stranger_with_an_rfc_8785_encoder_finds_the_hash_of_each_page() -> None:
    chain = Chain().list_and_issue(3)
    for command in (hold(1), hold(2), post(1), release(2), post(3), hold(4, grams=10**12)):
        chain.poll(command)
    for page in chain.pages:
        content = page.model_dump(mode="json")
        stated = content.pop("hash")
        assert hashlib.sha256(rfc8785.dumps(content)).hexdigest() == stated


def test_a_number_without_an_exact_form_is_refused() -> None:
    Entry(key="k", kind="hold", grams=2**53 - 1)
    with pytest.raises(ValidationError):
        Entry(key="k", kind="hold", grams=2**53)


@pytest.mark.parametrize("tag", ["\U00010000x", "ｚｈ", "zh_CN", "", "z"])
def test_a_language_tag_is_of_ascii_so_that_all_encoders_agree_on_its_place(tag: str) -> None:
    with pytest.raises(ValidationError):
        ListingContent.model_validate({**CONTENT.model_dump(), "names": {tag: "Groves (demo)"}})


def test_an_entry_writes_only_what_its_kind_uses() -> None:
    chain = Chain().list_and_issue(3)
    chain.poll(hold(1), post(1), post(2), release(3))
    written: dict[str, Any] = {
        entry["kind"]: set(entry) for entry in chain.pages[-1].model_dump(mode="json")["entries"]
    }
    always = {"key", "kind", "order_id", "cause"}
    assert written == {
        "hold": always | {"grams", "parts", "sequence"},
        "post": always | {"grams", "allocations", "sequence"},
        "burn": always | {"reason", "sequence"},
        "release": always | {"grams"},
    }


def test_what_is_published_as_available_fits_the_event_also_when_batches_hold_more() -> None:
    chain = Chain().list_and_issue()
    for number in range(3):
        report = Report(report=f"R{number}", verifier="V", verified_tonnes=10**9, tonnes=10**9, vintage=2021)
        chain.poll(Issue(report=report, batch_id=id_of("bat", str(number)), cause=Cause(id="x")))
    chain.poll(hold("stale", version=7))
    assert chain.published[-1].data.available_grams == 10**15
    assert chain.pages[-1].available == 3 * 10**15
