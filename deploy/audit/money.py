"""M1 to M4: what was priced, paid, returned and is due, and the provider's own record beside it."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator

from deploy.audit.books import Books, Document
from deploy.audit.findings import Finding, finding

BOUGHT = frozenset({"purchased", "retired", "completed", "refunding", "refunded"})
RETIRED = frozenset({"retired", "completed"})
GRAMS_PER_TONNE = 1_000_000


def check_money(books: Books) -> Iterator[Finding]:
    """Yield what orders and provider say of the money."""
    priced = [order for order in books.orders if order.get("priced")]
    bought = {message.subject: json.loads(message.value) for message in books.told("offset.purchased")}
    totals = {order["_id"]: order["priced"]["subtotal_fen"] + order["fee_fen"] for order in priced}
    yield finding(
        "M1 totals",
        [
            f"{order_id}: {body['subtotal_fen']} + {body['fee_fen']} is not {body['total_fen']}, or not its total"
            for order_id, body in bought.items()
            if body["subtotal_fen"] + body["fee_fen"] != body["total_fen"] or totals.get(order_id) != body["total_fen"]
        ],
        f"{len(bought)} purchases, {sum(body['total_fen'] for body in bought.values()):,} fen",
    )
    yield _payables(books, priced, bought)
    yield finding(
        "M2",
        [f"{order['_id']} costs {order['priced']['subtotal_fen']} fen" for order in priced if not _exact(order)],
        f"{len(priced)} prices are exact and rounded up once",
    )
    payments = [(order, payment) for order in books.orders for payment in order.get("payments", ())]
    yield finding(
        "M3 M4", list(_wrong_payments(books.orders)), f"{len(payments)} payments of {len(books.orders)} orders"
    )
    yield _side_record(books, payments)


def _payables(books: Books, priced: list[Document], bought: dict[str, Document]) -> Finding:
    retired = {message.subject for message in books.told("credits.retired")}
    by_orders: Counter[str] = Counter()
    for order in priced:
        if order["state"] in RETIRED:
            by_orders[order["listing"]["owner_id"]] += order["priced"]["subtotal_fen"]
    by_events: Counter[str] = Counter()
    for order_id, body in bought.items():
        if order_id in retired:
            by_events[body["owner_id"]] += body["subtotal_fen"]
    return finding(
        "M1 payables",
        [
            f"{owner}: orders say {by_orders[owner]} fen, events {by_events[owner]}"
            for owner in sorted(set(by_orders) | set(by_events))
            if by_orders[owner] != by_events[owner]
        ],
        f"{sum(by_orders.values()):,} fen are due to {len(by_orders)} owners",
    )


def _exact(order: Document) -> bool:
    cost = order["priced"]["grams"] * order["listing"]["unit_price_fen"]
    return bool(order["priced"]["subtotal_fen"] == -(-cost // GRAMS_PER_TONNE))


def _wrong_payments(orders: list[Document]) -> Iterator[str]:
    for order in orders:
        credited = [payment for payment in order.get("payments", ()) if payment["credited"]]
        if len(credited) > 1:
            yield f"{order['_id']} is paid {len(credited)} times"
        if order["state"] != "capturing" and bool(credited) != (order["state"] in BOUGHT):
            yield f"{order['_id']} is {order['state']} and {'' if credited else 'not '}paid"
        for payment in order.get("payments", ()):
            if payment["received"] and not payment["credited"] and not payment["refund"]:
                yield f"{payment['payment_id']} of {order['_id']} was taken and neither credited nor returned"
            if payment["credited"] and payment["refund"] and order["state"] in RETIRED:
                yield f"{payment['payment_id']} of {order['_id']} is returned although its credits are retired"
            if payment["credited"] and order["state"] in {"refunding", "refunded"} and not payment["refund"]:
                yield f"{payment['payment_id']} is not returned although {order['_id']} is {order['state']}"


def _side_record(books: Books, payments: list[tuple[Document, Document]]) -> Finding:
    ours = {payment["payment_id"]: payment for _, payment in payments}
    provider = books.of("orders", "sandbox_payments")
    wrong = []
    for theirs in provider:
        mine = ours.get(theirs["_id"])
        taken = theirs["decided"] == "paid"
        received = mine["received"] if mine else None
        if taken and theirs["notified"] and (received is None or received["amount_fen"] != theirs["amount_fen"]):
            wrong.append(f"the provider took {theirs['amount_fen']} fen for {theirs['_id']}, orders has {received}")
        if not taken and received is not None:
            wrong.append(f"{theirs['_id']} is paid for orders and not for the provider")
        returned = bool(mine and mine["refund"] and mine["refund"]["state"] == "made")
        if returned and theirs["refunded_at"] is None:
            wrong.append(f"{theirs['_id']} is returned for orders and not for the provider")
    return finding("M side record", wrong, f"{len(provider)} payments at the provider agree")
