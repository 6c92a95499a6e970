"""A plain model of a ledger: what it answers, said without pages and hashes."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, cast

from services.registry.domain.events import events_of
from services.registry.domain.ledger import Page
from shared.contracts.registry import CreditsHeld, CreditsRefused, CreditsRetired, ProjectListed
from shared.web.idempotency import id_of

NOW = datetime(2026, 9, 7, 4, tzinfo=UTC)
GROVES, STOVES = id_of("prj", "groves"), id_of("prj", "stoves")
TONNE = 1_000_000


@dataclass
class PlainProject:
    """One project as domain.md has it: a listing, batches of four figures, and for each order what was answered."""

    versions: list[dict[str, Any]] = field(default_factory=list)
    batches: dict[str, dict[str, Any]] = field(default_factory=dict)
    orders: dict[str, dict[str, Any]] = field(default_factory=dict)

    @property
    def available(self) -> int:
        return sum(batch["available"] for batch in self.batches.values())

    def order(self, order_id: str) -> dict[str, Any]:
        return self.orders.setdefault(order_id, {"state": "nothing", "answered": set(), "parts": {}})

    # What the registry answers to messages: the table of domain.md, a cell a branch. Each returns an event, or none.

    def hold(self, order_id: str, grams: int, version: int) -> tuple[Any, ...] | None:
        order = self.order(order_id)
        if "placed" in order["answered"] or order["state"] in {"burned", "posted"}:
            return None
        order["answered"].add("placed")
        if order["state"] == "released":
            return self._refused("hold", order_id, "closed")
        if reason := self._why_not(grams, version):
            order["state"] = "refused"
            return self._refused("hold", order_id, reason)
        for batch_id, part in self._front(grams):
            self.batches[batch_id]["available"] -= part
            self.batches[batch_id]["held"] += part
            order["parts"][batch_id] = part
        order["state"] = "held"
        return ("held", order_id, grams)

    def post(self, order_id: str) -> tuple[Any, ...] | None:
        order = self.order(order_id)
        if "purchased" in order["answered"]:
            return None
        order["answered"].add("purchased")
        if order["state"] == "released":
            return self._refused("post", order_id, "hold_released")
        if order["state"] in {"nothing", "refused"}:
            order["state"] = "burned" if order["state"] == "nothing" else "refused"
            return self._refused("post", order_id, "hold_not_found")
        allocations = []
        for batch_id, grams in order["parts"].items():
            batch = self.batches[batch_id]
            start, end = batch["allocated"], batch["allocated"] + grams
            batch["held"] -= grams
            batch["allocated"] = end
            first, last = batch["first"] + start // TONNE, batch["first"] + (end - 1) // TONNE
            allocations.append((batch_id, start, end, f"{batch['prefix']}-{first}", f"{batch['prefix']}-{last}"))
        order["state"] = "posted"
        return ("retired", order_id, tuple(allocations))

    def release(self, order_id: str) -> None:
        order = self.order(order_id)
        if order["state"] not in {"nothing", "held"}:
            return
        for batch_id, grams in order["parts"].items():
            self.batches[batch_id]["held"] -= grams
            self.batches[batch_id]["available"] += grams
        order["state"] = "released"

    def _refused(self, phase: str, order_id: str, reason: str) -> tuple[Any, ...]:
        if phase == "post":
            return ("refused", order_id, phase, reason, None, None, None)
        newest = self.versions[-1] if self.versions else {}
        return ("refused", order_id, phase, reason, self.available, newest.get("price"), len(self.versions) or None)

    def _why_not(self, grams: int, version: int) -> str | None:
        if not self.versions:
            return "project_unknown"
        if (status := self.versions[-1]["status"]) != "listed":
            return f"project_{status}"
        if version != len(self.versions):
            return "price_changed"
        if grams > self.available:
            return "insufficient_stock"
        return "too_many_batches" if len(self._front(grams)) > 20 else None

    def _front(self, grams: int) -> list[tuple[str, int]]:
        """The oldest vintage first, then by number."""
        taken = []
        for batch_id, batch in sorted(self.batches.items(), key=lambda one: (one[1]["vintage"], one[1]["number"])):
            if part := min(grams, batch["available"]):
                taken.append((batch_id, part))
                grams -= part
        return taken


class Plain:
    """What the registrar may do, by the rules of domain.md; keys are remembered over all projects."""

    def __init__(self) -> None:
        self.projects = {GROVES: PlainProject(), STOVES: PlainProject()}
        self.identities: dict[str, str] = {}
        self.reports: dict[str, tuple[str, str]] = {}
        self.requests: dict[str, tuple[str, str]] = {}

    def change_listing(self, project_id: str, seen: int, content: dict[str, Any]) -> str | None:
        """Make the next version; a text is why not, "repeat" when it was made before."""
        project = self.projects[project_id]
        if seen < len(project.versions) and project.versions[seen] == content:
            return "repeat"
        if seen != len(project.versions):
            return "listing_changed"
        if project.batches and project.versions[-1]["code"] != content["code"]:
            return "identity_fixed"
        if self.identities.setdefault(content["code"], project_id) != project_id:
            return "identity_taken"
        project.versions.append(content)
        return None

    def issue(self, project_id: str, batch_id: str, report: dict[str, Any]) -> str | None:
        """Make a batch; a text is why not, "repeat" when this very report made it before."""
        project, content = self.projects[project_id], (project_id, json.dumps(report))
        if self.requests.get(batch_id, content) != content:
            return "idempotency_key_reused"
        if report["report"] in self.reports:
            return "repeat" if self.reports[report["report"]] == content else "report_issued_otherwise"
        if not project.versions or report["tonnes"] > report["verified_tonnes"]:
            return "exceeds_verified_amount" if project.versions else "listing_missing"
        others = project.batches.values()
        first = report["serial_start"] or 1 + max((other["last"] for other in others), default=0)
        last = first + report["tonnes"] - 1
        taken = {serial for other in others for serial in range(other["first"], other["last"] + 1)}
        external = report["external_serial"]
        if taken & set(range(first, last + 1)) or (external and external in {other["external"] for other in others}):
            return "serials_overlap"
        number = len(project.batches) + 1
        project.batches[batch_id] = {
            "available": report["tonnes"] * TONNE,
            "held": 0,
            "allocated": 0,
            "cancelled": 0,
            "issued": report["tonnes"] * TONNE,
            "first": first,
            "last": last,
            "external": external,
            "vintage": report["vintage"],
            "number": number,
            "prefix": f"CDCER-CN510100-{project.versions[-1]['code']}-{report['vintage']}-{number:02d}",
        }
        self.reports[report["report"]] = self.requests[batch_id] = content
        return None

    def cancel(self, project_id: str, key: str, batch_id: str, tonnes: int) -> str | None:
        """Take whole tonnes from the end of the line; a text is why not, "repeat" when it was done before."""
        content = (project_id, json.dumps([batch_id, tonnes]))
        if key in self.requests:
            return "repeat" if self.requests[key] == content else "idempotency_key_reused"
        batch = self.projects[project_id].batches.get(batch_id)
        if batch is None:
            return "batch_unknown"
        if tonnes * TONNE > batch["available"]:
            return "not_enough_to_cancel"
        batch["available"] -= tonnes * TONNE
        batch["cancelled"] += tonnes * TONNE
        self.requests[key] = content
        return None


def published_by(page: Page | None) -> list[Any]:
    """Return the envelopes that a page publishes."""
    return events_of(page, livemode=False, now=NOW) if page else []


def plain_of(event: object) -> tuple[Any, ...]:
    """Return an event as the model answers it."""
    match event:
        case CreditsHeld():
            return ("held", event.order_id, event.grams)
        case CreditsRefused():
            facts = (event.available_grams, event.unit_price_fen, event.listing_version)
            return ("refused", event.order_id, event.phase, event.reason, *facts)
        case CreditsRetired():
            parts = event.allocations
            return (
                "retired",
                event.order_id,
                tuple((one.batch_id, one.from_gram, one.to_gram, one.first_serial, one.last_serial) for one in parts),
            )
    listed = cast("ProjectListed", event)
    return ("listed", listed.listing_version, listed.unit_price_fen, listed.status)
