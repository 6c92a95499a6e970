"""The addresses of money: payments of an order, the provider's notices, and the sandbox's own site."""

from __future__ import annotations

from typing import Annotated, Literal
from urllib.parse import urljoin

from fastapi import APIRouter, Form, Header, Path, Request, Response
from fastapi.responses import HTMLResponse, RedirectResponse
from pydantic import ValidationError

from services.orders.api.programs import OrderPath
from services.orders.api.served import Served
from services.orders.api.shapes.asked import Method, PaymentAsked, RefundSettled, SandboxApproval
from services.orders.api.shapes.shown import PaymentShown, PaymentStarted, SandboxShown, Taken
from services.orders.domain.notice import SIGNATURE_HEADER, Notice, NoticeForged
from services.orders.domain.order import Settlement
from services.orders.domain.sandbox import Fault, SandboxPayment
from services.orders.handlers.payments import Started
from shared.web.app import cause_of
from shared.web.idempotency import Key, body_hash, checked, id_of

SANDBOX_NOTICES = "/v1/payments/notices/sandbox"
PaymentPath = Annotated[str, Path(pattern=r"^pay_[0-9A-HJKMNP-TV-Z]{26}$", examples=["pay_" + "0" * 25 + "1"])]


async def start_payment(request: Request, served: Served, order_id: str, *, key: str | None, method: Method) -> Started:
    """Start the payment that is asked for, once for each key."""
    return await served.payments.start(
        order_id,
        payment_id=id_of("pay", request.state.caller, checked(key)),
        method=method,
        request_hash=body_hash({"method": method}),
        cause=cause_of(request),
    )


def payment_router(served: Served) -> APIRouter:
    """Build the routes of payments and of the sandbox."""
    routes = APIRouter(tags=["payments"])
    sandbox = served.sandbox

    def shown(payment: SandboxPayment) -> SandboxShown:
        undecided = "open" if payment.is_open(served.clock()) else "lapsed"
        return SandboxShown(
            payment_id=payment.payment_id,
            order_id=payment.order_id,
            livemode=served.settings.livemode,
            method="sandbox_card" if payment.mode == "authorise" else "sandbox",
            state=payment.state if payment.state != "open" else undecided,
            amount_fen=payment.amount_fen,
            currency=payment.currency,
            faults=list(payment.faults),
        )

    @routes.post("/v1/orders/{order_id}/payments", operation_id="start_payment", status_code=201)
    async def post_payment(
        request: Request,
        response: Response,
        order_id: OrderPath,
        asked: PaymentAsked | None = None,
        idempotency_key: Key = None,
    ) -> PaymentStarted:
        """Start a payment of a held order and return the page to pay on; nothing is charged before that."""
        method = (asked or PaymentAsked()).method
        started = await start_payment(request, served, order_id, key=idempotency_key, method=method)
        if started.replayed:
            response.headers["Idempotency-Replayed"] = "true"
        assert started.order.total_fen is not None
        return PaymentStarted(
            payment_id=started.payment.payment_id,
            order_id=order_id,
            livemode=served.settings.livemode,
            amount_fen=started.order.total_fen,
            currency=started.order.listing.currency,
            url=urljoin(served.settings.public_url, started.url),
        )

    @routes.post("/v1/orders/{order_id}/payments/{payment_id}/settle", operation_id="settle_refund")
    async def settle_refund(
        request: Request,
        response: Response,
        order_id: OrderPath,
        payment_id: PaymentPath,
        asked: RefundSettled,
        idempotency_key: Key = None,
    ) -> PaymentShown:
        """Note that a refund which the provider does not make was paid by another way; it is not tried any more.

        409 `refund_state` names the state of one that is over already, such as `made`; 409 `refund_under_way` means
        that the provider is being asked at this moment.
        """
        caller = request.state.caller
        payment, replayed = await served.payments.settle(
            order_id,
            payment_id,
            reference=asked.reference,
            settlement=Settlement(
                request_id=id_of("set", caller, checked(idempotency_key)),
                request_hash=body_hash({"order": order_id, "payment": payment_id, **asked.model_dump()}),
                by=caller,
            ),
            cause=cause_of(request),
        )
        if replayed:
            response.headers["Idempotency-Replayed"] = "true"
        return PaymentShown.of(payment)

    @routes.post(SANDBOX_NOTICES, operation_id="take_sandbox_notice")
    async def take_notice(
        request: Request, diandian_signature: Annotated[str | None, Header(alias=SIGNATURE_HEADER)] = None
    ) -> Taken:
        """Take the sandbox's notice of a payment; it must be signed, and may come any number of times."""
        body = await request.body()
        sandbox.check_signature(body, diandian_signature)
        try:
            notice = Notice.model_validate_json(body)
        except ValidationError as wrong:
            raise NoticeForged(f"The notice is none: {wrong.error_count()} of its fields are wrong.") from None
        await served.payments.notice(notice.payment_id, notice.said, cause=cause_of(request))
        return Taken()

    @routes.post("/v1/sandbox/payments/{payment_id}/approve", operation_id="approve_sandbox_payment")
    async def approve(payment_id: PaymentPath, asked: SandboxApproval | None = None) -> SandboxShown:
        """Pay, as the guest does on the sandbox's page; `faults` play what goes wrong at real providers."""
        return shown(await sandbox.approve(payment_id, asked.faults if asked else ()))

    @routes.post("/v1/sandbox/payments/{payment_id}/decline", operation_id="decline_sandbox_payment")
    async def decline(payment_id: PaymentPath) -> SandboxShown:
        """Do not pay, as the guest does on the sandbox's page."""
        return shown(await sandbox.decline(payment_id))

    @routes.get("/sandbox/payments/{payment_id}", include_in_schema=False)
    async def sandbox_page(payment_id: PaymentPath) -> HTMLResponse:
        payment = await sandbox.payment(payment_id)
        return HTMLResponse(
            served.pages.render(
                "sandbox.html",
                payment_id=payment_id,
                order_id=payment.order_id,
                project=payment.names,
                grams=payment.grams,
                total_fen=payment.amount_fen,
                currency=payment.currency,
                state=shown(payment).state,
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
        return RedirectResponse(f"/orders/{payment.order_id}", 303)

    return routes
