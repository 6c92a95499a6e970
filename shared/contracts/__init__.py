"""Everything that one service tells another, and the table of topics that follows from it."""

from shared.contracts.calculator import FootprintCalculated, ScenePublished
from shared.contracts.certificates import CertificateIssued, CertificateRevoked
from shared.contracts.event import PARTITIONS, Cause, Envelope, Event, MalformedEvent, OtherMode, from_record, to_record
from shared.contracts.orders import BeneficiaryNamed, Claim, ClaimedFootprint, OffsetPurchased, OrderClosed, OrderPlaced
from shared.contracts.registry import (
    Allocation,
    CreditsHeld,
    CreditsRefused,
    CreditsRetired,
    LedgerPlace,
    ProjectListed,
)
from shared.contracts.topics import EVENTS, SERVICES, TOPICS, Topic

__all__ = [
    "EVENTS",
    "PARTITIONS",
    "SERVICES",
    "TOPICS",
    "Allocation",
    "BeneficiaryNamed",
    "Cause",
    "CertificateIssued",
    "CertificateRevoked",
    "Claim",
    "ClaimedFootprint",
    "CreditsHeld",
    "CreditsRefused",
    "CreditsRetired",
    "Envelope",
    "Event",
    "FootprintCalculated",
    "LedgerPlace",
    "MalformedEvent",
    "OffsetPurchased",
    "OrderClosed",
    "OrderPlaced",
    "OtherMode",
    "ProjectListed",
    "ScenePublished",
    "Topic",
    "from_record",
    "to_record",
]
