"""What certificates publishes: a certificate came into being, or was withdrawn."""

from typing import Annotated, ClassVar, Literal

from pydantic import Field

from shared.contracts.event import (
    BeneficiaryId,
    CertificateId,
    Event,
    FootprintId,
    Grams,
    Label,
    Moment,
    OrderId,
    ProjectId,
    SceneId,
)
from shared.contracts.orders import BeneficiaryKind


class CertificateIssued(Event):
    """A certificate exists; published once, later versions of its name publish nothing."""

    publisher: ClassVar[str] = "certificates"
    topic: ClassVar[str] = "certificate.issued"
    key: ClassVar[str] = "beneficiary_id"
    subject: ClassVar[str] = "certificate_id"

    certificate_id: CertificateId
    number: Label
    order_id: OrderId
    beneficiary_id: BeneficiaryId
    beneficiary_kind: BeneficiaryKind
    scene_id: SceneId | None
    project_id: ProjectId
    footprint_ids: Annotated[tuple[FootprintId, ...], Field(max_length=500)]
    grams: Grams
    issued_at: Moment


class CertificateRevoked(Event):
    """A certificate no longer counts."""

    publisher: ClassVar[str] = "certificates"
    topic: ClassVar[str] = "certificate.revoked"
    key: ClassVar[str] = "beneficiary_id"
    subject: ClassVar[str] = "certificate_id"

    certificate_id: CertificateId
    number: Label
    order_id: OrderId
    beneficiary_id: BeneficiaryId
    reason: Literal["issued_in_error", "credits_reversed"]
    revoked_at: Moment
