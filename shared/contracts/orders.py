"""What orders publishes: the life of an order as registry and back office need it, and how beneficiaries are named."""

from typing import Annotated, ClassVar, Literal

from pydantic import BaseModel, ConfigDict, Field

from shared.contracts.event import (
    ONE_LINE,
    BeneficiaryId,
    Currency,
    Event,
    Fen,
    FootprintId,
    Grams,
    GramsOrNone,
    Hash,
    Jurisdiction,
    Label,
    OrderId,
    PaymentId,
    ProjectId,
    SceneId,
    Version,
)

BeneficiaryKind = Literal["person", "company", "organiser"]
Board = Literal["alias", "named", "hidden"]
Name = Annotated[str, Field(min_length=1, max_length=200, pattern=ONE_LINE)]


class OrderPlaced(Event):
    """An order asks the registry to hold its grams at the price that the buyer saw."""

    publisher: ClassVar[str] = "orders"
    topic: ClassVar[str] = "order.placed"
    key: ClassVar[str] = "project_id"
    subject: ClassVar[str] = "order_id"

    order_id: OrderId
    project_id: ProjectId
    grams: Grams
    listing_version: Version


class OrderClosed(Event):
    """An order ended without a retirement; its hold, if any, goes back. Once per order."""

    publisher: ClassVar[str] = "orders"
    topic: ClassVar[str] = "order.closed"
    key: ClassVar[str] = "project_id"
    subject: ClassVar[str] = "order_id"

    order_id: OrderId
    project_id: ProjectId
    why: Literal["cancelled", "expired", "refunded"]


class ClaimedFootprint(BaseModel):
    """A footprint that a claim covers."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    footprint_id: Annotated[FootprintId, Field(description="its id")]
    root: Annotated[FootprintId, Field(description="the first footprint of its chain of replacements")]
    grams: Grams
    low_grams: GramsOrNone
    high_grams: GramsOrNone
    release: Annotated[Label, Field(description="the factor release and method that it was computed with")]


class Claim(BaseModel):
    """Who neutralises which footprints, where and under which rules."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    beneficiary_id: BeneficiaryId
    beneficiary_kind: BeneficiaryKind
    name_sequence: Annotated[Version, Field(description="the certificate shows at least this version of the name")]
    scene_id: SceneId | None
    footprints: Annotated[tuple[ClaimedFootprint, ...], Field(max_length=500)]
    jurisdiction: Jurisdiction
    mandate_version: Label


class OffsetPurchased(Event):
    """An order is paid: the registry posts its hold; its subtotal is due to the project owner once it is retired."""

    publisher: ClassVar[str] = "orders"
    topic: ClassVar[str] = "offset.purchased"
    key: ClassVar[str] = "project_id"
    subject: ClassVar[str] = "order_id"

    order_id: OrderId
    project_id: ProjectId
    owner_id: Label
    unit_price_fen: Fen
    listing_version: Version
    grams: Grams
    subtotal_fen: Fen
    fee_fen: Fen
    total_fen: Fen
    currency: Currency
    payment_id: PaymentId
    order_hash: Annotated[Hash, Field(description="hash of the order's capability")]
    claim: Claim


class BeneficiaryNamed(Event):
    """How a beneficiary is called and shown: the only event that carries personal data."""

    publisher: ClassVar[str] = "orders"
    topic: ClassVar[str] = "beneficiary.named"
    key: ClassVar[str] = "beneficiary_id"
    subject: ClassVar[str] = "beneficiary_id"
    kept: ClassVar[Literal["for ever", "compacted"]] = "compacted"

    beneficiary_id: BeneficiaryId
    name: Annotated[Name | None, Field(description="the name on certificates; none when erased")]
    alias: Label | None
    kind: BeneficiaryKind
    board: Board
    profile_hash: Annotated[Hash | None, Field(description="hash of the profile's capability")]
    corrects: Annotated[tuple[OrderId, ...], Field(max_length=500)] = ()
    erased: bool = False
