"""What boards remember of each event that was heard. All that they say follows from these, in whatever order."""

from __future__ import annotations

from dataclasses import dataclass

from services.ranking.domain.deeds import Deed
from services.ranking.domain.shares import Footprint
from shared.contracts import (
    BeneficiaryNamed,
    CertificateIssued,
    CertificateRevoked,
    Envelope,
    Event,
    FootprintCalculated,
    ScenePublished,
)


@dataclass(frozen=True, slots=True)
class Published:
    """A scene, and in which version."""

    sequence: int
    scene: ScenePublished


@dataclass(frozen=True, slots=True)
class Named:
    """What a beneficiary is called, and in which version."""

    sequence: int
    beneficiary: BeneficiaryNamed


@dataclass(frozen=True, slots=True)
class Revoked:
    """A certificate that counts no more, whether or not it was heard of."""

    certificate_id: str


Fact = Published | Named | Revoked | Deed | Footprint
# By kind, and under the id of what each is about. Who takes facts in this order never counts a deed only to drop it.
Facts = dict[str, dict[str, Fact]]
FACTS: dict[str, type[Fact]] = {
    "scenes": Published,
    "names": Named,
    "revocations": Revoked,
    "certificates": Deed,
    "footprints": Footprint,
}


def fact_of(envelope: Envelope[Event]) -> Fact | None:
    """Return what is remembered of an event: nothing of a footprint outside scenes."""
    match envelope.data:
        case ScenePublished() as scene:
            return Published(envelope.sequence, scene)
        case BeneficiaryNamed() as beneficiary:
            return Named(envelope.sequence, beneficiary)
        case CertificateRevoked() as revoked:
            return Revoked(revoked.certificate_id)
        case CertificateIssued() as certificate:
            return Deed.of(certificate)
        case FootprintCalculated(scene_id=str()) as footprint:
            return Footprint.of(footprint)
    return None
