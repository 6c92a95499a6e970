"""What a certificate is: what it waits for, the facts frozen when it was issued, its versions, and how it stands."""

from __future__ import annotations

from datetime import date, datetime
from typing import Annotated, Literal, NamedTuple
from zoneinfo import ZoneInfo

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field

from services.certificates.domain.claims import ClaimWords
from services.certificates.domain.numbers import certificate_id_of
from shared.contracts.certificates import CertificateIssued, CertificateRevoked
from shared.contracts.event import Event
from shared.contracts.orders import Claim
from shared.contracts.registry import Allocation, LedgerPlace

BUSINESS_ZONE = ZoneInfo("Asia/Shanghai")
RevocationReason = Literal["issued_in_error", "credits_reversed"]
Status = Literal["valid", "superseded", "revoked", "affected_by_reversal"]


def by_language(value: object) -> object:
    """Take a plain text, as earlier certificates and settings have it, as an English one."""
    return {"en": value} if isinstance(value, str) else value


Texts = Annotated[dict[str, str], BeforeValidator(by_language)]


class Frozen(BaseModel):
    """A value that never changes."""

    model_config = ConfigDict(frozen=True)


class Purchase(Frozen):
    """What was bought: how much of which project, for whom, and what opens the order."""

    project_id: str
    grams: int
    order_hash: str
    claim: Claim


class Retirement(Frozen):
    """What the registry retired: the serials that stand behind the claim, and where its ledger says so."""

    allocations: tuple[Allocation, ...]
    ledger: LedgerPlace

    @property
    def grams(self) -> int:
        """The mass of all ranges together."""
        return sum(part.to_gram - part.from_gram for part in self.allocations)


class Scene(Frozen):
    """What a certificate copies of a scene."""

    scene_id: Annotated[str, Field(description="its id")]
    names: Annotated[dict[str, str], Field(description="its name by language tag, as it was at issue")]


class Project(Frozen):
    """What a certificate copies of a project."""

    project_id: Annotated[str, Field(description="its id")]
    names: Annotated[dict[str, str], Field(description="its name by language tag, as it was at issue")]
    standard: Annotated[str, Field(description="the standard of its credits")]


class Facts(Frozen):
    """What every version of a certificate states, frozen at issue; the range is none without footprints."""

    number: str
    issued_at: datetime
    issuer: Texts
    words: ClaimWords
    jurisdiction: str
    grams: int
    low_grams: int | None
    high_grams: int | None
    releases: tuple[str, ...]
    scene: Scene | None
    project: Project
    allocations: tuple[Allocation, ...]
    ledger: LedgerPlace


class Version(Frozen):
    """One issue of the certificate under one name; `holder` is none once the beneficiary is erased."""

    version: int
    code: str
    holder: str | None
    name_sequence: int
    made_at: datetime


class Revocation(Frozen):
    """Why and when a certificate ceased to count."""

    reason: Annotated[RevocationReason, Field(description="why")]
    revoked_at: Annotated[datetime, Field(description="when")]


class Certificate(Frozen):
    """The certificate of one order; it awaits what it needs until it has facts and a first version."""

    order_id: str
    purchase: Purchase | None = None
    retirement: Retirement | None = None
    facts: Facts | None = None
    versions: tuple[Version, ...] = ()
    revocation: Revocation | None = None

    @property
    def certificate_id(self) -> str:
        """The id, which follows from the order's."""
        return certificate_id_of(self.order_id)


class Opened(NamedTuple):
    """What a code opens: one version of a certificate that is issued."""

    certificate: Certificate
    facts: Facts
    version: Version

    @property
    def status(self) -> Status:
        """How the version stands; a reversal has a status of its own, because its holder did nothing wrong."""
        if self.certificate.revocation is not None:
            return "affected_by_reversal" if self.certificate.revocation.reason == "credits_reversed" else "revoked"
        return "valid" if self.version == self.last else "superseded"

    @property
    def last(self) -> Version:
        """The newest version of the certificate."""
        return self.certificate.versions[-1]


def opened_version(certificate: Certificate | None, code: str | None = None) -> Opened | None:
    """Return the version that the code opens, the newest one without a code; none when there is none."""
    if certificate is None or certificate.facts is None:
        return None
    versions = [version for version in certificate.versions if code in (None, version.code)]
    return Opened(certificate, certificate.facts, versions[-1]) if versions else None


def events_of_change(before: Certificate | None, after: Certificate) -> list[Event]:
    """Return the events of a change: that the certificate exists, once, and that it no longer counts."""
    events: list[Event] = []
    if after.facts and after.purchase and not (before and before.facts):
        claim = after.purchase.claim
        events.append(
            CertificateIssued(
                certificate_id=after.certificate_id,
                number=after.facts.number,
                order_id=after.order_id,
                beneficiary_id=claim.beneficiary_id,
                beneficiary_kind=claim.beneficiary_kind,
                scene_id=claim.scene_id,
                project_id=after.purchase.project_id,
                footprint_ids=tuple(footprint.footprint_id for footprint in claim.footprints),
                grams=after.facts.grams,
                issued_at=after.facts.issued_at,
            )
        )
    if after.facts and after.purchase and after.revocation and not (before and before.revocation):
        events.append(
            CertificateRevoked(
                certificate_id=after.certificate_id,
                number=after.facts.number,
                order_id=after.order_id,
                beneficiary_id=after.purchase.claim.beneficiary_id,
                reason=after.revocation.reason,
                revoked_at=after.revocation.revoked_at,
            )
        )
    return events


def business_day(moment: datetime) -> date:
    """Return the day of a moment in China, by which certificates are dated."""
    return moment.astimezone(BUSINESS_ZONE).date()
