"""The addresses of orders for people: choosing a project, and an order from its making to its end."""

from __future__ import annotations

import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Annotated, Any

from fastapi import APIRouter, Form, Query, Request
from fastapi.responses import HTMLResponse, RedirectResponse

from services.orders.api.dependencies import Dependencies
from services.orders.api.making import GUEST, make_order, offered, profile_of
from services.orders.api.payments import start_payment
from services.orders.api.programs import OrderPath
from services.orders.domain.beneficiary.alias import alias_of
from services.orders.domain.beneficiary.beneficiary import MANDATE_TEXT, MANDATE_VERSION, NameMissing, Naming
from services.orders.domain.beneficiary.names import NameInvalid, NameUnprintable, checked_name
from services.orders.domain.order.claim import claimed
from services.orders.domain.order.offers import (
    CURRENCY,
    ORDER_GRAMS_MAX,
    Offer,
    PriceChanged,
    ProjectNotForSale,
    ProjectUnknown,
    price_list,
)
from services.orders.domain.order.order import Offered, Order, Payment, Wish
from services.orders.handlers.provider import Provider
from services.orders.handlers.sandbox import Method
from services.orders.pages import words
from shared.refusal import Refusal
from shared.sentence import Sentence
from shared.web.app import cause_of, keep_capability
from shared.web.auth import hash_of, presented
from shared.web.idempotency import id_of

FootprintText = Annotated[str, Query(pattern=r"^(fp_[0-9A-HJKMNP-TV-Z]{26})?$")]
FootprintField = Annotated[str, Form(pattern=r"^(fp_[0-9A-HJKMNP-TV-Z]{26})?$")]
MassText = Annotated[int | None, Query(gt=0, le=ORDER_GRAMS_MAX)]
MassField = Annotated[int | None, Form(gt=0, le=ORDER_GRAMS_MAX)]
Text = Annotated[str, Form(max_length=200)]
# The refusals that a buyer can mend on the form, and the field that each is about.
MENDED_AT: Mapping[type[Refusal], str] = {
    PriceChanged: "offer",
    ProjectNotForSale: "offer",
    ProjectUnknown: "offer",
    NameInvalid: "name",
    NameMissing: "name",
    NameUnprintable: "name",
}


@dataclass(frozen=True)
class Subject:
    """What a buyer came for: a footprint, with the token that the browser holds for it, or a mass."""

    footprint_id: str
    token: str
    mass_g: int | None

    @property
    def offered(self) -> tuple[Offered, ...]:
        """The footprint as it is offered for a claim."""
        return offered([(self.footprint_id, self.token)]) if self.footprint_id else ()


def page_router(deps: Dependencies) -> APIRouter:
    """Build the routes for people."""
    routes = APIRouter(include_in_schema=False)
    store, handlers, pages = deps.store, deps.handlers, deps.pages

    async def choose(
        request: Request,
        subject: Subject,
        *,
        key: str,
        answers: Mapping[str, str] | None = None,
        errors: Mapping[str, str] | None = None,
    ) -> HTMLResponse:
        grams = subject.mass_g
        if subject.footprint_id:
            facts = claimed(subject.offered, await store.footprint_facts([subject.footprint_id]))
            grams = facts[0].grams if facts else None
        listings = await store.copies.listings()
        offers = price_list(listings, mass_g=grams, money_fen=None, fee_fen=deps.fee_fen)
        profile = await profile_of(request, deps, None)
        caller = (subject.offered and subject.offered[0].token_hash) or GUEST
        alias = (profile and profile.alias) or alias_of(id_of("ben", caller, key))
        name = profile.name if profile and profile.name != alias else None
        first = {"offer": "", "name_kind": "own" if name else "alias", "name": name or "", "mandate": ""}
        page = pages.render(
            "choose.html",
            here=f"/orders/new?footprint={subject.footprint_id}"
            if subject.footprint_id
            else f"/orders/new?mass_g={grams}",
            footprint_id=subject.footprint_id,
            mass_g=subject.mass_g,
            grams=grams,
            offers=[_offer(offer) for offer in offers],
            fee_fen=deps.fee_fen,
            currency=CURRENCY,
            alias=alias,
            mandate_version=MANDATE_VERSION,
            mandate_text=MANDATE_TEXT,
            idempotency_key=key,
            answers=answers or first,
            errors=errors or {},
        )
        return HTMLResponse(page, 422 if errors else 200)

    @routes.get("/orders/new")
    async def new_order(request: Request, footprint: FootprintText = "", mass_g: MassText = None) -> Any:
        if not footprint and mass_g is None:
            return RedirectResponse("/", 303)
        if order_id := await _own_order(request, deps, footprint):
            return RedirectResponse(f"/orders/{order_id}", 303)
        subject = Subject(footprint, presented(request, footprint) or "", None if footprint else mass_g)
        return await choose(request, subject, key=secrets.token_hex(16))

    @routes.post("/orders")
    async def post_order(
        request: Request,
        idempotency_key: Text,
        footprint: FootprintField = "",
        mass_g: MassField = None,
        offer: Text = "",
        name_kind: Text = "alias",
        name: Text = "",
        mandate: Text = "",
    ) -> Any:
        subject = Subject(footprint, presented(request, footprint) or "", None if footprint else mass_g)
        answers = {"offer": offer, "name_kind": name_kind, "name": name, "mandate": mandate}
        project_id, _, version = offer.partition(":")
        errors: dict[str, str] = {}
        if not version.isdecimal():
            errors["offer"] = Sentence("Choose a project.")
        if name_kind == "own" and (wrong := _wrong_in_name(name)):
            errors["name"] = wrong
        if mandate != "yes":
            errors["mandate"] = Sentence("Without the mandate the credits cannot be cancelled for you.")
        if errors:
            return await choose(request, subject, key=idempotency_key, answers=answers, errors=errors)
        wish = Wish(project_id=project_id, seen_version=int(version), offered=subject.offered, mass_g=subject.mass_g)
        profile = await profile_of(request, deps, None)
        try:
            made, _ = await make_order(
                request,
                deps,
                key=idempotency_key,
                body={"footprint": footprint, "mass_g": mass_g, **answers},
                wish=wish,
                naming=Naming(profile.kind if profile else "person", name if name_kind == "own" else None),
                profile=profile,
                mandate_version=MANDATE_VERSION,
            )
        except tuple(MENDED_AT) as refusal:
            errors = {MENDED_AT[type(refusal)]: refusal.detail}
            return await choose(request, subject, key=idempotency_key, answers=answers, errors=errors)
        answer = RedirectResponse(f"/orders/{made.order_id}", 303)
        keep_capability(answer, made.order_id, made.capability, secure=deps.secure)
        if made.profile_capability:
            keep_capability(answer, made.beneficiary_id, made.profile_capability, secure=deps.secure)
        return answer

    @routes.get("/orders/{order_id}")
    async def order_page(order_id: OrderPath) -> HTMLResponse:
        loaded = await store.order(order_id)
        assert loaded is not None, "the guard has seen it"
        return HTMLResponse(pages.render("order.html", **order_context(loaded.value, deps.provider, now=deps.clock())))

    @routes.post("/orders/{order_id}/payments")
    async def pay(
        request: Request, order_id: OrderPath, idempotency_key: Text, method: Annotated[Method, Form()] = "sandbox"
    ) -> RedirectResponse:
        started = await start_payment(request, deps, order_id, key=idempotency_key, method=method)
        return RedirectResponse(started.url, 303)

    @routes.post("/orders/{order_id}/cancel")
    async def cancel(request: Request, order_id: OrderPath) -> RedirectResponse:
        await handlers.cancel(order_id, cause=cause_of(request))
        return RedirectResponse(f"/orders/{order_id}", 303)

    return routes


def _wrong_in_name(name: str) -> str:
    """Return what a certificate has against a name, empty when it can print it."""
    if not name.strip():
        return Sentence("Write your name, or take the alias.")
    try:
        checked_name(name)
    except (NameInvalid, NameUnprintable) as refusal:
        return refusal.detail
    return ""


async def _own_order(request: Request, deps: Dependencies, footprint_id: str) -> str | None:
    """Return the order that covers the footprint already, if it is this browser's: who went back is led on to it."""
    facts = (await deps.store.footprint_facts([footprint_id])).footprints.get(footprint_id) if footprint_id else None
    covering = await deps.store.covering(facts.root) if facts else None
    if covering is None:
        return None
    order_id, stored = covering
    token = presented(request, order_id)
    return order_id if token and secrets.compare_digest(stored, hash_of("ord", order_id, token)) else None


def _offer(offer: Offer) -> dict[str, Any]:
    listing = offer.listing
    return {
        "project_id": listing.project_id,
        "listing_version": listing.listing_version,
        "names": listing.names,
        "standard": listing.standard,
        "type": words.TYPES.get(listing.type) or listing.type.replace("_", " "),
        "unit_price_fen": listing.unit_price_fen,
        "subtotal_fen": offer.subtotal_fen,
        "total_fen": offer.total_fen,
    }


def order_context(order: Order, provider: Provider, *, now: datetime) -> dict[str, Any]:
    """Return what the page of an order shows."""
    refused, footprints = order.refused, order.wish.footprint_ids
    return {
        "order_id": order.order_id,
        "state": order.state,
        "now": now,
        "footprint_id": footprints[0] if len(footprints) == 1 else "",
        "grams": order.grams,
        "project": order.listing.names,
        "unit_price_fen": order.listing.unit_price_fen,
        "subtotal_fen": order.subtotal_fen,
        "total_fen": order.total_fen,
        "fee_fen": order.fee_fen,
        "currency": order.listing.currency,
        "made_at": order.created_at,
        "deadline": order.due,
        "held_at": order.reached("held"),
        "purchased_at": order.reached("purchased"),
        "retired_at": order.reached("retired"),
        "completed_at": order.reached("completed"),
        "ended_at": order.reached("refused", "expired", "cancelled", "refunded"),
        "reason": refused.reason if refused else "",
        "available_grams": refused.available_grams if refused else None,
        "current_price_fen": refused.unit_price_fen if refused else None,
        "serials": order.allocations,
        "payments": [_payment(payment, provider) for payment in order.payments if payment.received],
        "let_go": [_let_go(payment) for payment in order.payments if payment.authorised and not payment.received],
        "methods": [{"id": method, "name": name} for method, name in provider.methods.items()],
        "certificate_number": order.certified.number if order.certified else "",
        "certificate_href": f"/c/orders/{order.order_id}",
        "idempotency_key": secrets.token_hex(16),
    }


def _payment(payment: Payment, provider: Provider) -> dict[str, Any]:
    received, refund = payment.received, payment.refund
    assert received is not None
    return {
        "method": provider.methods.get(payment.provider, payment.provider),
        "credited": payment.credited,
        "total_fen": received.amount_fen,
        "currency": received.currency,
        "paid_at": received.at,
        "refund": refund
        and {"state": refund.state, "why": refund.why, "at": refund.changed_at, "reference": refund.reference},
    }


def _let_go(payment: Payment) -> dict[str, Any]:
    authorised = payment.authorised
    assert authorised is not None
    return {
        "state": payment.state,
        "why": payment.void_why or "",
        "total_fen": authorised.amount_fen,
        "currency": authorised.currency,
        "at": payment.sent_at or authorised.at,
    }
