"""O2, O3 and the balances: what backs an order, what is left, and that each order ends or is on its way."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator
from datetime import timedelta

from deploy.audit.books import Books
from deploy.audit.findings import Finding, finding
from shared.mongodb import Document

ENDED = frozenset({"refused", "expired", "cancelled", "refunded"})
# An answer of the registry, a certificate or a refund takes seconds; who waits longer has been forgotten.
PATIENCE = timedelta(minutes=5)
ON_ITS_WAY = frozenset({"purchased", "retired", "refunding"})


def check_orders(books: Books) -> Iterator[Finding]:
    """Yield what is wrong with orders, held against ledger and certificates."""
    backing = list(_backing(books))
    roots = Counter(root for _, root, _ in backing)
    yield finding("O2", list(_unlike_roots(books, roots)), f"{len(roots)} footprints back one live order each")
    footprints = {body["footprint_id"]: body for body in _footprints(books)}
    yield finding("O2 grams", list(_unlike_footprints(books, footprints)), "orders have the grams of their footprints")
    chains = books.of("orders", "chains")
    yield finding(
        "D15 balance",
        list(_unlike_balance(chains, footprints, {root: one for _, root, one in backing}, _uncounted(books))),
        f"{len(chains)} footprints of scenes count once, "
        + ", ".join(f"{count} {standing}" for standing, count in Counter(one["standing"] for one in chains).items()),
    )
    states = Counter(order["state"] for order in books.orders)
    yield finding("O3 ends", list(_forgotten(books)), ", ".join(f"{count} {state}" for state, count in states.items()))
    yield finding("O3 ledger", list(_against_ledger(books)), "what orders and ledger say of each order agrees")
    yield finding("O3 K1", list(_against_certificates(books)), f"{len(books.certificates)} certificates agree")


def _backing(books: Books) -> Iterator[tuple[str, str, str]]:
    """Yield order, root and footprint of each claim that is live by the state of its order."""
    for order in books.orders:
        if order["state"] not in ENDED and order.get("priced"):
            for one in order["priced"]["footprints"]:
                yield order["_id"], one["root"], one["footprint_id"]


def _footprints(books: Books) -> Iterator[Document]:
    return (json.loads(message.value) for message in books.published("footprint.calculated"))


def _uncounted(books: Books) -> set[str]:
    """The roots of orders whose last step the balance has still to follow."""
    return {root for order in books.orders if order.get("uncounted") for root in order["roots"]}


def _unlike_roots(books: Books, roots: Counter[str]) -> Iterator[str]:
    yield from (f"{root} backs {count} live orders" for root, count in roots.items() if count > 1)
    # What the unique index looks at must be what the orders say.
    indexed = Counter(root for order in books.orders if order.get("live") for root in order.get("roots", ()))
    yield from (f"{root} is kept from no other order" for root in roots - indexed)
    yield from (f"{root} is kept for no live order" for root in indexed - roots)


def _unlike_footprints(books: Books, footprints: dict[str, Document]) -> Iterator[str]:
    for order in books.orders:
        claimed = order["priced"]["footprints"] if order.get("priced") else []
        published_grams = [footprints.get(one["footprint_id"], {}).get("grams", 0) for one in claimed]
        if claimed and sum(published_grams) != order["priced"]["grams"]:
            yield f"{order['_id']} has {order['priced']['grams']} g, its footprints have other"


def _unlike_balance(
    chains: list[Document], footprints: dict[str, Document], covering: dict[str, str], uncounted: set[str]
) -> Iterator[str]:
    """Count each root of each scene again from the stream and the live orders, and yield where the balance differs."""
    kept = {chain["_id"]: chain for chain in chains}
    replaced = {body["replaces"] for body in footprints.values()}
    counted = (body for body in footprints.values() if body["footprint_id"] not in replaced and body["scene_id"])
    last = {body["root"]: body for body in counted}
    for root in (last.keys() | kept.keys()) - uncounted:
        chain = kept.get(root)
        counting = footprints.get(covering.get(root) or last.get(root, {}).get("footprint_id", ""))
        if chain is None or counting is None:
            yield f"{root} is {'in no balance' if chain is None else 'in a balance and was never published'}"
        elif any(chain[name] != counting[name] for name in ("scene_id", "role", "footprint_id", "grams")):
            yield f"{root} counts as {chain['footprint_id']} with {chain['grams']} g, not as {counting['footprint_id']}"
        elif (chain["standing"] == "covered") != (root in covering):
            yield f"{root} is {chain['standing']}, and {'a' if root in covering else 'no'} live order covers it"


def _forgotten(books: Books) -> Iterator[str]:
    now = books.read_at
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
    retired = {message.subject: json.loads(message.value) for message in books.published("credits.retired")}
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
