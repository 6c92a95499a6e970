"""C1 to C6: every project's ledger counted again from its pages, and held against the anchors outside."""

from __future__ import annotations

import json
from collections.abc import Iterator

from deploy.audit.books import Books
from deploy.audit.findings import Finding, finding
from services.registry.domain.proof import Proof
from services.registry.domain.recount import Recount


def check_credits(books: Books) -> Iterator[Finding]:
    """Yield what the pages say of the credits."""
    proofs = [_proof(project_id, books) for project_id in sorted(books.pages)]
    batches = [batch for proof in proofs for batch in proof.batches]
    pages = sum(proof.pages for proof in proofs)
    wrong = [
        f"page {proof.wrong.sequence} of {proof.project_id}: {proof.wrong.reason}" for proof in proofs if proof.wrong
    ]
    yield finding("C1 C2 C4 C6", wrong, f"{pages} pages of {len(proofs)} projects, {len(batches)} batches add up")
    yield finding(
        "C3",
        [
            f"batch {batch.batch_id} has claimed {batch.allocated} g of {batch.retired_tonnes} retired tonnes"
            for batch in batches
            if batch.allocated > batch.retired_tonnes * 1_000_000
        ],
        f"{sum(batch.allocated for batch in batches):,} g claimed"
        f" of {sum(batch.retired_tonnes for batch in batches):,} t retired",
    )
    owners: dict[str, list[str]] = {}
    for proof in proofs:
        for batch in proof.batches:
            owners.setdefault(batch.prefix, []).append(proof.project_id)
    yield finding(
        "C2 over projects",
        [f"serials {prefix} are issued by {' and '.join(ids)}" for prefix, ids in owners.items() if len(ids) > 1],
        f"{len(owners)} batches differ in what their serials begin with",
    )
    answers = _answers(books)
    yield finding(
        "C4 answers",
        [f"{order_id} has {' and '.join(sorted(of))}" for order_id, of in answers.items() if of not in _ANSWERS],
        f"{len(answers)} orders have the entries that the table of answers allows",
    )
    hashes = {
        (project_id, page["sequence"]): page["hash"] for project_id, pages in books.pages.items() for page in pages
    }
    anchors = list(_anchors(books))
    yield finding(
        "C6 anchors",
        [
            f"{where} names page {sequence} of {project_id} with another hash"
            for where, project_id, sequence, published_hash in anchors
            if hashes.get((project_id, sequence)) != published_hash
        ],
        f"{len(anchors)} page hashes outside the ledger agree with it",
    )


# What an order may have in the ledger, whatever came twice, late or in another order: the registry's table of answers.
_ANSWERS = frozenset(
    frozenset(kinds.split())
    for kinds in (
        "hold",
        "hold post",
        "hold release",
        "hold release post_refused",
        "hold_refused",
        "hold_refused post_refused",
        "burn",
        "release",
        "release hold_refused",
        "release post_refused",
        "release hold_refused post_refused",
    )
)


def _answers(books: Books) -> dict[str, frozenset[str]]:
    """The kinds of entries that each order has."""
    kinds: dict[str, set[str]] = {}
    for pages in books.pages.values():
        for entry in (entry for page in pages for entry in page["entries"] if entry["order_id"]):
            kinds.setdefault(entry["order_id"], set()).add(entry["kind"])
    return {order_id: frozenset(of_order) for order_id, of_order in kinds.items()}


def _proof(project_id: str, books: Books) -> Proof:
    recount = Recount(project_id)
    for page in books.pages[project_id]:
        recount.take(page)
    return recount.proof()


def _anchors(books: Books) -> Iterator[tuple[str, str, int, str]]:
    for message in books.published("credits.retired"):
        body = json.loads(message.value)
        yield message.id, body["project_id"], body["ledger"]["sequence"], body["ledger"]["page_hash"]
    for certificate in books.certificates:
        if "retirement" in certificate and "purchase" in certificate:
            ledger = certificate["retirement"]["ledger"]
            yield certificate["_id"], certificate["purchase"]["project_id"], ledger["sequence"], ledger["page_hash"]
