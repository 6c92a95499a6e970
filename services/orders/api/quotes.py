"""The price list for programs: what is wished for at every project on sale."""

from __future__ import annotations

import re
from typing import Annotated

from fastapi import APIRouter, Query

from services.orders.api.dependencies import Dependencies
from services.orders.api.requests import QuoteRequest
from services.orders.api.responses import OfferResponse, Quote
from services.orders.domain.beneficiary.beneficiary import MANDATE_TEXT, MANDATE_VERSION
from services.orders.domain.order.offers import QUOTE_LIFE, Offer, OfferPlace, price_list
from shared.refusal import Refusal
from shared.web.lists import HOW_MANY, Cursor, page_of, place_of

_OFFER_PLACE = re.compile(r"(first|other) ([0-9]{1,15}) (prj_[0-9A-HJKMNP-TV-Z]{26})")


class FootprintUnknown(Refusal):
    """The footprint has not arrived yet (404)."""

    code = "footprint_unknown"


def quote_router(deps: Dependencies) -> APIRouter:
    """Build the route of quotes."""
    routes = APIRouter(tags=["orders"])
    store, livemode = deps.store, deps.settings.livemode

    @routes.post("/v1/quotes", operation_id="make_quote")
    async def make_quote(
        body: QuoteRequest,
        limit: Annotated[int, Query(ge=1, le=100, description=HOW_MANY)] = 50,
        cursor: Cursor = None,
    ) -> Quote:
        """Return the price of exactly this at every project on sale, CDCER first, then by price.

        The next page is the answer to the same body with the cursor.
        """
        after = _offer_place(cursor) if cursor else None
        mass_g = body.mass_g
        if body.footprint_ids:
            facts = await store.footprint_facts(body.footprint_ids)
            if missing := [one for one in body.footprint_ids if one not in facts.footprints]:
                raise FootprintUnknown(
                    f"{missing[0]} is not known here. If it was counted just now, ask again in a second.",
                    field="footprint_ids",
                )
            mass_g = sum(footprint.grams for footprint in facts.footprints.values())
        offers = price_list(
            await store.copies.listings(), mass_g=mass_g, money_fen=body.money_fen, fee_fen=deps.fee_fen
        )
        behind = [offer for offer in offers if after is None or offer.place > after]
        page, next_cursor = page_of(behind[: limit + 1], limit, _offer_texts)
        return Quote(
            livemode=livemode,
            mandate_version=MANDATE_VERSION,
            mandate_text=MANDATE_TEXT,
            ask_again_at=deps.clock() + QUOTE_LIFE,
            data=[_offer(offer) for offer in page],
            has_more=next_cursor is not None,
            next_cursor=next_cursor,
        )

    return routes


def _offer(offer: Offer) -> OfferResponse:
    listing = offer.listing
    return OfferResponse(
        project_id=listing.project_id,
        names=listing.names,
        standard=listing.standard,
        type=listing.type,
        listing_version=listing.listing_version,
        unit_price_fen=listing.unit_price_fen,
        mass_g=offer.grams,
        subtotal_fen=offer.subtotal_fen,
        fee_fen=offer.fee_fen,
        total_fen=offer.total_fen,
        currency=listing.currency,
    )


def _offer_texts(offer: Offer) -> tuple[str, ...]:
    is_other, unit_price_fen, project_id = offer.place
    return "other" if is_other else "first", str(unit_price_fen), project_id


def _offer_place(cursor: str) -> OfferPlace:
    standard, unit_price_fen, project_id = place_of(cursor, _OFFER_PLACE)
    return standard == "other", int(unit_price_fen), project_id
