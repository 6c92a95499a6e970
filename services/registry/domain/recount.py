"""Counts a ledger again from its stored pages alone, by code that shares nothing with the code that wrote them.

A stranger can do the same: a page is plain JSON; its hash is SHA-256 of the RFC 8785 bytes of all members but `hash`.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol

from services.registry.domain.proof import BatchProof, Proof, WrongPage
from shared.sentence import Sentence

TONNE = 1_000_000
# By the kind of an order's entry the name of its key.
NAMES = {
    "hold": "hold",
    "hold_refused": "hold",
    "burn": "hold",
    "post": "end",
    "release": "end",
    "post_refused": "postrefused",
}
# Of whole numbers, texts and names of ASCII, which is all that a page may hold, this writes the RFC 8785 form.
CANONICAL = json.JSONEncoder(sort_keys=True, separators=(",", ":"), ensure_ascii=False)


@dataclass
class _Line:
    """One batch as it is counted again."""

    issued: int
    serial_start: int
    serial_end: int
    external: str | None
    available: int
    held: int = 0
    allocated: int = 0
    cancelled: int = 0


class Seen(Protocol):
    """The keys of all entries that were counted, of all projects: a set, or a filter that may take more for seen."""

    def add(self, key: str, /) -> None:
        """Remember a key."""

    def __contains__(self, key: str, /) -> bool: ...


@dataclass
class _Count:
    """The recount of one project while it runs: a line for each batch, and what each open hold has taken.

    `earlier` are the keys on this page that must not be there, since they were counted before.
    """

    lines: dict[str, _Line] = field(default_factory=dict)
    holds: dict[str, dict[str, int]] = field(default_factory=dict)
    earlier: set[str] = field(default_factory=set)


class _Mismatch(Exception):
    """A page does not hold; `reason` says why."""

    def __init__(self, reason: Sentence) -> None:
        super().__init__(reason)
        self.reason = reason


class Recount:
    """The recount of one project, page by page, in memory that grows with its batches and open holds.

    `seen` is shared by the recounts of all projects, since no key may be twice in the whole ledger.
    """

    def __init__(self, project_id: str, seen: Seen | None = None) -> None:
        self._project_id = project_id
        self._seen: Seen = set() if seen is None else seen
        self._count = _Count()
        self._head, self.sequence = "0" * 64, 0
        self._batches: list[Mapping[str, Any]] = []
        self.wrong: WrongPage | None = None

    def doubtful(self, page: Mapping[str, Any]) -> set[str]:
        """Return the keys that must be on no page before this one, and for all that `seen` says may be on one."""
        try:
            return {key for entry in page["entries"] for key in _new_keys(entry) if key in self._seen}
        except (KeyError, TypeError):
            # Counting it will say what is wrong with it.
            return set()

    def take(self, page: Mapping[str, Any], earlier: Collection[str] | None = None) -> bool:
        """Count the next page as it is stored; False from the first wrong page on.

        `earlier` are those of its doubtful keys that are indeed on a page before; all of them when it is not given,
        as is right where `seen` is a set.
        """
        if self.wrong:
            return False
        try:
            self._count.earlier = self.doubtful(page) if earlier is None else set(earlier)
            _check_chain(self._project_id, page, self.sequence + 1, self._head)
            for entry in page["entries"]:
                _apply(self._count, page, entry)
            _check_state(self._count, page)
        except (_Mismatch, KeyError, TypeError, ValueError, AttributeError, StopIteration) as wrong:
            unreadable = Sentence("it cannot be read: {failure}", failure=repr(wrong))
            reason = wrong.reason if isinstance(wrong, _Mismatch) else unreadable
            self.wrong = WrongPage(self._project_id, self.sequence + 1, reason)
            return False
        for entry in page["entries"]:
            self._seen.add(entry["key"])
        self._head, self.sequence, self._batches = page["hash"], self.sequence + 1, page["batches"]
        return True

    def proof(self) -> Proof:
        """Return what has been found so far."""
        lines = self._count.lines
        batches = tuple(_proof(batch, lines[batch["batch_id"]]) for batch in self._batches) if not self.wrong else ()
        return Proof(self._project_id, self.sequence, self._head, batches, self.wrong)


def _new_keys(entry: Mapping[str, Any]) -> tuple[str, ...]:
    """Return the keys that are on no page before the entry's: its own, and of a hold the end of its order."""
    if entry["kind"] != "hold":
        return (entry["key"],)
    return (entry["key"], *(f"{name}:{entry['order_id']}" for name in ("end", "postrefused")))


def _check_chain(project_id: str, page: Mapping[str, Any], sequence: int, head: str) -> None:
    if page["project_id"] != project_id or page["sequence"] != sequence:
        raise _Mismatch(Sentence("it stands where page {page} of {project} belongs", page=sequence, project=project_id))
    if page["previous"] != head:
        raise _Mismatch(Sentence("it does not carry the hash of the page before"))
    content = {name: value for name, value in page.items() if name != "hash"}
    if hashlib.sha256(CANONICAL.encode(content).encode()).hexdigest() != page["hash"]:
        raise _Mismatch(Sentence("its content does not give its hash"))


def _apply(count: _Count, page: Mapping[str, Any], entry: Mapping[str, Any]) -> None:
    kind, order, key = entry["kind"], entry["order_id"], entry["key"]
    name = NAMES.get(kind)
    if name is not None and key != f"{name}:{order}":
        raise _Mismatch(Sentence("the {kind} of {order} has the key {key}", kind=kind, order=order, key=key))
    if key in count.earlier:
        raise _Mismatch(Sentence("the key {key} is there twice", key=key))
    if any(key in count.earlier for key in _new_keys(entry)):
        raise _Mismatch(Sentence("{order} is held after its end", order=order))
    count.earlier.add(key)
    match kind:
        case "batch":
            _issue(count, page, entry)
        case "cancel":
            _cancel(count, entry)
        case "hold":
            _hold(count, order, entry)
        case "post":
            _post(count, order, entry)
        case "release":
            _release(count, order)


def _hold(count: _Count, order: str, entry: Mapping[str, Any]) -> None:
    parts = {part["batch_id"]: part["grams"] for part in entry["parts"]}
    if sum(parts.values()) != entry["grams"] or min(parts.values()) <= 0 or len(parts) != len(entry["parts"]):
        raise _Mismatch(Sentence("the hold of {order} does not add up", order=order))
    count.holds[order] = parts
    for batch_id, grams in parts.items():
        count.lines[batch_id].available -= grams
        count.lines[batch_id].held += grams


def _release(count: _Count, order: str) -> None:
    for batch_id, grams in count.holds.pop(order, {}).items():
        count.lines[batch_id].available += grams
        count.lines[batch_id].held -= grams


def _cancel(count: _Count, entry: Mapping[str, Any]) -> None:
    line = count.lines[entry["batch_id"]]
    line.available -= entry["grams"]
    line.cancelled += entry["grams"]
    if entry["grams"] <= 0 or entry["grams"] % TONNE:
        raise _Mismatch(Sentence("a cancellation takes no whole tonnes"))


def _issue(count: _Count, page: Mapping[str, Any], entry: Mapping[str, Any]) -> None:
    batch = next(batch for batch in page["batches"] if batch["batch_id"] == entry["batch_id"])
    tonnes = batch["serial_end"] - batch["serial_start"] + 1
    if entry["grams"] != tonnes * TONNE:
        raise _Mismatch(Sentence("batch {batch} has other serials than grams", batch=batch["batch_id"]))
    for other in count.lines.values():
        if batch["serial_start"] <= other.serial_end and other.serial_start <= batch["serial_end"]:
            raise _Mismatch(Sentence("the serials of batch {batch} overlap others", batch=batch["batch_id"]))
        if batch["external_serial"] is not None and batch["external_serial"] == other.external:
            raise _Mismatch(Sentence("the external serial of batch {batch} is there twice", batch=batch["batch_id"]))
    count.lines[batch["batch_id"]] = _Line(
        issued=entry["grams"],
        serial_start=batch["serial_start"],
        serial_end=batch["serial_end"],
        external=batch["external_serial"],
        available=entry["grams"],
    )


def _post(count: _Count, order: str, entry: Mapping[str, Any]) -> None:
    held = count.holds.pop(order, None)
    if held is None:
        raise _Mismatch(Sentence("{order} is posted without a hold", order=order))
    if sum(held.values()) != entry["grams"]:
        raise _Mismatch(
            Sentence(
                "{order} is posted with {grams} g, it held {held}",
                order=order,
                grams=entry["grams"],
                held=sum(held.values()),
            )
        )
    for allocation in entry["allocations"]:
        line = count.lines[allocation["batch_id"]]
        start, end = allocation["from_gram"], allocation["to_gram"]
        if start != line.allocated or held.pop(allocation["batch_id"], None) != end - start:
            raise _Mismatch(
                Sentence("the allocation of {order} leaves a gap, overlaps, or is not what was held", order=order)
            )
        line.held -= end - start
        line.allocated = end
        serials = [line.serial_start + start // TONNE, line.serial_start + (end - 1) // TONNE]
        shown = [int(allocation[name].rsplit("-", 1)[1]) for name in ("first_serial", "last_serial")]
        if serials != shown:
            raise _Mismatch(
                Sentence(
                    "the allocation of {order} names serials {shown}, its grams lie in {serials}",
                    order=order,
                    shown=shown,
                    serials=serials,
                )
            )
    if held:
        raise _Mismatch(Sentence("{order} is posted without all that it held", order=order))


def _check_state(count: _Count, page: Mapping[str, Any]) -> None:
    if [batch["batch_id"] for batch in page["batches"]] != list(count.lines):
        raise _Mismatch(Sentence("its batches are not those that were issued"))
    for batch in page["batches"]:
        line = count.lines[batch["batch_id"]]
        figures = {name: getattr(line, name) for name in ("available", "held", "allocated", "cancelled")}
        shown = {name: batch[name] for name in figures}
        if shown != figures:
            raise _Mismatch(
                Sentence(
                    "batch {batch} shows {shown}, its entries give {figures}",
                    batch=batch["batch_id"],
                    shown=shown,
                    figures=figures,
                )
            )
        if min(figures.values()) < 0 or sum(figures.values()) != line.issued:
            raise _Mismatch(
                Sentence("the figures of batch {batch} do not add up to what was issued", batch=batch["batch_id"])
            )
        if (batch["serial_start"], batch["serial_end"]) != (line.serial_start, line.serial_end):
            raise _Mismatch(Sentence("the serials of batch {batch} have changed", batch=batch["batch_id"]))


def _proof(batch: Mapping[str, Any], line: _Line) -> BatchProof:
    retired = -(-line.allocated // TONNE)
    return BatchProof(
        batch_id=batch["batch_id"],
        prefix=batch["prefix"],
        serial_start=line.serial_start,
        serial_end=line.serial_end,
        issued=line.issued,
        available=line.available,
        held=line.held,
        allocated=line.allocated,
        cancelled=line.cancelled,
        retired_tonnes=retired,
        unclaimed_grams=retired * TONNE - line.allocated,
    )
