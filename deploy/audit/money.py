"""M1 to M4: what was priced, paid, returned and is due, and the provider's own record beside it."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator
from datetime import datetime, timedelta

from deploy.audit.books import Books
from deploy.audit.findings import Finding, finding
from shared.mongodb import Document

BOUGHT = frozenset({"purchased", "retired", "completed", "refunding", "refunded"})
RETIRED = frozenset({"retired", "completed"})
GONE_BACK = frozenset({"made", "settled_outside"})
GRAMS_PER_TONNE = 1_000_000
# A provider that says nothing is asked after a minute, and then at least every five.
PATIENCE = timedelta(minutes=15)


def check_money(books: Books) -> Iterator[Finding]:
    """Yield what orders and provider say of the money."""
    priced = [order for order in books.orders if order.get("priced")]
    bought = {message.subject: json.loads(message.value) for message in books.published("offset.purchased")}
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
    retired = {message.subject for message in books.published("credits.retired")}
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
        payments = order.get("payments", ())
        credited = [payment for payment in payments if payment["credited"]]
        if len(credited) > 1:
            yield f"{order['_id']} is paid {len(credited)} times"
        if order["state"] != "capturing" and bool(credited) != (order["state"] in BOUGHT):
            yield f"{order['_id']} is {order['state']} and {'' if credited else 'not '}paid"
        capturing = sum(payment["state"] == "capturing" for payment in payments)
        if capturing != (order["state"] == "capturing"):
            yield f"{order['_id']} is {order['state']} with {capturing} payments that are being captured"
        for payment in payments:
            yield from (f"{payment['payment_id']} of {order['_id']} {wrong}" for wrong in _wrong(order, payment))


def _wrong(order: Document, payment: Document) -> Iterator[str]:
    received, refund = payment["received"], payment["refund"]
    if bool(received) != (payment["state"] == "paid"):
        yield f"is {payment['state']}, and orders has received {received}"
    if received and not payment["credited"] and not refund:
        yield "was taken and neither credited nor returned"
    if payment["credited"]:
        due = order["priced"]["subtotal_fen"] + order["fee_fen"], order["listing"]["currency"]
        if not received or (received["amount_fen"], received["currency"]) != due:
            yield f"is credited with {received}, due were {due}"
        if refund and order["state"] in RETIRED:
            yield "is returned although its credits are retired"
        if not refund and order["state"] in {"refunding", "refunded"}:
            yield f"is not returned although the order is {order['state']}"
        if refund and (refund["state"] in GONE_BACK) != (order["state"] == "refunded"):
            yield f"has a refund that is {refund['state']} while the order is {order['state']}"
    if refund and not received:
        yield "is returned and was never taken"
    if refund and refund["state"] in GONE_BACK and not refund["reference"]:
        yield f"has a refund that is {refund['state']} without a reference"
    if payment["state"] in {"voiding", "voided"} and not payment["void_why"]:
        yield f"is {payment['state']}, nobody knows why"


def _side_record(books: Books, payments: list[tuple[Document, Document]]) -> Finding:
    ours = {payment["payment_id"]: payment for _, payment in payments}
    provider = {theirs["payment_id"]: theirs for theirs in books.payments}
    wrong = [
        f"{payment_id}: {difference}"
        for payment_id, theirs in provider.items()
        for difference in (
            _against(theirs, ours[payment_id], books.read_at) if payment_id in ours else ["no order has this payment"]
        )
    ]
    # A payment is there before the provider learns of it, and may never have been opened.
    wrong += [
        f"{payment_id} is {mine['state']} for orders and unknown to the provider"
        for payment_id, mine in ours.items()
        if payment_id not in provider and mine["state"] not in {"started", "lapsed"}
    ]
    return finding("M side record", wrong, f"{len(provider)} payments at the provider agree, and so do ours")


def _against(theirs: Document, mine: Document, now: datetime) -> Iterator[str]:
    """Yield where the provider's record and ours differ; what is still to be notified, or asked for, may."""
    state, received, refund = mine["state"], mine["received"], mine["refund"] or {"state": "none"}
    taken = theirs["taken_at"] is not None
    money = theirs["amount_fen"], theirs["currency"]
    decided = theirs["decided_at"] is not None
    is_notified = decided and not theirs["notices_pending"] and "silent" not in theirs["faults"]
    asks = state in {"started", "capturing", "voiding"}
    if taken and received is None and (is_notified or not asks):
        yield f"the provider took {money}, for orders it is {state}"
    if taken and received is None and now - theirs["taken_at"] > PATIENCE:
        yield f"the provider took {money} at {theirs['taken_at']:%H:%M:%S} and orders has not found out"
    if received and not taken:
        yield "it is paid for orders and not for the provider"
    if received and taken and (received["amount_fen"], received["currency"]) != money:
        yield f"the provider took {money}, orders has {received}"
    approved = theirs["mode"] == "authorise" and decided and theirs["state"] != "declined"
    open_there = approved and not (taken or theirs["refused_at"] or theirs["voided_at"])
    if open_there and is_notified and not asks:
        yield f"the provider keeps {money} set aside, for orders it is {state}"
    if theirs["voided_at"] and state not in {"voiding", "voided"}:
        yield f"the provider let it go, for orders it is {state}"
    if state == "voided" and not (theirs["voided_at"] or theirs["refused_at"]):
        yield "it is let go for orders and not for the provider"
    if state == "refused" and not (theirs["refused_at"] or theirs["voided_at"]):
        yield "the bank said no for orders and not for the provider"
    if theirs["refunded_at"] and refund["state"] == "none":
        yield "the provider gave it back, orders never asked for that"
    if theirs["refunded_at"] and refund["state"] == "settled_outside":
        yield "it went back twice, by the provider and by staff"
    if refund["state"] == "made" and not theirs["refunded_at"]:
        yield "it is returned for orders and not for the provider"
