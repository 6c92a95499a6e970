"""The routes for programs: how a code stands, the facts behind it, the owner's way to it, a revocation."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import Annotated, Literal

from fastapi import APIRouter, Depends, Path, Request, Response
from pydantic import BaseModel, ConfigDict, Field

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
from shared.web.livemode import Livemode

Code = Annotated[str, Path(max_length=200, description="as printed, or as typed", examples=["7K3M-9QXD-4TVB"])]
OrderPath = Annotated[
    str, Path(pattern=r"^ord_[0-9A-HJKMNP-TV-Z]{26}$", description="the order", examples=["ord_" + "0" * 25 + "1"])
]
CertificatePath = Annotated[
    str,
    Path(pattern=r"^cert_[0-9A-HJKMNP-TV-Z]{26}$", description="the certificate", examples=["cert_" + "0" * 25 + "1"]),
]

NEVER_KEPT = "no-store"
UNKNOWN = "No certificate has this code. Compare it with the certificate, sign by sign."


def _address_of(request: Request) -> str | None:
    """The gateway says from where a request comes; what a client says of that itself, it leaves out."""
    return request.client.host if request.client else None


Address = Annotated[str | None, Depends(_address_of)]


class Newer(BaseModel):
    """The version that replaces the one of the code."""

    version: Annotated[int, Field(description="its number among the versions")]
    code: Annotated[str, Field(description="its code")]
    address: Annotated[str, Field(description="its page")]
    made_at: Annotated[datetime, Field(description="when it was made")]


class Verification(BaseModel):
    """How a code stands at this moment; of an unknown one there is nothing more."""

    livemode: Livemode
    status: Annotated[
        Status | Literal["unknown"], Field(description="how the code stands; `superseded` by a newer version")
    ]
    checked_at: Annotated[datetime, Field(description="when this was looked up")]
    number: Annotated[str | None, Field(description="the certificate's number; null of an unknown code")] = None
    version: Annotated[
        int | None, Field(description="which version of the certificate has the code; null of an unknown one")
    ] = None
    superseded_by: Annotated[Newer | None, Field(description="the newest version; null when this is it")] = None


class CertificateOfHonor(BaseModel):
    """All that one version of a certificate states, and how it stands. Masses in grams, gram ranges half-open."""

    livemode: Livemode
    certificate_id: Annotated[str, Field(description="its id")]
    order_id: Annotated[str, Field(description="the order that it came of")]
    number: Annotated[str, Field(description="its number, as printed; the same on all versions")]
    version: Annotated[int, Field(description="which version this is, from 1 on")]
    code: Annotated[str, Field(description="the code of this version, as printed")]
    address: Annotated[str, Field(description="its page")]
    status: Annotated[Status, Field(description="how it stands")]
    title: Annotated[str, Field(description="its title in the words of its claim")]
    words: Annotated[ClaimWords, Field(description="whether it may say `neutral`, or only `offset`")]
    jurisdiction: Annotated[str, Field(description="whose rules its words follow: a country, or country and city")]
    holder: Annotated[str | None, Field(description="whose it is, as named; null once the name is erased")]
    mass_g: Annotated[int, Field(description="what is neutralised, in grams")]
    low_g: Annotated[
        int | None,
        Field(description="the lower end of the footprints' likely range, in grams; null without footprints"),
    ]
    high_g: Annotated[
        int | None,
        Field(description="the upper end of the footprints' likely range, in grams; null without footprints"),
    ]
    factor_releases: Annotated[
        tuple[str, ...], Field(description="the releases of emission factors behind the footprints")
    ]
    scene: Annotated[Scene | None, Field(description="the scene of the footprints; null without one")]
    project: Annotated[Project, Field(description="the project whose credits were retired")]
    serials: Annotated[tuple[SerialLine, ...], Field(description="the serials behind it, with their grams")]
    ledger: Annotated[LedgerPlace, Field(description="the page of the project's ledger that retired them")]
    issuer: Annotated[dict[str, str], Field(description="who issued it, by language tag")]
    issued_at: Annotated[datetime, Field(description="when the first version was issued")]
    made_at: Annotated[datetime, Field(description="when this version was made")]
    superseded_by: Annotated[Newer | None, Field(description="the newest version; null when this is it")]
    revocation: Annotated[Revocation | None, Field(description="why and when it was revoked; null: it was not")]


class CertificateOfOrder(BaseModel):
    """The way from an order to its certificate; none yet while it is awaiting what it needs."""

    livemode: Livemode
    order_id: Annotated[str, Field(description="the order")]
    status: Annotated[
        Status | Literal["awaiting"], Field(description="`awaiting` until there is a certificate, then how it stands")
    ]
    number: Annotated[str | None, Field(description="its number; null while it is awaited")] = None
    code: Annotated[str | None, Field(description="the code of its newest version; null while it is awaited")] = None
    address: Annotated[str | None, Field(description="its page; null while it is awaited")] = None


class Revoke(BaseModel):
    """Why a certificate is to count no longer."""

    model_config = ConfigDict(extra="forbid")

    reason: Annotated[RevocationReason, Field(description="why it is to count no longer")]


class Revoked(BaseModel):
    """A certificate that no longer counts."""

    livemode: Livemode
    certificate_id: Annotated[str, Field(description="its id")]
    number: Annotated[str, Field(description="its number, as printed")]
    revocation: Annotated[Revocation, Field(description="why and when")]


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
