"""The addresses of organisers: what a scene has left to neutralise, and how it is neutralised or struck."""

from __future__ import annotations

import re
from typing import Annotated

from fastapi import APIRouter, Path, Query, Request, Response

from services.orders.api.balance_bodies import BalanceResponse, CountedPage, CountedResponse, RestRequest, StrikeRequest
from services.orders.api.dependencies import Dependencies
from services.orders.api.making import minted
from services.orders.api.requests import ProfileChanged
from services.orders.api.responses import OrderMade, ProfileResponse
from services.orders.domain.balance.balance import Standing
from services.orders.handlers.balances import Claiming
from shared.web.app import cause_of
from shared.web.auth import Forbidden
from shared.web.idempotency import Key, id_of
from shared.web.lists import HOW_MANY, Cursor, page_of, place_of
from shared.web.preconditions import VERSIONED, Conditions, IfMatch, Precondition, etag

ScenePath = Annotated[
    str,
    Path(
        pattern=r"^scn_[0-9A-HJKMNP-TV-Z]{26}$",
        description="a scene of the token's organiser",
        examples=["scn_" + "0" * 25 + "1"],
    ),
]
FootprintPath = Annotated[
    str,
    Path(
        pattern=r"^fp_[0-9A-HJKMNP-TV-Z]{26}$",
        description="the footprint that counts of its chain",
        examples=["fp_" + "0" * 25 + "1"],
    ),
]
_ROOT = re.compile(r"(fp_[0-9A-HJKMNP-TV-Z]{26})")


def organiser_of(request: Request) -> str:
    """Return the organiser that the token acts for. Raises Forbidden when it names none."""
    organiser_id = request.state.claims.get("organiser_id")
    if not isinstance(organiser_id, str) or not organiser_id:
        raise Forbidden("The token names no organiser_id. Sign in as staff of an organiser.")
    return organiser_id


def beneficiary_of(organiser_id: str) -> str:
    """Return the beneficiary of an organiser, which follows from it."""
    return id_of("ben", "organiser", organiser_id)


def balance_router(deps: Dependencies) -> APIRouter:
    """Build the routes of organisers."""
    routes = APIRouter(tags=["balances"])
    store, balances, livemode = deps.store, deps.balances, deps.settings.livemode

    @routes.get("/v1/balances/{scene_id}", operation_id="get_balance")
    async def get_balance(request: Request, scene_id: ScenePath) -> BalanceResponse:
        """Return what is left, covered and struck of a scene of the organiser."""
        scene = await balances.scene(scene_id, organiser_of(request))
        return BalanceResponse.of(scene, await store.chains.balance(scene_id), livemode=livemode)

    @routes.get("/v1/balances/{scene_id}/footprints", operation_id="list_counted_footprints")
    async def list_footprints(
        request: Request,
        scene_id: ScenePath,
        standing: Annotated[Standing, Query(description="left, covered by orders, or struck")] = "left",
        limit: Annotated[int, Query(ge=1, le=500, description=HOW_MANY)] = 100,
        cursor: Cursor = None,
    ) -> CountedPage:
        """Return the counting footprints of a scene that stand so, by the root of their chain."""
        await balances.scene(scene_id, organiser_of(request))
        (after,) = place_of(cursor, _ROOT) if cursor else ("",)
        found = await store.chains.page(scene_id, standing, after=after, limit=limit + 1)
        page, next_cursor = page_of(found, limit, lambda chain: (chain.root,))
        return CountedPage(
            livemode=livemode,
            data=[CountedResponse.of(chain) for chain in page],
            has_more=next_cursor is not None,
            next_cursor=next_cursor,
        )

    @routes.get("/v1/balances/{scene_id}/strikes/{footprint_id}", operation_id="get_strike", responses=VERSIONED)
    async def get_strike(
        request: Request, response: Response, scene_id: ScenePath, footprint_id: FootprintPath
    ) -> CountedResponse:
        """Return a footprint that is struck, and why. Its ETag is the version that a change must name."""
        found = await balances.struck(scene_id, footprint_id, organiser_id=organiser_of(request))
        response.headers["ETag"] = etag(found.version)
        return CountedResponse.of(found.chain)

    @routes.put("/v1/balances/{scene_id}/strikes/{footprint_id}", operation_id="strike_footprint", responses=VERSIONED)
    async def put_strike(
        request: Request,
        response: Response,
        scene_id: ScenePath,
        footprint_id: FootprintPath,
        body: StrikeRequest,
        precondition: Conditions,
    ) -> CountedResponse:
        """Strike a footprint from the balance, with a reason; its owner may still neutralise it.

        The same reason again changes nothing. Another one names in If-Match the version that it changes, which is the
        ETag of the strike.
        """
        struck = await balances.strike(
            scene_id,
            footprint_id,
            organiser_id=organiser_of(request),
            reason=body.reason,
            precondition=precondition,
        )
        response.headers["ETag"] = etag(struck.version)
        return CountedResponse.of(struck.chain)

    @routes.delete("/v1/balances/{scene_id}/strikes/{footprint_id}", operation_id="unstrike_footprint")
    async def delete_strike(
        request: Request, scene_id: ScenePath, footprint_id: FootprintPath, if_match: IfMatch = None
    ) -> CountedResponse:
        """Take a footprint back into the balance; with If-Match only at that version of the strike."""
        counted = await balances.strike(
            scene_id,
            footprint_id,
            organiser_id=organiser_of(request),
            reason=None,
            precondition=Precondition(if_match),
        )
        return CountedResponse.of(counted.chain)

    @routes.post("/v1/balances/{scene_id}/orders", operation_id="order_rest", status_code=201)
    async def order_rest(
        request: Request,
        response: Response,
        scene_id: ScenePath,
        body: RestRequest,
        idempotency_key: Key,
    ) -> OrderMade:
        """Make the next order over what is left of a closed scene: up to 500 footprints. Ask again until none is."""
        organiser_id = organiser_of(request)
        mint = minted(
            deps,
            request.state.caller,
            idempotency_key,
            {"scene_id": scene_id, **body.model_dump(mode="json")},
            beneficiary_id=beneficiary_of(organiser_id),
        )
        made = await balances.order(
            Claiming(scene_id, organiser_id, body.project_id, body.listing_version),
            body.beneficiary.naming if body.beneficiary else None,
            mandate_version=body.mandate_version,
            keyed=mint.keyed,
            cause=cause_of(request),
        )
        if made.replayed:
            response.headers["Idempotency-Replayed"] = "true"
        response.headers["Location"] = f"/v1/orders/{made.order.order_id}"
        # Staff comes and goes: the profile is opened by a token that names the organiser, by no capability.
        return OrderMade.made(made.order, livemode=livemode, capability=mint.capability, profile_capability=None)

    @routes.patch("/v1/organiser/beneficiary", operation_id="change_organiser")
    async def change_organiser(request: Request, body: ProfileChanged) -> ProfileResponse:
        """Call or show the organiser otherwise, once it has ordered; board hidden takes it off the boards."""
        beneficiary_id = beneficiary_of(organiser_of(request))
        after = await balances.rename(beneficiary_id, name=body.name, board=body.board, cause=cause_of(request))
        return ProfileResponse.of(after, livemode=livemode)

    return routes
