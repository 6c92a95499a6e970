"""The routes for programs: how a code stands, the facts behind it, the owner's way to it, a revocation."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import Annotated, Literal

from fastapi import APIRouter, Depends, Path, Request, Response
from pydantic import BaseModel, ConfigDict

from services.certificates.domain.certificate import (
    Opened,
    Project,
    Revocation,
    RevocationReason,
    Scene,
    Status,
    Version,
)
from services.certificates.domain.claims import TITLES, ClaimWords
from services.certificates.domain.decide import UnknownCertificate
from services.certificates.domain.serials import SerialLine, serial_lines
from services.certificates.handlers import Handlers
from shared.contracts.registry import LedgerPlace
from shared.web.app import cause_of

Code = Annotated[str, Path(max_length=200, description="as printed, or as typed", examples=["7K3M-9QXD-4TVB"])]
OrderPath = Annotated[str, Path(pattern=r"^ord_[0-9A-HJKMNP-TV-Z]{26}$", examples=["ord_" + "0" * 25 + "1"])]
CertificatePath = Annotated[str, Path(pattern=r"^cert_[0-9A-HJKMNP-TV-Z]{26}$", examples=["cert_" + "0" * 25 + "1"])]

NEVER_KEPT = "no-store"
UNKNOWN = "No certificate has this code. Compare it with the certificate, sign by sign."


def _address_of(request: Request) -> str | None:
    """The gateway says from where a request comes; what a client says of that itself, it leaves out."""
    return request.client.host if request.client else None


Address = Annotated[str | None, Depends(_address_of)]


class Newer(BaseModel):
    """The version that replaces the one of the code."""

    version: int
    code: str
    address: str
    made_at: datetime


class Verification(BaseModel):
    """How a code stands at this moment; of an unknown one there is nothing more."""

    livemode: bool
    status: Status | Literal["unknown"]
    checked_at: datetime
    number: str | None = None
    version: int | None = None
    superseded_by: Newer | None = None


class CertificateOfHonor(BaseModel):
    """All that one version of a certificate states, and how it stands. Masses in grams, gram ranges half-open."""

    livemode: bool
    certificate_id: str
    order_id: str
    number: str
    version: int
    code: str
    address: str
    status: Status
    title: str
    words: ClaimWords
    jurisdiction: str
    holder: str | None
    mass_g: int
    low_g: int | None
    high_g: int | None
    factor_releases: tuple[str, ...]
    scene: Scene | None
    project: Project
    serials: tuple[SerialLine, ...]
    ledger: LedgerPlace
    issuer: dict[str, str]
    issued_at: datetime
    made_at: datetime
    superseded_by: Newer | None
    revocation: Revocation | None


class CertificateOfOrder(BaseModel):
    """The way from an order to its certificate; none yet while it is awaiting what it needs."""

    livemode: bool
    order_id: str
    status: Status | Literal["awaiting"]
    number: str | None = None
    code: str | None = None
    address: str | None = None


class Revoke(BaseModel):
    """Why a certificate is to count no longer."""

    model_config = ConfigDict(extra="forbid")

    reason: RevocationReason


class Revoked(BaseModel):
    """A certificate that no longer counts."""

    livemode: bool
    certificate_id: str
    number: str
    revocation: Revocation


def api_router(handlers: Handlers, *, clock: Callable[[], datetime], public_url: str, livemode: bool) -> APIRouter:
    """Build the routes for programs."""
    routes = APIRouter(tags=["certificates"], dependencies=[Depends(_never_kept)])

    def address(version: Version) -> str:
        return f"{public_url}/c/{version.code}"

    def newer(opened: Opened) -> Newer | None:
        if opened.status != "superseded":
            return None
        last = opened.last
        return Newer(version=last.version, code=last.code, address=address(last), made_at=last.made_at)

    @routes.get("/v1/verifications/{code}", operation_id="verify_code")
    async def verify_code(code: Code, client: Address) -> Verification:
        """Say how a code stands; whatever is unknown gets the same answer by the same work."""
        opened = await handlers.opened(code, address=client)
        if opened is None:
            return Verification(livemode=livemode, status="unknown", checked_at=clock())
        return Verification(
            livemode=livemode,
            status=opened.status,
            checked_at=clock(),
            number=opened.facts.number,
            version=opened.version.version,
            superseded_by=newer(opened),
        )

    @routes.get("/v1/certificates/{code}", operation_id="get_certificate")
    async def get_certificate(code: Code, client: Address) -> CertificateOfHonor:
        """Return what the version with this code states."""
        opened = await handlers.opened(code, address=client)
        if opened is None:
            raise UnknownCertificate(UNKNOWN)
        certificate, facts, version = opened
        return CertificateOfHonor(
            livemode=livemode,
            certificate_id=certificate.certificate_id,
            order_id=certificate.order_id,
            number=facts.number,
            version=version.version,
            code=version.code,
            address=address(version),
            status=opened.status,
            title=TITLES[facts.words],
            words=facts.words,
            jurisdiction=facts.jurisdiction,
            holder=version.holder,
            mass_g=facts.grams,
            low_g=facts.low_grams,
            high_g=facts.high_grams,
            factor_releases=facts.releases,
            scene=facts.scene,
            project=facts.project,
            serials=serial_lines(facts.allocations),
            ledger=facts.ledger,
            issuer=facts.issuer,
            issued_at=facts.issued_at,
            made_at=version.made_at,
            superseded_by=newer(opened),
            revocation=certificate.revocation,
        )

    @routes.get("/v1/order-certificates/{order_id}", operation_id="get_certificate_of_order")
    async def get_certificate_of_order(order_id: OrderPath) -> CertificateOfOrder:
        """Return the code of an order's certificate to whoever holds the order's capability.

        Right after the payment the purchase may not have come here yet: the answer is 404 `purchase_unknown`. Take it
        for "not yet", as the status `awaiting`, and ask again in a moment.
        """
        opened = await handlers.of_order(order_id)
        if opened is None:
            return CertificateOfOrder(livemode=livemode, order_id=order_id, status="awaiting")
        return CertificateOfOrder(
            livemode=livemode,
            order_id=order_id,
            status=opened.status,
            number=opened.facts.number,
            code=opened.version.code,
            address=address(opened.version),
        )

    @routes.post("/v1/certificates/{certificate_id}/revoke", operation_id="revoke_certificate")
    async def revoke_certificate(request: Request, certificate_id: CertificatePath, wish: Revoke) -> Revoked:
        """Revoke a certificate; the same wish again changes nothing."""
        certificate = await handlers.revoke(certificate_id, wish.reason, cause=cause_of(request))
        assert certificate.facts is not None
        assert certificate.revocation is not None
        return Revoked(
            livemode=livemode,
            certificate_id=certificate_id,
            number=certificate.facts.number,
            revocation=certificate.revocation,
        )

    return routes


def _never_kept(response: Response) -> None:
    """How a code stood a while ago is no answer, and an erased name must not come back out of a cache."""
    response.headers["Cache-Control"] = NEVER_KEPT
