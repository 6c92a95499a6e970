"""What registrars may ask of the ledger, what they are refused, and that a repeat adds nothing."""

from __future__ import annotations

import pytest

from deploy.audit.books import Books
from deploy.audit.credits import check_credits
from deploy.audit.findings import Finding
from services.registry.domain.commands import (
    Cancel,
    Cancellation,
    ChangeListing,
    ExceedsVerifiedAmount,
    IdentityFixed,
    IdentityTaken,
    KeyReused,
    ListingChanged,
    NotEnoughToCancel,
    Post,
    ReportIssuedOtherwise,
    SerialsOverlap,
)
from services.registry.domain.decide import next_page
from services.registry.domain.ledger import Page
from shared.web.idempotency import id_of
from tests.unit.registry.chain import BECAUSE, CONTENT, PROJECT, Chain, hold, order

OTHER = id_of("prj", "other")


def test_s1_issue_refuses_more_than_verified_other_content_and_overlaps() -> None:
    chain = Chain().list_and_issue(3000)
    assert chain.issue(report="MR-0", tonnes=3000) is None
    with pytest.raises(ReportIssuedOtherwise):
        chain.issue(report="MR-0", tonnes=2999, key="another")
    with pytest.raises(ExceedsVerifiedAmount):
        chain.issue(report="MR-9", tonnes=3501)
    with pytest.raises(SerialsOverlap) as overlap:
        chain.issue(report="MR-9", tonnes=2, serial_start=3000)
    assert overlap.value.field == "serial_start"
    chain.issue(report="MR-9", tonnes=2, external_serial="X/1")
    with pytest.raises(SerialsOverlap):
        chain.issue(report="MR-10", tonnes=2, external_serial="X/1")


def test_listing_changes_only_from_the_version_that_was_seen_and_keeps_its_identity() -> None:
    chain = Chain().list_and_issue(1)
    dearer = CONTENT.model_copy(update={"unit_price_fen": 5000})
    with pytest.raises(ListingChanged):
        chain.poll(ChangeListing(content=dearer, seen=0, cause=BECAUSE))
    assert chain.poll(ChangeListing(content=dearer, seen=1, cause=BECAUSE)) is not None
    assert chain.poll(ChangeListing(content=dearer, seen=1, cause=BECAUSE)) is None
    with pytest.raises(IdentityFixed):
        chain.poll(ChangeListing(content=CONTENT.model_copy(update={"code": "9"}), seen=2, cause=BECAUSE))


def test_cancelling_takes_whole_free_tonnes_from_the_end_once() -> None:
    chain = Chain().list_and_issue(3)
    chain.poll(hold("o", 1))
    batch_id = chain.pages[-1].batches[0].batch_id

    def cancel(tonnes: int) -> Cancel:
        wanted = Cancellation(batch_id=batch_id, tonnes=tonnes, reason="buffer")
        return Cancel(cancellation=wanted, cancellation_id=f"c{tonnes}", cause=BECAUSE)

    with pytest.raises(NotEnoughToCancel):
        chain.poll(cancel(3))
    assert chain.poll(cancel(2)) is not None
    assert chain.poll(cancel(2)) is None
    assert chain.pages[-1].batches[0].available == 999_999


def test_c2_a_code_of_another_project_is_refused_also_when_that_one_has_left_it() -> None:
    mine = Chain()
    later = CONTENT.model_copy(update={"code": "0043"})
    first = mine.poll(ChangeListing(content=CONTENT, seen=0, cause=BECAUSE))
    moved = mine.poll(ChangeListing(content=later, seen=1, cause=BECAUSE))
    back = mine.poll(ChangeListing(content=CONTENT, seen=2, cause=BECAUSE))
    other = Chain(OTHER, beside=mine)
    for taken in (CONTENT, later):
        with pytest.raises(IdentityTaken, match=PROJECT) as refused:
            other.poll(ChangeListing(content=taken, seen=0, cause=BECAUSE))
        assert refused.value.field == "code"
    assert [[entry.kind for entry in page.entries] for page in (first, moved, back) if page] == [
        ["listing", "identity"],
        ["listing", "identity"],
        ["listing"],
    ]
    assert other.poll(ChangeListing(content=later.model_copy(update={"standard": "CCER"}), seen=0, cause=BECAUSE))


def test_o1_a_report_is_issued_for_one_project_and_a_key_makes_one_batch() -> None:
    mine = Chain().list_and_issue(5)
    other = Chain(OTHER, beside=mine)
    other.poll(ChangeListing(content=CONTENT.model_copy(update={"code": "0043"}), seen=0, cause=BECAUSE))
    with pytest.raises(ReportIssuedOtherwise, match=PROJECT):
        other.issue(report="MR-0", tonnes=5, key="another")
    for chain, report in ((mine, "MR-1"), (other, "MR-1"), (other, "MR-0")):
        with pytest.raises(KeyReused):
            chain.issue(report=report, tonnes=5, key="MR-0")
    assert mine.issue(report="MR-0", tonnes=5) is None
    assert mine.issue(report="MR-0", tonnes=5, key="another") is None


def test_o1_a_key_cancels_once_and_nothing_else() -> None:
    mine = Chain().list_and_issue(5)
    other = Chain(OTHER, beside=mine)
    wanted = Cancellation(batch_id=mine.pages[-1].batches[0].batch_id, tonnes=1, reason="buffer")

    def cancel(chain: Chain, cancellation: Cancellation) -> Page | None:
        return chain.poll(Cancel(cancellation=cancellation, cancellation_id="c", cause=BECAUSE))

    assert cancel(mine, wanted) is not None
    assert cancel(mine, wanted) is None
    for chain, repeated in ((mine, wanted.model_copy(update={"tonnes": 2})), (other, wanted)):
        with pytest.raises(KeyReused):
            cancel(chain, repeated)


def test_c1_no_figure_of_a_batch_ever_becomes_negative() -> None:
    chain = Chain().list_and_issue(1)
    chain.poll(hold("o", 1_000))
    known = chain.known()
    before = chain.pages[-2]
    with pytest.raises(AssertionError, match="cannot come to"):
        next_page(PROJECT, before, known, [Post(order_id=order("o"), cause=BECAUSE)], day="2026-11-24")


def test_c2_the_audit_names_batches_of_two_projects_whose_serials_read_alike() -> None:
    mine, same, apart = Chain().list_and_issue(1, 1), Chain(OTHER).list_and_issue(1), Chain(OTHER)
    apart.poll(ChangeListing(content=CONTENT.model_copy(update={"code": "0043"}), seen=0, cause=BECAUSE))
    apart.issue(report="MR-9", tonnes=1)

    def audited(*chains: Chain) -> dict[str, Finding]:
        pages = {chain.project_id: [page.model_dump(mode="json") for page in chain.pages] for chain in chains}
        return {found.invariant: found for found in check_credits(Books(pages=pages))}

    broken = audited(mine, same)
    assert not broken["C2 over projects"].holds
    assert "CDCER-CN510100-0042-2021-01" in broken["C2 over projects"].report
    assert all(found.holds for found in audited(mine, apart).values())
