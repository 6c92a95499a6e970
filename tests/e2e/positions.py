"""Where a process can stop in the middle of the story: every write of every service, and its dealings with Kafka."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

Story = Literal["bought", "by card", "refused", "late", "late by card", "renamed"]


@dataclass(frozen=True)
class Position:
    """What a service does to a collection or topic; it is that write in which somewhere `saying` stands.

    Texts in `saying` are patterns. `story` is the walk in which it happens.
    """

    service: str
    step: str
    does: Literal["insert", "update", "publish", "commit", "read"]
    to: str
    saying: Mapping[str, Any] = field(default_factory=dict)
    story: Story = "bought"


# Of the sandbox's record: a text under a name, null under the others.
CAPTURED = {"decided": "authorised", "taken_at": ".+"}
WRITES = (
    Position("calculator", "footprint made", "insert", "footprints"),
    Position("calculator", "certificate noted", "update", "certificates"),
    Position("calculator", "footprint marked as neutralised", "update", "footprints", {"certificates": "cert_.*"}),
    Position("calculator", "figures hold the footprint", "update", "figures", {"pending": {"root": "fp_.*"}}),
    Position("calculator", "root says what figures hold", "update", "footprints", {"counted": {"guests": 1}}),
    Position("calculator", "figures have nothing pending", "update", "figures", {"pending": r"\[\]"}),
    Position("calculator", "footprint is counted", "update", "footprints", {"uncounted": False}),
    Position("orders", "footprint copied", "update", "footprints"),
    Position("orders", "beneficiary named", "insert", "beneficiaries"),
    Position("orders", "order made", "insert", "orders"),
    Position("orders", "balance knows the footprint", "insert", "chains"),
    Position("orders", "balance knows it is covered", "update", "chains", {"standing": "covered"}),
    Position("orders", "balance is up to the order", "update", "orders", {"uncounted": ""}),
    Position("orders", "order held", "update", "orders", {"state": "held"}),
    Position("orders", "payment started", "update", "orders", {"payments": {"state": "started"}}),
    Position("sandbox", "payment opened at the provider", "insert", "payments"),
    Position("sandbox", "payment approved at the provider", "update", "payments", {"decided": "paid"}),
    Position("orders", "order purchased", "update", "orders", {"state": "purchased"}),
    Position("sandbox", "notice taken", "update", "payments", {"decided": "paid", "notices": r"\[\]"}),
    Position("sandbox", "money set aside", "update", "payments", {"decided": "authorised"}, "by card"),
    Position("orders", "order capturing", "update", "orders", {"state": "capturing"}, "by card"),
    Position("sandbox", "money captured", "update", "payments", CAPTURED, "by card"),
    Position("orders", "captured order purchased", "update", "orders", {"state": "purchased"}, "by card"),
    Position("orders", "order retired", "update", "orders", {"state": "retired"}),
    Position("orders", "order completed", "update", "orders", {"state": "completed"}),
    Position("orders", "order refused", "update", "orders", {"state": "refused"}, "refused"),
    Position("orders", "order cancelled", "update", "orders", {"state": "cancelled"}, "late"),
    Position("orders", "refund wanted", "update", "orders", {"refund": {"state": "requested"}}, "late"),
    Position("orders", "refund about to be requested", "update", "orders", {"refund": {"sent_at": ".+"}}, "late"),
    Position("sandbox", "money given back at the provider", "update", "payments", {"refunded_at": ".+"}, "late"),
    Position("orders", "refund made", "update", "orders", {"refund": {"state": "made"}}, "late"),
    Position("orders", "void wanted", "update", "orders", {"payments": {"state": "voiding"}}, "late by card"),
    Position("sandbox", "money let go", "update", "payments", {"voided_at": ".+"}, "late by card"),
    Position("orders", "void made", "update", "orders", {"payments": {"state": "voided"}}, "late by card"),
    Position("orders", "beneficiary renamed", "update", "beneficiaries", {"name": "Renamed.*"}, "renamed"),
    Position("orders", "old orders corrected", "update", "beneficiaries", {"corrects": ".*ord_.*"}, "renamed"),
    Position("registry", "credits held", "insert", "pages", {"kind": "hold"}),
    Position("registry", "credits retired", "insert", "pages", {"kind": "post"}),
    Position("registry", "hold refused", "insert", "pages", {"kind": "hold_refused"}, "refused"),
    Position("registry", "hold released", "insert", "pages", {"kind": "release"}, "late"),
    Position("registry", "place moved on", "update", "places", {"next": r"\d+"}),
    Position("certificates", "name copied", "update", "holders"),
    Position("certificates", "certificate begun", "insert", "certificates"),
    Position("certificates", "certificate issued", "update", "certificates", {"facts": {"number": ".+"}}),
    Position("certificates", "certificate corrected", "update", "certificates", {"version": 2}, "renamed"),
)
# A write's event not yet sent; or sent and acknowledged, and nothing of that marked.
PUBLISHED = (
    Position("calculator", "footprint.calculated", "publish", "footprint.calculated"),
    Position("orders", "beneficiary.named", "publish", "beneficiary.named"),
    Position("orders", "order.placed", "publish", "order.placed"),
    Position("orders", "offset.purchased", "publish", "offset.purchased"),
    Position("orders", "order.closed", "publish", "order.closed", story="late"),
    Position("registry", "credits.held", "publish", "credits.held"),
    Position("registry", "credits.retired", "publish", "credits.retired"),
    Position("registry", "credits.refused", "publish", "credits.refused", story="refused"),
    Position("certificates", "certificate.issued", "publish", "certificate.issued"),
)
# A batch handled and its offset not committed.
HANDLED = (
    Position("calculator", "certificate.issued", "commit", "certificate.issued"),
    Position("orders", "footprint.calculated", "commit", "footprint.calculated"),
    Position("orders", "credits.held", "commit", "credits.held"),
    Position("orders", "credits.retired", "commit", "credits.retired"),
    Position("orders", "credits.refused", "commit", "credits.refused", story="refused"),
    Position("orders", "certificate.issued", "commit", "certificate.issued"),
    Position("registry", "order.placed", "commit", "order.placed"),
    Position("registry", "offset.purchased", "commit", "offset.purchased"),
    Position("registry", "order.closed", "commit", "order.closed", story="late"),
    Position("certificates", "beneficiary.named", "commit", "beneficiary.named"),
    Position("certificates", "offset.purchased", "commit", "offset.purchased"),
    Position("certificates", "credits.retired", "commit", "credits.retired"),
)
# Ranking keeps its boards in memory and has nothing else to lose than what it has just read.
READ = (
    Position("ranking", "footprint.calculated", "read", "footprint.calculated"),
    Position("ranking", "certificate.issued", "read", "certificate.issued"),
)


def table() -> Iterator[tuple[Position, Literal["before", "after"], str]]:
    """Yield each position, the side of it on which the process dies, and how that reads."""
    for position in WRITES:
        yield position, "before", f"{position.service} before: {position.step}"
        yield position, "after", f"{position.service} after: {position.step}"
    for position in PUBLISHED:
        yield position, "before", f"{position.service} about to publish: {position.step}"
        yield position, "after", f"{position.service} published, not marked: {position.step}"
    for position in HANDLED:
        yield position, "before", f"{position.service} handled, not committed: {position.step}"
    for position in READ:
        yield position, "after", f"{position.service} read, not counted: {position.step}"
