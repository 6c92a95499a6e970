"""The addresses of money: payments of an order, and the provider's notices."""

from __future__ import annotations

from typing import Annotated
from urllib.parse import urljoin

from fastapi import APIRouter, Header, Path, Request, Response

from services.orders.api.dependencies import Dependencies
from services.orders.api.programs import OrderPath
from services.orders.api.requests import PaymentRequest, RefundSettled
from services.orders.api.responses import PaymentResponse, PaymentStarted, Taken
from services.orders.domain.order.order import Settlement
from services.orders.handlers.payments import Started
from services.orders.handlers.sandbox import SIGNATURE_HEADER, Method, SandboxNotice
from shared.web.app import cause_of
from shared.web.idempotency import Key, body_hash, checked, id_of

PaymentPath = Annotated[
    str,
    Path(
        pattern=r"^pay_[0-9A-HJKMNP-TV-Z]{26}$",
        description="a payment of the order",
        examples=["pay_" + "0" * 25 + "1"],
    ),
]


async def start_payment(
    request: Request, deps: Dependencies, order_id: str, *, key: str | None, method: Method
) -> Started:
    """Start the payment, once for each key."""
    return await deps.payments.start(
        order_id,
        payment_id=id_of("pay", request.state.caller, checked(key)),
        method=method,
        request_hash=body_hash({"method": method}),
        cause=cause_of(request),
    )


def payment_router(deps: Dependencies) -> APIRouter:
    """Build the routes of payments."""
    routes = APIRouter(tags=["payments"])

    @routes.post("/v1/orders/{order_id}/payments", operation_id="start_payment", status_code=201)
    async def post_payment(
        request: Request,
        response: Response,
        order_id: OrderPath,
        idempotency_key: Key,
        body: PaymentRequest | None = None,
    ) -> PaymentStarted:
        """Start a payment of a held order and return the page to pay on; nothing is charged before that."""
        method = (body or PaymentRequest()).method
        started = await start_payment(request, deps, order_id, key=idempotency_key, method=method)
        if started.replayed:
            response.headers["Idempotency-Replayed"] = "true"
        assert started.order.total_fen is not None
        return PaymentStarted(
            payment_id=started.payment.payment_id,
            order_id=order_id,
            livemode=deps.settings.livemode,
            amount_fen=started.order.total_fen,
            currency=started.order.listing.currency,
            url=urljoin(deps.settings.public_url, started.url),
        )

    @routes.post("/v1/orders/{order_id}/payments/{payment_id}/settle", operation_id="settle_refund")
    async def settle_refund(
        request: Request,
        response: Response,
        order_id: OrderPath,
        payment_id: PaymentPath,
        body: RefundSettled,
        idempotency_key: Key,
    ) -> PaymentResponse:
        """Note that a refund which the provider does not make was paid by another way; it is not tried any more.

        409 `refund_state` names the state of one that is over already, such as `made`; 409 `refund_under_way` means
        that the request is at the provider at this moment.
        """
        caller = request.state.caller
        payment, replayed = await deps.payments.settle(
            order_id,
            payment_id,
            reference=body.reference,
            settlement=Settlement(
                request_id=id_of("set", caller, idempotency_key),
                request_hash=body_hash({"order": order_id, "payment": payment_id, **body.model_dump()}),
                by=caller,
            ),
            cause=cause_of(request),
        )
        if replayed:
            response.headers["Idempotency-Replayed"] = "true"
        return PaymentResponse.of(payment)

    @routes.post(
        "/v1/payments/notices/sandbox",
        operation_id="take_sandbox_notice",
        # It is signed as it was sent, so it is read by the adapter and not before.
        openapi_extra={
            "requestBody": {
                "required": True,
                "content": {"application/json": {"schema": SandboxNotice.model_json_schema()}},
            }
        },
    )
    async def take_notice(
        request: Request,
        _signature: Annotated[
            str | None,
            Header(alias=SIGNATURE_HEADER, description="of the body as it is sent, as the provider makes it"),
        ] = None,
    ) -> Taken:
        """Take the sandbox's notice of a payment; it must be signed, and may come any number of times."""
        notice = deps.provider.notice(await request.body(), request.headers)
        await deps.payments.notice(notice.payment_id, notice.report, cause=cause_of(request))
        return Taken()

    return routes
