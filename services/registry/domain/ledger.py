"""What the ledger is made of: pages in one chain per project, entries with unique keys, and the state after them."""

from __future__ import annotations

import functools
import hashlib
import json
import operator
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from shared.contracts.event import Currency, Fen, Grams, GramsOrNone, Names
from shared.contracts.registry import Allocation, ProjectStatus

NO_PAGE = "0" * 64
# Greater ones have no exact form in RFC 8785, so no page may hold them.
Whole = Annotated[int, Field(ge=0, lt=2**53)]


class Value(BaseModel):
    """A value of the ledger: frozen, and refusing what it does not know."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class Listing(Value):
    """What a project shows and asks; every change is a new version."""

    version: Annotated[int, Field(ge=1, description="counts the changes; orders name the one that the buyer saw")]
    names: Names
    summary: Annotated[dict[str, str], Field(description="what the money does, by language")]
    standard: Annotated[str, Field(pattern=r"^[A-Z][A-Z0-9]{1,11}$", description="the standard of its credits")]
    type: Annotated[str, Field(description="the kind of activity that reduces emissions")]
    owner_id: Annotated[str, Field(description="the enterprise that gets the money")]
    place: Annotated[str, Field(pattern=r"^[A-Z]{2}[0-9]{0,6}$", description="administrative code in serial numbers")]
    code: Annotated[str, Field(pattern=r"^[A-Z0-9]{1,12}$", description="the project in serial numbers")]
    unit_price_fen: Annotated[Fen, Field(description="per tonne")]
    currency: Currency
    status: Annotated[ProjectStatus, Field(description="only of a `listed` project may be ordered")]


class Batch(Value):
    """Units of one issuance: a line of grams that claims take from the front and cancellations from the end."""

    batch_id: Annotated[str, Field(description="its id")]
    report_hash: Annotated[str, Field(description="SHA-256 of the report and the verifier that it was issued for")]
    prefix: Annotated[str, Field(description="the text that its serials share")]
    vintage: Annotated[Whole, Field(description="the year in which the emissions were reduced")]
    number: Annotated[Whole, Field(description="its place among the batches of its vintage")]
    serial_start: Annotated[Whole, Field(description="the number of its first serial")]
    serial_end: Annotated[Whole, Field(description="the number of its last serial; each stands for a tonne")]
    external_serial: Annotated[str | None, Field(description="the serial of the same credits in another registry")]
    available: GramsOrNone
    held: GramsOrNone
    allocated: Annotated[GramsOrNone, Field(description="also the cursor: allocations tile [0, allocated)")]
    cancelled: GramsOrNone


class Part(Value):
    """What a hold takes of one batch."""

    batch_id: str
    grams: Grams


# A member that the kind of an entry does not use is not written.
_unused: Any = Field(default=None, exclude_if=functools.partial(operator.is_, None))


class Entry(Value):
    """One decision, by a key that no other entry has; `order_id` is none when it is about no order."""

    key: str
    kind: Literal[
        "listing", "identity", "batch", "request", "cancel",
        "hold", "hold_refused", "burn", "post", "release", "post_refused",
    ]  # fmt: skip
    order_id: str | None = None
    grams: Whole | None = _unused
    parts: tuple[Part, ...] | None = _unused
    allocations: tuple[Allocation, ...] | None = _unused
    reason: str | None = _unused
    available_grams: Whole | None = _unused
    unit_price_fen: Whole | None = _unused
    listing_version: Whole | None = _unused
    batch_id: str | None = _unused
    # Of a command by HTTP, to recognise a repeat.
    content_hash: str | None = _unused
    # Of the entry's event; none when it has none.
    sequence: Whole | None = _unused
    cause: str | None = _unused
    traceparent: str | None = _unused


class Page(Value):
    """One atomic write: entries, the state after them, and the hash that ties it to the page before."""

    project_id: str
    sequence: Annotated[int, Field(ge=1)]
    day: Annotated[str, Field(pattern=r"^\d{4}-\d{2}-\d{2}$", description="in Asia/Shanghai")]
    previous: str
    entries: tuple[Entry, ...]
    listing: Listing | None
    batches: tuple[Batch, ...]
    hash: str

    @property
    def available(self) -> int:
        """Grams of all batches that nobody holds."""
        return sum(batch.available for batch in self.batches)


def page_hash(content: dict[str, Any]) -> str:
    """Return SHA-256 of the RFC 8785 bytes of a page without its own hash."""
    return hashlib.sha256(canonical({name: value for name, value in content.items() if name != "hash"})).hexdigest()


def canonical(content: dict[str, Any]) -> bytes:
    """Return the RFC 8785 bytes of a page's content.

    A page has names of ASCII, texts, whole numbers below 2**53 and no fractions; of these the standard library's
    encoder, which is in C, writes the same.
    """
    return json.dumps(content, sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode()


def sealed(**content: Any) -> Page:
    """Return the page with its hash."""
    page = Page(**content, hash=NO_PAGE)
    return page.model_copy(update={"hash": page_hash(page.model_dump(mode="json"))})
