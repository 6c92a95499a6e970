"""The calculator's addresses for organisers: their scenes, and the account of what they emitted themselves."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Path, Request, Response
from pydantic import BaseModel, ConfigDict, Field

from services.calculator.api.programs import FootprintRequest, wanted_of
from services.calculator.api.responses import FootprintResponse, SceneResponse, footprint_shown, scene_shown
from services.calculator.domain.answers import Answers
from services.calculator.domain.scenes import Scene
from services.calculator.handlers import Handlers
from services.calculator.store.store import Store
from shared.contracts.event import FootprintId
from shared.web.app import cause_of
from shared.web.auth import Forbidden
from shared.web.idempotency import Key
from shared.web.preconditions import VERSIONED, Conditions, etag

ScenePath = Annotated[str, Path(pattern=r"^scn_[0-9A-HJKMNP-TV-Z]{26}$", description="the scene, by its id")]


class AccountRequest(BaseModel):
    """What the organiser's own people emitted for a scene; with `replaces` the answers of an earlier account change."""

    model_config = ConfigDict(extra="forbid")

    answers: Annotated[Answers, Field(description="what the organiser itself used or had carried")]
    replaces: Annotated[FootprintId | None, Field(description="the account whose answers change")] = None


def organiser_of(request: Request) -> str | None:
    """Return the organiser that the token acts for; none for staff of the exchange."""
    organiser_id = request.state.claims.get("organiser_id")
    return str(organiser_id) if organiser_id else None


def organiser_router(store: Store, handlers: Handlers, *, secret: str, livemode: bool) -> APIRouter:
    """Build the routes for organisers."""
    routes = APIRouter(tags=["organisers"])

    @routes.put("/v1/scenes/{scene_id}", operation_id="put_scene", responses=VERSIONED)
    async def put_scene(
        request: Request, response: Response, scene_id: ScenePath, scene: Scene, precondition: Conditions
    ) -> SceneResponse:
        """Make a scene, or change it as a whole; the same content again changes nothing.

        A change names in If-Match the version that it changes, which is the ETag of the scene.
        """
        version = await handlers.publish_scene(
            scene_id,
            scene,
            organiser_id=organiser_of(request),
            precondition=precondition,
            cause=cause_of(request),
        )
        response.headers["ETag"] = etag(version)
        figures = await store.figures.of([scene_id])
        return scene_shown(scene_id, scene, figures[scene_id], livemode=livemode)

    @routes.post("/v1/scenes/{scene_id}/footprints", operation_id="calculate_account", status_code=201)
    async def calculate_account(
        request: Request,
        response: Response,
        scene_id: ScenePath,
        wish: AccountRequest,
        idempotency_key: Key,
    ) -> FootprintResponse:
        """Count what the organiser's own people emitted, by the same rules as guests; it joins the scene's balance."""
        organiser_id = organiser_of(request)
        if organiser_id is None:
            raise Forbidden("The token names no organiser_id: only staff of the organiser gives its account.")
        scene = await handlers.scene_of(scene_id, organiser_id)
        wanted, token = await wanted_of(
            request,
            store,
            FootprintRequest(scene=scene.code, answers=wish.answers, replaces=wish.replaces),
            key=idempotency_key,
            secret=secret,
            role="organiser",
        )
        stored, replayed = await handlers.calculate(wanted, cause=cause_of(request))
        if replayed:
            response.headers["Idempotency-Replayed"] = "true"
        return await footprint_shown(store, handlers, stored, livemode=livemode, capability=token)

    return routes
