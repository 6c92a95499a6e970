"""The proof of reserves for programs: the last finished recount, and a request for one that reads all pages again."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated

from fastapi import APIRouter, Query
from pydantic import BaseModel, Field

from services.registry.api.programs import PROJECT_PLACE
from services.registry.domain.proof import Proof
from services.registry.store.store import Store
from shared.web.lists import HOW_MANY, Cursor, ListResponse, page_of, place_of
from shared.web.livemode import Livemode


class Requested(BaseModel):
    """The request is recorded."""

    livemode: Livemode


class Reserves(ListResponse[Proof]):
    """The last finished recount of all projects, and how many pages it, or the one under way, has counted.

    A recount goes on from the pages that are proven; once a day, and on request, it reads all pages again.
    """

    livemode: Livemode
    recounted_at: Annotated[datetime | None, Field(description="none until the first recount has finished")]
    reread_at: Annotated[datetime | None, Field(description="when all pages had last been read again from the first")]
    seconds: Annotated[float | None, Field(description="how long that reading took")]
    pages_counted: Annotated[int, Field(description="by the recount under way, or by the last one")]


def reserves_router(store: Store, *, livemode: bool) -> APIRouter:
    """Build the routes of the proof of reserves."""
    routes = APIRouter(tags=["registry"])

    @routes.get("/v1/proof", operation_id="get_proof")
    async def get_proof(
        limit: Annotated[int, Query(ge=1, le=500, description=HOW_MANY)] = 100, cursor: Cursor = None
    ) -> Reserves:
        """Return the last finished recount: per batch issued = available + held + allocated + cancelled."""
        (after,) = place_of(cursor, PROJECT_PLACE) if cursor else ("",)
        proof, pages_counted = await store.recounts.last()
        found = sorted(proof.projects if proof else (), key=lambda one: one.project_id)
        behind = [one for one in found if one.project_id > after]
        page, next_cursor = page_of(behind[: limit + 1], limit, lambda one: (one.project_id,))
        return Reserves(
            livemode=livemode,
            recounted_at=proof.recounted_at if proof else None,
            reread_at=proof.reread_at if proof else None,
            seconds=proof.seconds if proof else None,
            pages_counted=pages_counted,
            data=list(page),
            has_more=next_cursor is not None,
            next_cursor=next_cursor,
        )

    @routes.post("/v1/proof/recounts", operation_id="request_recount", status_code=202)
    async def request_recount() -> Requested:
        """Let all pages be read again from the first; `GET /v1/proof` shows a later `reread_at` when that is done."""
        await store.recounts.request()
        return Requested(livemode=livemode)

    return routes
