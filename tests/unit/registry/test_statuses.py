"""What each command does at each status of a project: a cell of the table is a line."""

from __future__ import annotations

from typing import Any

import pytest

from services.registry.domain.commands import (
    Cancel,
    Cancellation,
    ChangeListing,
    Command,
    Issue,
    ListingMissing,
    NotEnoughToCancel,
    Report,
    SerialsOverlap,
    UnknownBatch,
)
from shared.web.idempotency import id_of
from tests.unit.registry.chain import BECAUSE, CONTENT, Chain, hold, order, post, release, state_of

# By status what the command comes to: the figures of the batch after it (available, held, allocated, cancelled, in
# grams), or the code of the refusal; then the reason published, if one is.
DONE: dict[str, Any] = {
    "listing": (2_999_000, 1_000, 0, 0),
    "issue": (2_999_000, 1_000, 0, 0),
    "cancel": (1_999_000, 1_000, 0, 1_000_000),
    "hold": (2_998_000, 2_000, 0, 0),
    "post": (2_999_000, 0, 1_000, 0),
    "release": (3_000_000, 0, 0, 0),
}
UNTOUCHED = (2_999_000, 1_000, 0, 0)
TABLE: dict[tuple[str, str], tuple[Any, str | None]] = {
    ("none", "listing"): (None, None),
    ("none", "issue"): ("listing_missing", None),
    ("none", "cancel"): ("batch_unknown", None),
    ("none", "hold"): (None, "project_unknown"),
    ("none", "post"): (None, "hold_not_found"),
    ("none", "release"): (None, None),
    **{("listed", command): (figures, None) for command, figures in DONE.items()},
    **{("suspended", command): (figures, None) for command, figures in DONE.items()},
    **{("delisted", command): (figures, None) for command, figures in DONE.items()},
    ("suspended", "hold"): (UNTOUCHED, "project_suspended"),
    ("delisted", "hold"): (UNTOUCHED, "project_delisted"),
}


def at(status: Any) -> Chain:
    """A project at the status, with an order that was held while it was listed."""
    chain = Chain()
    if status != "none":
        chain.list_and_issue(3)
        chain.poll(hold("held"))
        if status != "listed":
            chain.poll(ChangeListing(content=CONTENT.model_copy(update={"status": status}), seen=1, cause=BECAUSE))
    return chain


def command_of(chain: Chain, command: str, status: Any) -> Command:
    version = chain.pages[-1].listing.version if chain.pages and chain.pages[-1].listing else 0
    name = "held" if status != "none" else "of nobody"
    report = Report(report="MR-new", verifier="Verifier (demo)", verified_tonnes=2, tonnes=2, vintage=2022)
    wanted = Cancellation(batch_id=id_of("bat", "MR-0"), tonnes=1, reason="buffer")
    dearer = CONTENT.model_copy(update={"unit_price_fen": 9_999})
    return {
        "listing": ChangeListing(content=dearer, seen=version, cause=BECAUSE),
        "issue": Issue(report=report, batch_id=id_of("bat", "MR-new"), cause=BECAUSE),
        "cancel": Cancel(cancellation=wanted, cancellation_id="c", cause=BECAUSE),
        "hold": hold("new", version=max(version, 1)),
        "post": post(name),
        "release": release(name),
    }[command]


@pytest.mark.parametrize(("status", "command"), list(TABLE), ids=map(" + ".join, TABLE))
def test_each_command_at_each_status_and_a_repeat_adds_nothing(status: str, command: str) -> None:
    chain = at(status)
    wanted = command_of(chain, command, status)
    before, published_before = list(chain.pages), len(chain.published)
    expected, reason = TABLE[status, command]
    if isinstance(expected, str):
        with pytest.raises((ListingMissing, UnknownBatch)) as refused:
            chain.poll(wanted)
        assert refused.value.code == expected
        assert chain.pages == before
        return
    page = chain.poll(wanted)
    assert page is not None
    assert chain.poll(wanted) is None
    first = page.batches[0] if page.batches else None
    assert (first and (first.available, first.held, first.allocated, first.cancelled)) == expected
    assert [event.data.reason for event in chain.published[published_before:] if hasattr(event.data, "reason")] == (
        [reason] if reason else []
    )
    assert chain.proof().wrong is None
    if command == "listing":
        assert page.listing is not None
        assert (page.listing.unit_price_fen, page.listing.status) == (9_999, "listed")
    if command == "issue":
        assert [batch.serial_start for batch in page.batches] == [1, 4]


@pytest.mark.parametrize("status", ["suspended", "delisted"])
def test_s6_a_project_that_is_listed_again_holds_again(status: str) -> None:
    chain = at(status)
    chain.poll(ChangeListing(content=CONTENT, seen=2, cause=BECAUSE))
    chain.poll(hold("new", version=3))
    assert state_of(chain, "new") == "held"
    assert order("new") == chain.published[-1].subject


@pytest.mark.parametrize("reason", ["reversal", "compliance", "buffer", "registry_correction"])
def test_a_cancellation_has_a_reason_and_takes_no_gram_that_is_held(reason: Any) -> None:
    chain = at("listed")
    wanted = Cancellation(batch_id=id_of("bat", "MR-0"), tonnes=2, reason=reason)
    page = chain.poll(Cancel(cancellation=wanted, cancellation_id="c", cause=BECAUSE))
    assert page is not None
    assert [entry.reason for entry in page.entries] == [reason]
    with pytest.raises(NotEnoughToCancel):
        chain.poll(Cancel(cancellation=wanted.model_copy(update={"tonnes": 1}), cancellation_id="d", cause=BECAUSE))
    chain.poll(post("held"))
    (batch,) = chain.proof().batches
    assert (batch.available, batch.held, batch.allocated, batch.cancelled) == (999_000, 0, 1_000, 2_000_000)


@pytest.mark.parametrize(
    ("start", "tonnes", "fits"),
    [
        (1, 9, True),
        (1, 10, False),
        (9, 2, False),
        (10, 1, False),
        (19, 1, False),
        (15, 30, False),
        (20, 5, True),
        (1, 40, False),
    ],
)
def test_c2_serials_may_touch_those_of_another_batch_and_share_none(start: int, tonnes: int, fits: bool) -> None:
    chain = Chain().list_and_issue()
    chain.issue(report="first", tonnes=10, serial_start=10)
    if fits:
        assert chain.issue(report="second", tonnes=tonnes, serial_start=start) is not None
        assert chain.proof().wrong is None
    else:
        with pytest.raises(SerialsOverlap):
            chain.issue(report="second", tonnes=tonnes, serial_start=start)
