"""What boards remember of each event that was heard. All that they say follows from these, in whatever order.

Facts are named tuples, not dataclasses: one is made for every event, at a third of the cost.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

from services.ranking.domain.deeds import Deed
from services.ranking.domain.shares import Footprint
from shared.contracts.calculator import FootprintCalculated, ScenePublished
from shared.contracts.certificates import CertificateIssued, CertificateRevoked
from shared.contracts.event import Envelope, Event
from shared.contracts.orders import BeneficiaryNamed


class Published(NamedTuple):
    """A scene, and in which version."""

    sequence: int
    scene: ScenePublished


class Named(NamedTuple):
    """What boards may call a beneficiary, and in which version; `shown` is none of one who is hidden or erased."""

    sequence: int
    beneficiary_id: str
    kind: str
    shown: str | None
    # Whether that is the own name, by choice, and no alias.
    by_name: bool
    profile_hash: str | None

    @classmethod
    def of(cls, event: BeneficiaryNamed, sequence: int) -> Named:
        """Return what boards remember of a name: nothing more than they may show."""
        by_name = event.board == "named"
        hidden = event.erased or event.board == "hidden"
        return cls(
            sequence=sequence,
            beneficiary_id=event.beneficiary_id,
            kind=event.kind,
            shown=None if hidden else event.name if by_name else event.alias,
            by_name=by_name,
            profile_hash=None if event.erased else event.profile_hash,
        )


class Revoked(NamedTuple):
    """A certificate that counts no more, whether or not it was heard of."""

    certificate_id: str


Fact = Published | Named | Revoked | Deed | Footprint
# By kind, and under the id of what each is about. Who takes facts in this order never counts a deed only to drop it.
Facts = Mapping[str, Mapping[str, Fact]]
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
        case FootprintCalculated() as footprint:
            return Footprint.of(footprint) if footprint.scene_id else None
        case CertificateIssued() as certificate:
            return Deed.of(certificate)
        case BeneficiaryNamed() as beneficiary:
            return Named.of(beneficiary, envelope.sequence)
        case ScenePublished() as scene:
            return Published(envelope.sequence, scene)
        case CertificateRevoked() as revoked:
            return Revoked(revoked.certificate_id)
    return None
