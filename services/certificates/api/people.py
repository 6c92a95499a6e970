"""What people ask of certificates: the page behind a code, its PDF, the box to type a code, the owner's way to it."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from datetime import datetime
from typing import Annotated

from fastapi import APIRouter, Header, Query
from fastapi.responses import HTMLResponse, RedirectResponse, Response

from services.certificates import domain
from services.certificates.api.programs import NEVER_KEPT, UNKNOWN, Code, OrderPath
from services.certificates.api.sheet import Gone, Language, Sheets
from services.certificates.handlers import Handlers
from shared.messaging.delivery import is_infrastructure
from shared.web.pages import Pages
from shared.web.problems import RETRY_AFTER_SECONDS

# A day, by the asker alone: longer, or in a shared cache, an erased name would live on.
PDF_CACHED = "private, max-age=86400, immutable"


def page_router(handlers: Handlers, sheets: Sheets, pages: Pages, *, clock: Callable[[], datetime]) -> APIRouter:
    """Build the routes for people."""
    routes = APIRouter(include_in_schema=False)

    @routes.get("/v")
    async def check(code: Annotated[str, Query(max_length=200)] = "") -> Response:
        """Show the box for a code; a known one leads to its page."""
        if not code.strip():
            return HTMLResponse(pages.render("verify.html", code="", answer="ask"))
        return await answered(code, lambda opened: RedirectResponse(f"/c/{opened.version.code}", 303))

    @routes.get("/c/orders/{order_id}")
    async def for_owner(order_id: OrderPath) -> Response:
        """Lead the owner of an order to its certificate, or back to the order's progress until there is one."""
        opened = await handlers.of_order(order_id)
        return RedirectResponse(f"/c/{opened.version.code}" if opened else f"/orders/{order_id}", 303)

    @routes.get("/c/{code}.pdf")
    async def sheet(
        code: Code, lang: Language = "en", if_none_match: Annotated[str | None, Header()] = None
    ) -> Response:
        """Return the PDF of a version, as it was issued."""
        opened = await handlers.opened(code)
        if opened is None:
            raise domain.UnknownCertificate(UNKNOWN)
        if opened.certificate.revocation is not None:
            raise Gone("This certificate was revoked and is no longer printed. Its page says why.")
        pdf = await sheets.pdf(opened.facts, opened.version, lang)
        headers = {"ETag": f'"{hashlib.sha256(pdf).hexdigest()[:32]}"', "Cache-Control": PDF_CACHED}
        if if_none_match == headers["ETag"]:
            return Response(status_code=304, headers=headers)
        name = f"{opened.facts.number}-{opened.version.version}.pdf"
        headers["Content-Disposition"] = f'inline; filename="{name}"'
        return Response(pdf, media_type="application/pdf", headers=headers)

    # The address in a QR code is in capitals.
    @routes.get("/C/{code}")
    @routes.get("/c/{code}")
    async def certificate(code: Code) -> Response:
        """Show a certificate as it stands now."""

        def shown(opened: domain.Opened) -> Response:
            page = pages.render("certificate.html", **_context(opened, clock()))
            return HTMLResponse(page, headers={"Cache-Control": NEVER_KEPT})

        return await answered(code, shown)

    async def answered(code: str, known: Callable[[domain.Opened], Response]) -> Response:
        """Answer a code; that we do not know it and that we cannot look are told apart."""
        try:
            opened = await handlers.opened(code)
        except Exception as failure:
            if not is_infrastructure(failure):
                raise
            page = pages.render("verify.html", code=code, answer="unchecked")
            return HTMLResponse(page, 503, {"Retry-After": str(RETRY_AFTER_SECONDS)})
        if opened is None:
            return HTMLResponse(pages.render("verify.html", code=code, answer="unknown"), 404)
        return known(opened)

    return routes


def _context(opened: domain.Opened, checked_at: datetime) -> dict[str, object]:
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
        "title": domain.TITLES[facts.words],
        "holder": version.holder,
        "grams": facts.grams,
        "scene": facts.scene.names if facts.scene else None,
        "project": facts.project,
        "issued_at": facts.issued_at,
        "serials": domain.serial_lines(facts.allocations),
        "ledger": facts.ledger,
        "pdf_href": f"/c/{version.code}.pdf",
        "newer": newer if opened.status == "superseded" else None,
        "revoked": {"reason": revocation.reason, "at": revocation.revoked_at} if revocation else None,
    }
