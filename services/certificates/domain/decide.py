"""When a certificate is issued, gets another version, loses its name, or is revoked."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime

from services.certificates.domain.certificate import (
    Certificate,
    Facts,
    Frozen,
    Project,
    Purchase,
    Retirement,
    Revocation,
    RevocationReason,
    Scene,
    Version,
    business_day,
)
from services.certificates.domain.claims import claim_words
from services.certificates.domain.names import Holder
from services.certificates.domain.numbers import code_of, number_of
from services.certificates.domain.serials import check_allocations
from shared.contracts.event import Event
from shared.contracts.orders import OffsetPurchased
from shared.contracts.registry import CreditsRetired
from shared.refusal import Refusal


class UnknownCertificate(Refusal):
    """There is no certificate under this id or code (404)."""

    code = "certificate_unknown"


class PurchaseUnknown(Refusal):
    """The purchase of the order has not come here, so nobody can prove to own it (404)."""

    code = "purchase_unknown"


class NotIssuedYet(Refusal):
    """What is not issued cannot be revoked (409)."""

    code = "certificate_awaiting"


class RevokedOtherwise(Refusal):
    """The certificate is revoked already, for another reason (409)."""

    code = "revoked_otherwise"


class AllocationsDiffer(ValueError):
    """The registry allocated another mass than was bought; a certificate of it would not be true."""


class Copies(Frozen):
    """What has come so far of the scene, the project and the beneficiary that one certificate names."""

    scene: Scene | None = None
    project: Project | None = None
    holder: Holder = Holder()


@dataclass(frozen=True)
class Issuer:
    """Who issues: the name on the sheet by language, and the secret that numbers and codes follow from."""

    names: dict[str, str]
    secret: str = field(repr=False)


def with_event(certificate: Certificate | None, event: Event) -> Certificate | None:
    """Return the certificate with the purchase or the retirement of the event; the first of each stands.

    Raises AllocationsDiffer when what was bought and what was retired do not fit, AllocationUnreadable when the serials
    behind a retirement cannot be counted.
    """
    match event:
        case OffsetPurchased():
            certificate = certificate or Certificate(order_id=event.order_id)
            purchase = Purchase(
                project_id=event.project_id, grams=event.grams, order_hash=event.order_hash, claim=event.claim
            )
            certificate = certificate.model_copy(update={"purchase": certificate.purchase or purchase})
        case CreditsRetired():
            certificate = certificate or Certificate(order_id=event.order_id)
            check_allocations(event.allocations)
            retirement = Retirement(allocations=event.allocations, ledger=event.ledger)
            certificate = certificate.model_copy(update={"retirement": certificate.retirement or retirement})
    if certificate and certificate.purchase and certificate.retirement:
        bought, allocated = certificate.purchase.grams, certificate.retirement.grams
        if bought != allocated:
            raise AllocationsDiffer(f"{certificate.order_id}: {allocated} g allocated, {bought} g bought")
    return certificate


def settled(certificate: Certificate, copies: Copies, *, issuer: Issuer, now: datetime) -> Certificate:
    """Return the certificate as it follows from the copies: issued, corrected, without an erased name.

    What follows already stays as it is, so that deciding again changes nothing.
    """
    issued = _issued(certificate, copies, issuer=issuer, now=now)
    if copies.holder.erased:
        return _nameless(issued)
    return _corrected(issued, copies.holder, issuer=issuer, now=now)


def revoked(certificate: Certificate | None, reason: RevocationReason, *, now: datetime) -> Certificate:
    """Return the certificate revoked; the same reason again changes nothing.

    Raises UnknownCertificate, NotIssuedYet, or RevokedOtherwise.
    """
    if certificate is None:
        raise UnknownCertificate("There is no certificate with this id. Take it from certificate.issued.")
    if certificate.facts is None:
        raise NotIssuedYet("The certificate is not issued yet: it awaits what it needs. Nothing counts until then.")
    if certificate.revocation is None:
        return certificate.model_copy(update={"revocation": Revocation(reason=reason, revoked_at=now)})
    if certificate.revocation.reason != reason:
        stands = certificate.revocation.reason
        raise RevokedOtherwise(f"It is revoked already, as {stands}; that stands.", field="reason", reason=stands)
    return certificate


def _issued(certificate: Certificate, copies: Copies, *, issuer: Issuer, now: datetime) -> Certificate:
    purchase, retirement = certificate.purchase, certificate.retirement
    if certificate.facts or not purchase or not retirement or not copies.project:
        return certificate
    claim = purchase.claim
    name = copies.holder.first(claim.name_sequence)
    if (claim.scene_id and not copies.scene) or not (name or copies.holder.erased):
        return certificate
    facts = Facts(
        number=number_of(issuer.secret, certificate.order_id, business_day(now).year),
        issued_at=now,
        issuer=issuer.names,
        words=claim_words(claim.jurisdiction, business_day(now)),
        jurisdiction=claim.jurisdiction,
        grams=purchase.grams,
        low_grams=sum(footprint.low_grams for footprint in claim.footprints) if claim.footprints else None,
        high_grams=sum(footprint.high_grams for footprint in claim.footprints) if claim.footprints else None,
        releases=tuple(sorted({footprint.release for footprint in claim.footprints})),
        scene=copies.scene,
        project=copies.project,
        allocations=retirement.allocations,
        ledger=retirement.ledger,
    )
    first = Version(
        version=1,
        code=code_of(issuer.secret, certificate.order_id, 1),
        holder=name.name if name else None,
        name_sequence=name.sequence if name else claim.name_sequence,
        made_at=now,
    )
    return certificate.model_copy(update={"facts": facts, "versions": (first,)})


def _corrected(certificate: Certificate, holder: Holder, *, issuer: Issuer, now: datetime) -> Certificate:
    """Add a version for each name that corrects the last one; a revoked certificate stays as it was."""
    if certificate.facts is None or certificate.revocation is not None:
        return certificate
    versions = list(certificate.versions)
    issued_at = certificate.facts.issued_at
    for name in holder.corrections(certificate.order_id, after=versions[-1].name_sequence, issued_at=issued_at):
        # A profile is named anew when only its alias changes: the same name makes no version.
        if name.name == versions[-1].holder:
            continue
        number = len(versions) + 1
        versions.append(
            Version(
                version=number,
                code=code_of(issuer.secret, certificate.order_id, number),
                holder=name.name,
                name_sequence=name.sequence,
                made_at=now,
            )
        )
    return certificate.model_copy(update={"versions": tuple(versions)})


def _nameless(certificate: Certificate) -> Certificate:
    """Take the name out of every version; codes, numbers and figures stay."""
    versions = tuple(version.model_copy(update={"holder": None}) for version in certificate.versions)
    return certificate.model_copy(update={"versions": versions})
