"""The calculator's addresses for programs: scenes, airports, footprints."""

from __future__ import annotations

import re
from typing import Annotated

from fastapi import APIRouter, Path, Query, Request, Response
from pydantic import BaseModel, ConfigDict, Field

from services.calculator.api.responses import (
    AirportResponse,
    Airports,
    FootprintResponse,
    SceneResponse,
    Scenes,
    footprint_shown,
    scene_shown,
)
from services.calculator.domain.answers import Answers
from services.calculator.domain.footprint import Role
from services.calculator.handlers import HOME, Handlers, UnknownFootprint, Wanted
from services.calculator.pages import places
from services.calculator.store.directory import DirectoryPlace
from services.calculator.store.store import Store
from shared.contracts.event import Country, FootprintId
from shared.sentence import Sentence
from shared.web import languages
from shared.web.app import cause_of
from shared.web.auth import Forbidden, Unauthenticated, hash_of, presented, token_of
from shared.web.idempotency import Key, body_hash, id_of
from shared.web.lists import HOW_MANY, Cursor, cursor_of, cursor_unknown, page_of, place_of
from shared.web.preconditions import VERSIONED, etag

_SCENE_PLACE = re.compile(r"(open|closed) ([0-9A-Z]{4,12}) (scn_[0-9A-HJKMNP-TV-Z]{26})")
_AIRPORT_PLACE = re.compile(r"([A-Z]{3})")


class FootprintRequest(BaseModel):
    """A visit to be counted, or without a scene a year of life; `replaces` changes the answers of an earlier one."""

    model_config = ConfigDict(extra="forbid")

    scene: Annotated[
        str | None,
        Field(
            pattern=r"^[0-9A-Za-z]{1,40}$",
            description="the code of the scene; none for a year of life",
            examples=["FORUM26"],
        ),
    ] = None
    country: Annotated[Country, Field(description="ISO 3166-1 alpha-2, where the year was lived")] = HOME
    answers: Annotated[Answers, Field(description="what the guest did")]
    replaces: Annotated[FootprintId | None, Field(description="the footprint whose answers change")] = None


def api_router(store: Store, handlers: Handlers, *, secret: str, livemode: bool) -> APIRouter:
    """Build the routes for programs."""
    routes = APIRouter(tags=["calculator"])

    @routes.get("/v1/scenes", operation_id="list_scenes")
    async def list_scenes(
        q: Annotated[
            str, Query(max_length=80, description="a part of the code, a name, the city or the place; all without it")
        ] = "",
        limit: Annotated[int, Query(ge=1, le=100, description=HOW_MANY)] = 50,
        cursor: Cursor = None,
    ) -> Scenes:
        """Find scenes that are open or closed."""
        found, beyond = await handlers.scenes(q, after=scene_place(cursor) if cursor else None, limit=limit)
        figures = await store.figures.of([one.scene_id for one in found])
        return Scenes(
            data=[scene_shown(one.scene_id, one.scene, figures[one.scene_id], livemode=livemode) for one in found],
            has_more=beyond is not None,
            next_cursor=scene_cursor(beyond) if beyond else None,
        )

    @routes.get("/v1/scenes/{scene_id}", operation_id="get_scene", responses=VERSIONED)
    async def get_scene(
        response: Response,
        scene_id: Annotated[
            str, Path(max_length=200, description="the code on its poster, in capitals or not, or the id of the scene")
        ],
    ) -> SceneResponse:
        """Return a scene by its id or its code. Its ETag is the version that a change must name."""
        found = await handlers.scene(scene_id, field="scene_id")
        response.headers["ETag"] = etag(found.version)
        figures = await store.figures.of([found.scene_id])
        return scene_shown(found.scene_id, found.scene, figures[found.scene_id], livemode=livemode)

    @routes.get("/v1/airports", operation_id="find_airports")
    async def find_airports(
        q: Annotated[
            str, Query(max_length=80, description="code, name, or city in English, Chinese or Hindi, or a part of it")
        ],
        limit: Annotated[int, Query(ge=1, le=50, description=HOW_MANY)] = 10,
        cursor: Cursor = None,
    ) -> Airports:
        """Find airports by code, name or city, the best first."""
        found = places.found(q, handlers.release)
        if cursor:
            (last,) = place_of(cursor, _AIRPORT_PLACE)
            codes = [airport.iata for airport in found]
            if last not in codes:
                raise cursor_unknown()
            found = found[codes.index(last) + 1 :]
        page, next_cursor = page_of(found[: limit + 1], limit, lambda airport: (airport.iata,))
        return Airports(
            data=[
                AirportResponse(
                    iata=airport.iata,
                    name=airport.name,
                    city=airport.city,
                    country=airport.country,
                    text=places.written(airport, languages.current().language),
                )
                for airport in page
            ],
            has_more=next_cursor is not None,
            next_cursor=next_cursor,
        )

    @routes.post("/v1/footprints", operation_id="calculate_footprint", status_code=201)
    async def calculate_footprint(
        request: Request,
        response: Response,
        wish: FootprintRequest,
        idempotency_key: Key,
    ) -> FootprintResponse:
        """Count a visit; the answer shows the capability that may neutralise it."""
        wanted, token = await wanted_of(request, store, wish, key=idempotency_key, secret=secret)
        stored, replayed = await handlers.calculate(wanted, cause=cause_of(request))
        if replayed:
            response.headers["Idempotency-Replayed"] = "true"
        return await footprint_shown(store, handlers, stored, livemode=livemode, capability=token)

    @routes.get("/v1/footprints/{footprint_id}", operation_id="get_footprint")
    async def get_footprint(
        footprint_id: Annotated[str, Path(max_length=200, description="the footprint")],
    ) -> FootprintResponse:
        """Return a footprint with its lines, recomputed from its own place, answers and release."""
        stored = await store.footprint(footprint_id)
        if stored is None:
            raise UnknownFootprint(Sentence("There is no such footprint."))
        return await footprint_shown(store, handlers, stored, livemode=livemode)

    return routes


def scene_cursor(place: DirectoryPlace) -> str:
    """Return the cursor that goes on after a scene."""
    is_closed, code, scene_id = place
    return cursor_of("closed" if is_closed else "open", code, scene_id)


def scene_place(cursor: str) -> DirectoryPlace:
    """Return the scene that a cursor goes on after. Raises CursorUnknown."""
    status, code, scene_id = place_of(cursor, _SCENE_PLACE)
    return status == "closed", code, scene_id


async def wanted_of(
    request: Request, store: Store, wish: FootprintRequest, *, key: str, secret: str, role: Role = "guest"
) -> tuple[Wanted, str]:
    """Return what is to be made, and its capability: a new one, or that of the footprint it replaces.

    Raises Unauthenticated or Forbidden when the capability of what it replaces is not shown.
    """
    # A guest's caller is nobody known, that of staff is the subject of its token.
    footprint_id = id_of("fp", request.state.caller, key)
    token = token_of(secret, "fp", footprint_id, key)
    if wish.replaces is not None:
        token = await _token_of_old(request, store, wish.replaces)
    return Wanted(
        footprint_id=footprint_id,
        claim_hash=hash_of("fp", footprint_id, token),
        request_hash=body_hash(wish.model_dump(mode="json")),
        scene_code=wish.scene,
        answers=wish.answers,
        replaces=wish.replaces,
        role=role,
        # The gateway says from where a request comes; what a client says of that itself, it leaves out.
        address=request.client.host if role == "guest" and request.client else None,
        country=wish.country,
    ), token


async def _token_of_old(request: Request, store: Store, footprint_id: str) -> str:
    token = presented(request, footprint_id)
    if token is None:
        raise Unauthenticated("Only who made a footprint may change its answers: show its capability.")
    if hash_of("fp", footprint_id, token) != await store.claim_hash(footprint_id):
        raise Forbidden("The capability does not fit the footprint to be changed.")
    return token
