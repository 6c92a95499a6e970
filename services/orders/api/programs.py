"""The addresses of orders for programs: quotes, orders and their progress, and the back office."""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator, Sequence
from datetime import datetime
from typing import Annotated

from fastapi import APIRouter, Path, Query, Request, Response
from sse_starlette import EventSourceResponse, ServerSentEvent

from services.orders.api.dependencies import Dependencies
from services.orders.api.making import make_order, offered, profile_of
from services.orders.api.requests import OrderRequest
from services.orders.api.responses import (
    OrderMade,
    OrderResponse,
    Orders,
    PayableResponse,
    Payables,
)
from services.orders.domain.order.machine import State
from services.orders.domain.order.order import Order, Wish
from services.orders.handlers.payables import count_payables
from services.orders.store.store import Loaded
from shared.web.app import cause_of
from shared.web.idempotency import Key
from shared.web.lists import HOW_MANY, Cursor, cursor_unknown, page_of, place_of

PROGRESS_SECONDS = 0.3
KEEP_ALIVE_SECONDS = 15
STREAM = "server-sent events of the type `order`; the data of each is the order as `get_order` shows it"
_ORDER_PLACE = re.compile(r"([0-9T:.+-]{10,30}[+]00:00) (ord_[0-9A-HJKMNP-TV-Z]{26})")
_PAYABLE_PLACE = re.compile(r"(.{1,100}) ([A-Z]{3})")
OrderPath = Annotated[
    str, Path(pattern=r"^ord_[0-9A-HJKMNP-TV-Z]{26}$", description="the order", examples=["ord_" + "0" * 25 + "1"])
]


def api_router(deps: Dependencies) -> APIRouter:
    """Build the routes for programs."""
    routes = APIRouter(tags=["orders"])
    store, handlers, livemode = deps.store, deps.handlers, deps.settings.livemode

    async def shown_orders(orders: Sequence[Order]) -> list[OrderResponse]:
        names = await store.copies.scene_names({order.priced.scene_id or "" for order in orders if order.priced})
        return [
            OrderResponse.of(
                order,
                scene_names=names.get(order.priced.scene_id or "", {}) if order.priced else {},
                livemode=livemode,
            )
            for order in orders
        ]

    async def found(order_id: str) -> Loaded[Order]:
        loaded = await store.order(order_id)
        assert loaded is not None, "the guard has seen it"
        return loaded

    @routes.post("/v1/orders", operation_id="make_order", status_code=201)
    async def post_order(
        request: Request,
        response: Response,
        body: OrderRequest,
        idempotency_key: Key,
    ) -> OrderMade:
        """Make an order; a repeat with the same key and body gets the same answer, marked Idempotency-Replayed."""
        made, replayed = await make_order(
            request,
            deps,
            key=idempotency_key,
            body=body.model_dump(mode="json"),
            wish=Wish(
                project_id=body.project_id,
                seen_version=body.listing_version,
                offered=offered([(claim.footprint_id, claim.token) for claim in body.claims]),
                mass_g=body.mass_g,
                money_fen=body.money_fen,
                country=body.country,
            ),
            naming=body.beneficiary.naming if body.beneficiary else None,
            profile=await profile_of(request, deps, body.beneficiary_id),
            mandate_version=body.mandate_version,
        )
        if replayed:
            response.headers["Idempotency-Replayed"] = "true"
        response.headers["Location"] = f"/v1/orders/{made.order_id}"
        return made

    @routes.get("/v1/orders", operation_id="list_orders")
    async def list_orders(
        *,
        state: Annotated[State | None, Query(description="only those that stand so")] = None,
        owes: Annotated[bool, Query(description="only those with a refund that is neither made nor settled")] = False,
        limit: Annotated[int, Query(ge=1, le=200, description=HOW_MANY)] = 50,
        cursor: Cursor = None,
    ) -> Orders:
        """Return orders by time and id, for the back office."""
        found = await store.page(state=state, owes=owes, after=_place(cursor) if cursor else None, limit=limit + 1)
        page, next_cursor = page_of(
            [loaded.value for loaded in found], limit, lambda order: (order.created_at.isoformat(), order.order_id)
        )
        return Orders(data=await shown_orders(page), has_more=next_cursor is not None, next_cursor=next_cursor)

    @routes.get("/v1/payables", operation_id="list_payables")
    async def list_payables(
        limit: Annotated[int, Query(ge=1, le=500, description=HOW_MANY)] = 100, cursor: Cursor = None
    ) -> Payables:
        """Return what each project owner is due, by owner and currency: the subtotals of all retired orders."""
        after = place_of(cursor, _PAYABLE_PLACE) if cursor else None
        await count_payables(store)
        page, next_cursor = page_of(
            await store.payables.page(after=after, limit=limit + 1),
            limit,
            lambda payable: (payable.owner_id, payable.currency),
        )
        return Payables(
            livemode=livemode,
            has_more=next_cursor is not None,
            next_cursor=next_cursor,
            data=[
                PayableResponse(
                    owner_id=payable.owner_id,
                    currency=payable.currency,
                    orders=payable.orders,
                    mass_g=payable.grams,
                    subtotal_fen=payable.subtotal_fen,
                )
                for payable in page
            ],
        )

    @routes.get("/v1/orders/{order_id}", operation_id="get_order")
    async def get_order(order_id: OrderPath) -> OrderResponse:
        """Return an order as it stands."""
        return (await shown_orders([(await found(order_id)).value]))[0]

    @routes.get(
        "/v1/orders/{order_id}/events",
        operation_id="follow_order",
        response_class=EventSourceResponse,
        responses={200: {"description": STREAM, "content": {"text/event-stream": {"schema": {"type": "string"}}}}},
    )
    async def follow_order(order_id: OrderPath) -> EventSourceResponse:
        """Stream the order each time it changes, as snapshots, until it has reached a final state."""

        async def snapshots() -> AsyncIterator[ServerSentEvent]:
            version = 0
            while True:
                loaded = await found(order_id)
                if loaded.version != version:
                    version = loaded.version
                    (shown,) = await shown_orders([loaded.value])
                    yield ServerSentEvent(shown.model_dump_json(), event="order", id=str(version))
                if loaded.value.is_over:
                    return
                await asyncio.sleep(PROGRESS_SECONDS)

        return EventSourceResponse(snapshots(), ping=KEEP_ALIVE_SECONDS)

    @routes.post("/v1/orders/{order_id}/cancel", operation_id="cancel_order")
    async def cancel_order(request: Request, order_id: OrderPath) -> OrderResponse:
        """End an order that is not paid; nothing is charged."""
        return (await shown_orders([await handlers.cancel(order_id, cause=cause_of(request))]))[0]

    return routes


def _place(cursor: str) -> tuple[datetime, str]:
    moment, order_id = place_of(cursor, _ORDER_PLACE)
    try:
        return datetime.fromisoformat(moment), order_id
    except ValueError:
        raise cursor_unknown() from None
