"""The pages of certificates: the one behind a code, PDF and card, the box to type one, the owner's way to it."""

from __future__ import annotations

import hashlib
from collections.abc import Awaitable, Callable
from datetime import datetime
from typing import Annotated

from fastapi import APIRouter, Header, Query
from fastapi.responses import HTMLResponse, RedirectResponse, Response

from services.certificates.api.programs import NEVER_KEPT, UNKNOWN, Address, Code, OrderPath
from services.certificates.api.sheet import Sheets
from services.certificates.domain.certificate import Opened
from services.certificates.domain.claims import ERASED, TITLES
from services.certificates.domain.decide import UnknownCertificate
from services.certificates.domain.serials import serial_lines
from services.certificates.domain.throttle import TooManyCodes
from services.certificates.handlers import Handlers
from shared.messaging.failures import is_infrastructure
from shared.web.languages import Language, current
from shared.web.pages import Pages
from shared.web.problems import RETRY_AFTER_SECONDS

# A day, by the one browser alone: longer, or in a shared cache, an erased name would live on.
PRINTS_CACHED = "private, max-age=86400, immutable"


def page_router(handlers: Handlers, sheets: Sheets, pages: Pages, *, clock: Callable[[], datetime]) -> APIRouter:
    """Build the routes for people."""
    routes = APIRouter(include_in_schema=False)

    @routes.get("/v")
    async def check(client: Address, code: Annotated[str, Query(max_length=200)] = "") -> Response:
        """Show the box for a code; one that opens something leads to its page."""
        if not code.strip():
            return HTMLResponse(pages.render("verify.html", code="", answer="ask", detail=""))
        return await answered(code, client, lambda opened: RedirectResponse(f"/c/{opened.version.code}", 303))

    @routes.get("/c/orders/{order_id}")
    async def for_owner(order_id: OrderPath) -> Response:
        """Lead the owner of an order to its certificate, or back to the order's progress until there is one."""
        opened = await handlers.of_order(order_id)
        return RedirectResponse(f"/c/{opened.version.code}" if opened else f"/orders/{order_id}", 303)

    @routes.get("/c/{code}.pdf")
    async def sheet(code: Code, client: Address, if_none_match: Annotated[str | None, Header()] = None) -> Response:
        """Return the PDF of a version, as it was issued."""
        return await printed(code, client, sheets.pdf, "application/pdf", "pdf", if_none_match)

    @routes.get("/c/{code}.png")
    async def card(code: Code, client: Address, if_none_match: Annotated[str | None, Header()] = None) -> Response:
        """Return the card of a version, a picture to share."""
        return await printed(code, client, sheets.png, "image/png", "png", if_none_match)

    # The address in a QR code is in capitals.
    @routes.get("/C/{code}")
    @routes.get("/c/{code}")
    async def certificate(code: Code, client: Address) -> Response:
        """Show a certificate as it stands now."""

        def page_of(opened: Opened) -> Response:
            page = pages.render(
                "certificate.html", **_context(opened, str(sheets.card(opened, current().language)), clock())
            )
            return HTMLResponse(page, headers={"Cache-Control": NEVER_KEPT})

        return await answered(code, client, page_of)

    async def printed(
        code: str,
        client: str | None,
        as_printed: Callable[[Opened, Language], Awaitable[bytes]],
        media_type: str,
        ending: str,
        if_none_match: str | None,
    ) -> Response:
        """Return a version as it is printed in the language of the request; whoever has these bytes gets none."""
        opened = await handlers.opened(code, address=client)
        if opened is None:
            raise UnknownCertificate(UNKNOWN)
        content = await as_printed(opened, current().language)
        headers = {
            "ETag": f'"{hashlib.sha256(content).hexdigest()[:32]}"',
            "Cache-Control": PRINTS_CACHED,
            "Vary": "Accept-Language, Cookie",
        }
        # A list, perhaps, and a cache on the way may call it weak: W/"…".
        if headers["ETag"] in (if_none_match or ""):
            return Response(status_code=304, headers=headers)
        name = f"{opened.facts.number}-{opened.version.version}.{ending}"
        headers["Content-Disposition"] = f'inline; filename="{name}"'
        return Response(content, media_type=media_type, headers=headers)

    async def answered(code: str, client: str | None, page_of: Callable[[Opened], Response]) -> Response:
        """Answer a code: unknown and not looked up are two answers."""
        try:
            opened = await handlers.opened(code, address=client)
        except TooManyCodes as refusal:
            page = pages.render("verify.html", code=code, answer="throttled", detail=refusal.detail)
            return HTMLResponse(page, 429, {"Retry-After": str(refusal.facts["retry_after_seconds"])})
        except Exception as failure:
            if not is_infrastructure(failure):
                raise
            page = pages.render("verify.html", code=code, answer="unchecked", detail="")
            return HTMLResponse(page, 503, {"Retry-After": str(RETRY_AFTER_SECONDS)})
        if opened is None:
            return HTMLResponse(pages.render("verify.html", code=code, answer="unknown", detail=""), 404)
        return page_of(opened)

    return routes


def _context(opened: Opened, card: str, checked_at: datetime) -> dict[str, object]:
    """Return what the page of a certificate shows; its template lists the same."""
    facts, version, last = opened.facts, opened.version, opened.last
    newer = {"href": f"/c/{last.code}", "version": last.version, "made_at": last.made_at}
    revocation = opened.certificate.revocation
    return {
        "state": "revoked" if revocation else opened.status,
        "checked_at": checked_at,
        "code": version.code,
        "number": facts.number,
        "version": version.version,
        "title": TITLES[facts.words],
        "holder": ERASED if version.holder is None else version.holder,
        "card": card,
        "grams": facts.grams,
        "low_grams": facts.low_grams,
        "high_grams": facts.high_grams,
        "scene": facts.scene.names if facts.scene else None,
        "project": facts.project,
        "issued_at": facts.issued_at,
        "issuer": facts.issuer,
        "serials": serial_lines(facts.allocations),
        "ledger": facts.ledger,
        "pdf_href": f"/c/{version.code}.pdf",
        "png_href": f"/c/{version.code}.png",
        "newer": newer if opened.status == "superseded" else None,
        "revoked": {"reason": revocation.reason, "at": revocation.revoked_at} if revocation else None,
    }
