"""Rebuilds for those who run the system: all replicas fold everything again, and say what they found."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated

from fastapi import APIRouter, Path, Request
from pydantic import BaseModel, Field

from services.ranking.api.requests import NotFound
from services.ranking.domain.comparison import Progress
from services.ranking.handlers import Handlers
from shared.web.idempotency import Key, id_of
from shared.web.livemode import Livemode

Number = Annotated[int, Path(ge=1, le=10**15, description="the number that asking for it gave")]


class Rebuild(BaseModel):
    """A rebuild that was requested, and how far each replica is that has begun it.

    A replica is done when it has its comparison: of the facts that it had before with those of the log, and of the
    boards that somebody has looked at. From then on it answers from the rebuilt ones.
    """

    rebuild: Annotated[int, Field(description="its number")]
    livemode: Livemode
    requested_at: Annotated[datetime, Field(description="when it was asked for")]
    replicas: Annotated[list[Progress], Field(description="a replica looks every two seconds, and begins then")]


def staff_router(handlers: Handlers, *, livemode: bool) -> APIRouter:
    """Build the routes for staff."""
    routes = APIRouter(tags=["staff"])

    async def progress_of(number: int) -> Rebuild:
        found = await handlers.rebuild(number)
        if found is None:
            raise NotFound(f"There is no rebuild {number}. Ask for one with POST /v1/board-rebuilds.")
        requested_at, replicas = found
        return Rebuild(rebuild=number, livemode=livemode, requested_at=requested_at, replicas=replicas)

    @routes.post("/v1/board-rebuilds", operation_id="rebuild_boards", status_code=202)
    async def rebuild_boards(request: Request, idempotency_key: Key) -> Rebuild:
        """Have every replica fold the log again from the first message, compare and swap; boards answer meanwhile."""
        caller = request.state.caller
        return await progress_of(await handlers.request_rebuild(id_of("rebuild", caller, idempotency_key), by=caller))

    @routes.get("/v1/board-rebuilds/{rebuild}", operation_id="get_rebuild")
    async def get_rebuild(rebuild: Number) -> Rebuild:
        """Return how far a rebuild is."""
        return await progress_of(rebuild)

    return routes
