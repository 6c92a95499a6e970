"""O2 and O3: what backs an order, and that each ends or is on its way, with its retirement and certificate."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

from deploy.audit.books import Books, Document
from deploy.audit.findings import Finding, finding

ENDED = frozenset({"refused", "expired", "cancelled", "refunded"})
# An answer of the registry, a certificate or a refund takes seconds; who waits longer has been forgotten.
PATIENCE = timedelta(minutes=5)
ON_ITS_WAY = frozenset({"purchased", "retired", "refunding"})


def check_orders(books: Books) -> Iterator[Finding]:
    """Yield what is wrong with orders, held against ledger and certificates."""
    live = [order for order in books.orders if order.get("live")]
    roots = Counter(root for order in live for root in order.get("roots", ()))
    yield finding(
        "O2",
        [f"{root} backs {count} live orders" for root, count in roots.items() if count > 1],
        f"{len(roots)} footprints back one live order each",
    )
    states = Counter(order["state"] for order in books.orders)
    yield finding("O3 ends", list(_forgotten(books)), ", ".join(f"{count} {state}" for state, count in states.items()))
    yield finding("O3 ledger", list(_against_ledger(books)), "what orders and ledger say of each order agrees")
    yield finding("O3 K1", list(_against_certificates(books)), f"{len(books.certificates)} certificates agree")


def _forgotten(books: Books) -> Iterator[str]:
    now = datetime.now(UTC)
    for order in books.orders:
        since = order["history"][-1]["at"] if order.get("history") else order["created_at"]
        if order["state"] in ON_ITS_WAY and now - since > PATIENCE:
            yield f"{order['_id']} is {order['state']} since {since:%H:%M:%S}"
        if order["state"] in {"waiting", "placed", "held"} and order["deadline"] < now - PATIENCE:
            yield f"{order['_id']} is {order['state']} long after its deadline"


def _against_ledger(books: Books) -> Iterator[str]:
    entries: dict[str, Document] = {}
    for pages in books.pages.values():
        entries |= {entry["key"]: entry for page in pages for entry in page["entries"]}
    for order in books.orders:
        order_id, state = order["_id"], order["state"]
        hold, end = entries.get(f"hold:{order_id}"), entries.get(f"end:{order_id}")
        posted = end is not None and end["kind"] == "post"
        if state in {"retired", "completed"} and not posted:
            yield f"{order_id} is {state}, the ledger has not retired it"
        if posted and state in ENDED:
            yield f"{order_id} is {state}, the ledger has retired it"
        if posted and end and end["grams"] != order["priced"]["grams"]:
            yield f"{order_id} has {order['priced']['grams']} g, the ledger retired {end['grams']}"
        if hold and hold["kind"] == "hold" and hold["grams"] != order["priced"]["grams"]:
            yield f"{order_id} has {order['priced']['grams']} g, the ledger held {hold['grams']}"


def _against_certificates(books: Books) -> Iterator[str]:
    by_order = {certificate["order_id"]: certificate for certificate in books.certificates}
    retired = {message.subject: json.loads(message.value) for message in books.told("credits.retired")}
    for order in books.orders:
        certificate = by_order.get(order["_id"])
        issued = certificate is not None and certificate.get("facts") is not None
        if order["state"] == "completed" and not issued:
            yield f"{order['_id']} is completed without a certificate"
        if issued and certificate and certificate["facts"]["grams"] != order["priced"]["grams"]:
            yield f"{certificate['_id']} states other grams than {order['_id']}"
    for order_id, certificate in by_order.items():
        if certificate.get("facts") is not None and order_id not in retired:
            yield f"{certificate['_id']} was issued without a retirement"
