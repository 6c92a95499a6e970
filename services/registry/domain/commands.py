"""What the ledger can be commanded: by messages about orders, and by the registrar about projects and batches."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import Annotated, Literal

import rfc8785
from pydantic import BaseModel, ConfigDict, Field

from shared.contracts.event import ONE_LINE, Cause, Currency, Fen, LanguageTag
from shared.contracts.printable import Printable
from shared.contracts.registry import ProjectStatus
from shared.refusal import Refusal

# As BCP 47 has it, of ASCII: of such names all encoders agree on the order.
Tonnes = Annotated[int, Field(ge=1, le=1_000_000_000, description="whole tonnes")]


class ListingChanged(Refusal):
    """The listing is not at the version that the command names (412)."""

    code = "listing_changed"


class ListingMissing(Refusal):
    """The project has no listing yet, so nothing can be issued for it (409)."""

    code = "listing_missing"


class IdentityFixed(Refusal):
    """Standard, place and code stand in serial numbers and cannot change once a batch carries them (409)."""

    code = "identity_fixed"


class IdentityTaken(Refusal):
    """Standard, place and code are those of another project, whose serial numbers begin with them (409)."""

    code = "identity_taken"


class KeyReused(Refusal):
    """The Idempotency-Key made something else (422)."""

    code = "idempotency_key_reused"


class ExceedsVerifiedAmount(Refusal):
    """More is to be issued than the report verifies (422)."""

    code = "exceeds_verified_amount"


class ReportIssuedOtherwise(Refusal):
    """The report was issued already: with another amount or other serials, or for another project (409)."""

    code = "report_issued_otherwise"


class SerialsOverlap(Refusal):
    """The serials, or the external serial, are those of another batch of the project (409)."""

    code = "serials_overlap"


class NotEnoughToCancel(Refusal):
    """The end of the batch's line has fewer free whole tonnes than are to be cancelled (409)."""

    code = "not_enough_to_cancel"


class UnknownBatch(Refusal):
    """The project has no such batch (404)."""

    code = "batch_unknown"


class Content(BaseModel):
    """A command's content as it comes from outside: frozen, unknown fields refused."""

    model_config = ConfigDict(frozen=True, extra="forbid", str_strip_whitespace=True)

    @property
    def content_hash(self) -> str:
        """SHA-256 of the RFC 8785 bytes of the content: by it a repeat is recognised."""
        return hashlib.sha256(rfc8785.dumps(self.model_dump(mode="json"))).hexdigest()


class ListingContent(Content):
    """What a project is to show and ask from now on."""

    names: Annotated[
        dict[LanguageTag, Annotated[str, Field(min_length=1, max_length=200), Printable]],
        Field(min_length=1, max_length=10, description="by language tag, in characters that a certificate can print"),
    ]
    summary: Annotated[
        dict[LanguageTag, Annotated[str, Field(max_length=500)]],
        Field(max_length=10, description="what the money does, by language tag"),
    ] = {}
    standard: Annotated[
        str,
        Field(
            pattern=r"^[A-Z][A-Z0-9]{1,11}$",
            examples=["CDCER"],
            description="the standard of its credits; begins its serials",
        ),
    ]
    type: Annotated[
        str,
        Field(
            min_length=1,
            max_length=60,
            pattern=ONE_LINE,
            examples=["forest_management"],
            description="the kind of activity that reduces emissions",
        ),
    ]
    owner_id: Annotated[
        str, Field(min_length=1, max_length=60, pattern=ONE_LINE, description="the enterprise that gets the money")
    ]
    place: Annotated[
        str,
        Field(
            pattern=r"^[A-Z]{2}[0-9]{0,6}$",
            examples=["CN510100"],
            description="administrative code of the place; stands in its serials",
        ),
    ]
    code: Annotated[
        str,
        Field(
            pattern=r"^[A-Z0-9]{1,12}$", examples=["0042"], description="the project's own code; stands in its serials"
        ),
    ]
    unit_price_fen: Annotated[Fen, Field(gt=0, le=10**9, description="per tonne", examples=[4800])]
    currency: Currency = "CNY"
    status: Annotated[ProjectStatus, Field(description="only of a `listed` project may be ordered")] = "listed"


class Report(Content):
    """A verified monitoring report: it backs one batch, at most its verified amount."""

    report: Annotated[
        str, Field(min_length=1, max_length=120, description="the verifier's reference", examples=["MR-2021-1"])
    ]
    verifier: Annotated[str, Field(min_length=1, max_length=120, description="who verified the report")]
    verified_tonnes: Tonnes
    tonnes: Tonnes
    vintage: Annotated[int, Field(ge=2000, le=2100, description="the year in which the emissions were reduced")]
    serial_start: Annotated[
        int | None, Field(ge=1, le=10**11, description="the number of the first serial; null: the next free one")
    ] = None
    external_serial: Annotated[
        str | None,
        Field(min_length=1, max_length=200, description="the serial of the same credits in another registry"),
    ] = None

    @property
    def report_hash(self) -> str:
        """The report itself, whatever is issued for it."""
        return hashlib.sha256(rfc8785.dumps({"report": self.report, "verifier": self.verifier})).hexdigest()


class Cancellation(Content):
    """Whole tonnes to be cancelled without a claim, from the end of a batch's line."""

    batch_id: Annotated[str, Field(min_length=1, max_length=40, description="the batch from whose end they are taken")]
    tonnes: Tonnes
    reason: Annotated[
        Literal["reversal", "compliance", "buffer", "registry_correction"], Field(description="why they are cancelled")
    ]


@dataclass(frozen=True)
class Hold:
    """Hold the grams of an order, at the listing that the buyer saw."""

    order_id: str
    grams: int
    listing_version: int
    cause: Cause


@dataclass(frozen=True)
class Post:
    """The order is paid: retire and allocate what it holds."""

    order_id: str
    cause: Cause


@dataclass(frozen=True)
class Release:
    """The order ended: what it holds goes back."""

    order_id: str
    cause: Cause


@dataclass(frozen=True)
class ChangeListing:
    """Make the next version of the listing; `seen` is the version that the registrar looked at, 0 before the first."""

    content: ListingContent
    seen: int
    cause: Cause


@dataclass(frozen=True)
class Issue:
    """Make a batch from a report."""

    report: Report
    batch_id: str
    cause: Cause


@dataclass(frozen=True)
class Cancel:
    """Cancel without a claim; `cancellation_id` makes a repeat recognised."""

    cancellation: Cancellation
    cancellation_id: str
    cause: Cause


OrderCommand = Hold | Post | Release
Command = OrderCommand | ChangeListing | Issue | Cancel
