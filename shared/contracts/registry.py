"""What registry publishes: the listing of a project, and what became of an order's credits."""

from typing import Annotated, ClassVar, Literal

from pydantic import BaseModel, ConfigDict, Field

from shared.contracts.event import (
    ONE_LINE,
    WHOLE_MAX,
    BatchId,
    Currency,
    Event,
    Fen,
    Grams,
    GramsOrNone,
    Hash,
    Label,
    Names,
    OrderId,
    ProjectId,
    Version,
)

Serial = Annotated[str, Field(min_length=1, max_length=120, pattern=ONE_LINE)]
ProjectStatus = Literal["listed", "suspended", "delisted"]


class ProjectListed(Event):
    """What a project shows and asks, in numbered versions."""

    publisher: ClassVar[str] = "registry"
    topic: ClassVar[str] = "project.listed"
    key: ClassVar[str] = "project_id"
    subject: ClassVar[str] = "project_id"
    kept: ClassVar[Literal["for ever", "compacted"]] = "compacted"

    project_id: ProjectId
    names: Names
    standard: Annotated[Label, Field(description="credit standard: CDCER, CCER, VCS, GS")]
    type: Annotated[Label, Field(description="kind of activity that reduces")]
    owner_id: Annotated[Label, Field(description="the enterprise that gets the money")]
    unit_price_fen: Annotated[Fen, Field(description="price of a tonne in minor units")]
    currency: Currency
    listing_version: Version
    status: ProjectStatus


class CreditsHeld(Event):
    """The grams of an order are set aside."""

    publisher: ClassVar[str] = "registry"
    topic: ClassVar[str] = "credits.held"
    key: ClassVar[str] = "order_id"
    subject: ClassVar[str] = "order_id"

    order_id: OrderId
    project_id: ProjectId
    grams: Grams


class CreditsRefused(Event):
    """The registry's no, to a hold or to a post, with a stable reason code."""

    publisher: ClassVar[str] = "registry"
    topic: ClassVar[str] = "credits.refused"
    key: ClassVar[str] = "order_id"
    subject: ClassVar[str] = "order_id"

    order_id: OrderId
    project_id: ProjectId
    phase: Literal["hold", "post"]
    reason: Literal[
        "insufficient_stock",
        "price_changed",
        "project_suspended",
        "project_delisted",
        "project_unknown",
        "too_many_batches",
        "closed",
        "hold_not_found",
        "hold_released",
    ]
    available_grams: GramsOrNone | None = None
    unit_price_fen: Fen | None = None
    listing_version: Annotated[int, Field(ge=0, le=WHOLE_MAX)] | None = None


class Allocation(BaseModel):
    """One half-open gram range of one batch, and the serials that it touches."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    batch_id: Annotated[BatchId, Field(description="the batch whose grams these are")]
    from_gram: GramsOrNone
    to_gram: Grams
    first_serial: Annotated[Serial, Field(description="full text of the single serial that holds the first gram")]
    last_serial: Annotated[Serial, Field(description="full text of the single serial that holds the last gram")]


class LedgerPlace(BaseModel):
    """Where in the project's chain of pages a decision stands."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    sequence: Annotated[Version, Field(description="the number of the page in the project's chain")]
    page_hash: Hash


class CreditsRetired(Event):
    """The order's grams are cancelled for good and allocated to serials."""

    publisher: ClassVar[str] = "registry"
    topic: ClassVar[str] = "credits.retired"
    key: ClassVar[str] = "order_id"
    subject: ClassVar[str] = "order_id"

    order_id: OrderId
    project_id: ProjectId
    allocations: Annotated[tuple[Allocation, ...], Field(min_length=1, max_length=20)]
    ledger: LedgerPlace
