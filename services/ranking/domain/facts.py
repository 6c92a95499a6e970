"""What boards remember of each event. All that they show follows from these, in whatever order they come.

Facts are named tuples, not dataclasses: one is made for every event, at a third of the cost.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import NamedTuple

from services.ranking.domain.deeds import Deed
from services.ranking.domain.shares import Footprint
from shared.contracts.calculator import FootprintCalculated, ScenePublished
from shared.contracts.certificates import CertificateIssued, CertificateRevoked
from shared.contracts.event import Envelope, Event
from shared.contracts.orders import BeneficiaryNamed

# Moments beyond these have no day in China, or none that a calendar writes: pages of all boards would fail for one.
SINCE, UNTIL = datetime(2000, 1, 1, tzinfo=UTC), datetime(2200, 1, 1, tzinfo=UTC)
# A certificate is issued before its event is written, by the same clock.
ISSUED_AHEAD_MAX = timedelta(hours=1)
# The greatest whole number that JSON carries to everybody. A greater one would outlive every later version.
SEQUENCE_MAX = 2**53 - 1


class OutOfBounds(ValueError):
    """An event that no board can take; the message names the field, and not what it holds."""


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
    erased: bool = False

    @property
    def precedence(self) -> tuple[bool, int]:
        """Of two names the greater counts: the later one, but an erasure stays for ever."""
        return self.erased, self.sequence

    @classmethod
    def of(cls, event: BeneficiaryNamed, sequence: int) -> Named:
        """Return what boards remember of a name: nothing more than they may show."""
        by_name = event.board == "named"
        hidden = event.erased or event.board == "hidden"
        return cls(
            sequence=sequence,
            beneficiary_id=event.beneficiary_id,
            kind=event.kind,
            # Nobody stands on a board without a name.
            shown=None if hidden else (event.name if by_name else event.alias) or None,
            by_name=by_name,
            profile_hash=None if event.erased else event.profile_hash,
            erased=event.erased,
        )


class Revoked(NamedTuple):
    """A certificate that counts no more, whether or not it has come."""

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
    """Return what is remembered of an event: nothing of a footprint outside scenes. Raises OutOfBounds."""
    _check(envelope)
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


def _check(envelope: Envelope[Event]) -> None:
    if not SINCE <= envelope.time < UNTIL:
        raise OutOfBounds("the time of the event lies outside the years 2000 to 2199")
    if not 1 <= envelope.sequence <= SEQUENCE_MAX:
        raise OutOfBounds("the sequence is not between 1 and 2^53 - 1")
    if isinstance(envelope.data, CertificateIssued) and not (
        SINCE <= envelope.data.issued_at <= envelope.time + ISSUED_AHEAD_MAX
    ):
        raise OutOfBounds("issued_at lies before the year 2000, or after the time of its own event")
