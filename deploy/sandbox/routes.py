"""The sandbox's addresses: for its merchant with the shared key, and for guests, who know a payment's id."""

from __future__ import annotations

import secrets
from collections.abc import Callable
from datetime import datetime
from typing import Annotated, Literal

from fastapi import APIRouter, Depends, Form, Header, Path, Query
from fastapi.responses import HTMLResponse, RedirectResponse

from deploy.sandbox.bodies import Approval, Decided, PaymentPage, PaymentResponse, Refund, Start, page_of
from deploy.sandbox.payments import Fault, Payment
from deploy.sandbox.provider import Sandbox
from shared.refusal import Refusal
from shared.web.pages import Pages

PaymentPath = Annotated[str, Path(pattern=r"^pay_[0-9A-HJKMNP-TV-Z]{26}$")]


class KeyWrong(Refusal):
    """The merchant did not show the shared key (401)."""

    code = "unauthenticated"


def merchant_routes(sandbox: Sandbox, clock: Callable[[], datetime], *, key: str) -> APIRouter:
    """Build what a merchant calls."""

    async def shows_key(authorization: Annotated[str, Header()] = "") -> None:
        if not secrets.compare_digest(authorization.encode(), f"Bearer {key}".encode()):
            raise KeyWrong("Send Authorization: Bearer and the key that you share with the sandbox.")

    routes = APIRouter(prefix="/v1/sandbox/payments", tags=["merchant"], dependencies=[Depends(shows_key)])

    def shown(payment: Payment) -> PaymentResponse:
        return PaymentResponse.of(payment, now=clock())

    @routes.post("", operation_id="start_payment", status_code=201)
    async def start(wanted: Start) -> PaymentResponse:
        """Open a payment, once for each id, and return it with the page for the guest."""
        return shown(sandbox.start(wanted.payment(now=clock())))

    @routes.get("", operation_id="list_payments")
    async def list_payments(
        limit: Annotated[int, Query(ge=1, le=500)] = 100, cursor: Annotated[str, Query(max_length=64)] = ""
    ) -> PaymentPage:
        """Return all payments by id."""
        page = sandbox.page(after=cursor, limit=limit + 1)
        has_more = len(page) > limit
        return PaymentPage(
            data=[shown(payment) for payment in page[:limit]],
            has_more=has_more,
            next_cursor=page[limit - 1].payment_id if has_more else None,
        )

    @routes.get("/{payment_id}", operation_id="look_up_payment")
    async def look_up(payment_id: PaymentPath) -> PaymentResponse:
        """Return what became of a payment."""
        return shown(sandbox.payment(payment_id))

    @routes.post("/{payment_id}/capture", operation_id="capture_payment")
    async def capture(payment_id: PaymentPath) -> PaymentResponse:
        """Take what is set aside: `paid`, or `refused`, which is final. 504: the answer was lost on its way."""
        return shown(sandbox.capture(payment_id))

    @routes.post("/{payment_id}/void", operation_id="void_payment")
    async def void(payment_id: PaymentPath) -> PaymentResponse:
        """Let go what is set aside."""
        return shown(sandbox.void(payment_id))

    @routes.post("/{payment_id}/refund", operation_id="refund_payment")
    async def refund(payment_id: PaymentPath, wanted: Refund) -> PaymentResponse:
        """Give all that came back."""
        return shown(sandbox.refund(payment_id, amount_fen=wanted.amount_fen, currency=wanted.currency))

    return routes


def guest_routes(sandbox: Sandbox, pages: Pages, clock: Callable[[], datetime]) -> APIRouter:
    """Build what a guest sees and decides."""
    routes = APIRouter(tags=["guest"])

    @routes.post("/v1/sandbox/payments/{payment_id}/approve", operation_id="approve_payment")
    async def approve(payment_id: PaymentPath, wanted: Approval | None = None) -> Decided:
        """Pay, as the guest does on the page; `faults` play what goes wrong at real providers."""
        return Decided.of(await sandbox.approve(payment_id, wanted.faults if wanted else ()), now=clock())

    @routes.post("/v1/sandbox/payments/{payment_id}/decline", operation_id="decline_payment")
    async def decline(payment_id: PaymentPath) -> Decided:
        """Do not pay, as the guest does on the page."""
        return Decided.of(await sandbox.decline(payment_id), now=clock())

    @routes.get("/sandbox/payments/{payment_id}", include_in_schema=False)
    async def page(payment_id: PaymentPath) -> HTMLResponse:
        payment = sandbox.payment(payment_id)
        return HTMLResponse(
            pages.render(
                "sandbox.html",
                address=page_of(payment),
                payment_id=payment_id,
                order_id=payment.order_id,
                return_url=payment.return_url,
                project=payment.names,
                grams=payment.grams,
                total_fen=payment.amount_fen,
                currency=payment.currency,
                state=payment.state(clock()),
                card=payment.mode == "authorise",
                faults=payment.playable,
                played=payment.faults,
            )
        )

    @routes.post("/sandbox/payments/{payment_id}", include_in_schema=False)
    async def decide(
        payment_id: PaymentPath,
        decision: Annotated[Literal["approve", "decline"], Form()],
        fault: Annotated[list[Fault] | None, Form()] = None,
    ) -> RedirectResponse:
        if decision == "approve":
            payment = await sandbox.approve(payment_id, fault or ())
        else:
            payment = await sandbox.decline(payment_id)
        return RedirectResponse(payment.return_url, 303)

    return routes
