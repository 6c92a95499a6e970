"""The registry's addresses for programs: projects, the registrar's commands, retirements, the proof of reserves."""

from __future__ import annotations

import re
from datetime import datetime
from typing import Annotated, Any

from fastapi import APIRouter, Header, Path, Query, Request, Response
from pydantic import BaseModel, Field

from services.registry.api.retirements import (
    FromGram,
    NothingThere,
    Retirements,
    retirement_of_order,
    retirement_of_serial,
)
from services.registry.domain.commands import Cancellation, ListingContent, Report
from services.registry.domain.ledger import Batch, Listing, Page
from services.registry.domain.proof import Proof
from services.registry.handlers.ledger import Answer, Handlers
from services.registry.store.store import Store
from shared.refusal import Refusal
from shared.sentence import Sentence
from shared.web.app import cause_of
from shared.web.idempotency import Key, id_of
from shared.web.problems import Problem

# What an operation with a key answers beside its own.
KEYED: dict[int | str, dict[str, Any]] = {
    201: {
        "headers": {
            "Idempotency-Replayed": {
                "description": '"true" when this is the answer of an earlier request, as it was then',
                "schema": {"type": "string", "const": "true"},
            }
        }
    },
    400: {"model": Problem, "description": "`idempotency_key_missing`"},
    409: {"model": Problem, "description": "it does not fit what is issued; nothing was done"},
    422: {"model": Problem, "description": "`idempotency_key_reused`: the key came with another body, or project"},
}
# No chain has more pages, nor a listing more versions.
SEQUENCE_MAX = 10**12
_VERSION = re.compile(r'"?([0-9]{1,12})"?')
ProjectPath = Annotated[str, Path(pattern=r"^prj_[0-9A-HJKMNP-TV-Z]{26}$", examples=["prj_" + "0" * 25 + "1"])]


class VersionMissing(Refusal):
    """A change must say which version it changes (428)."""

    code = "if_match_missing"


class Project(BaseModel):
    """A project as it stands: listing, batches with their four figures in grams, and place in the ledger."""

    project_id: str
    livemode: bool
    listing: Listing
    batches: tuple[Batch, ...]
    available_g: int
    page: int
    page_hash: str


class Projects(BaseModel):
    """All listed projects; there are few enough for one answer."""

    data: list[Project]
    has_more: bool = False
    next_cursor: str | None = None


class Pages(BaseModel):
    """Pages of a project's ledger exactly as they are stored and hashed."""

    data: list[dict[str, Any]]
    has_more: bool
    next_cursor: str | None


class Requested(BaseModel):
    """The request is recorded."""

    livemode: bool


class Reserves(BaseModel):
    """The last finished recount of all projects, and how many pages it, or the one under way, has counted.

    A recount goes on from the pages that are proven; once a day, and on request, it reads all pages again.
    """

    livemode: bool
    recounted_at: Annotated[datetime | None, Field(description="none until the first recount has finished")]
    reread_at: Annotated[datetime | None, Field(description="when all pages had last been read again from the first")]
    seconds: Annotated[float | None, Field(description="how long that reading took")]
    pages_counted: Annotated[int, Field(description="by the recount under way, or by the last one")]
    data: tuple[Proof, ...]


def api_router(store: Store, handlers: Handlers, *, livemode: bool) -> APIRouter:
    """Build the routes for programs."""
    routes = APIRouter(tags=["registry"])

    @routes.get("/v1/projects", operation_id="list_projects")
    async def list_projects() -> Projects:
        """List all projects with price, status and figures."""
        return Projects(data=[project_shown(page, livemode=livemode) for page in await store.heads()])

    @routes.get("/v1/projects/{project_id}", operation_id="get_project")
    async def get_project(project_id: ProjectPath, response: Response) -> Project:
        """Return a project; its ETag is the listing version that a change must name."""
        page = await project_page(store, project_id)
        assert page.listing is not None
        response.headers["ETag"] = f'"{page.listing.version}"'
        return project_shown(page, livemode=livemode)

    @routes.get("/v1/projects/{project_id}/pages", operation_id="list_pages")
    async def list_pages(
        project_id: ProjectPath,
        after: Annotated[int, Query(ge=0, le=SEQUENCE_MAX)] = 0,
        limit: Annotated[int, Query(ge=1, le=100)] = 20,
    ) -> Pages:
        """Return pages of the ledger after a sequence, as stored, so that anybody can count them again."""
        pages = [page async for page in store.raw_pages(project_id, after=after, limit=limit + 1)]
        more = len(pages) > limit
        return Pages(data=pages[:limit], has_more=more, next_cursor=str(pages[limit - 1]["sequence"]) if more else None)

    @routes.post("/v1/projects/{project_id}/listings", operation_id="change_listing", status_code=201)
    async def change_listing(
        request: Request,
        response: Response,
        project_id: ProjectPath,
        content: ListingContent,
        if_match: Annotated[str | None, Header(description='the version looked at, "0" before the first')] = None,
    ) -> Project:
        """Make the next version of a listing; the same content again gets the first answer, as it was then."""
        seen = _VERSION.fullmatch(if_match or "")
        if seen is None:
            raise VersionMissing('Send If-Match with the listing version that you looked at, "0" for a new project.')
        answer = await handlers.change_listing(project_id, content, seen=int(seen[1]), cause=cause_of(request))
        _mark(response, answer)
        return project_shown(answer.page, livemode=livemode)

    @routes.post("/v1/projects/{project_id}/batches", operation_id="issue_batch", status_code=201, responses=KEYED)
    async def issue_batch(
        request: Request,
        response: Response,
        project_id: ProjectPath,
        report: Report,
        idempotency_key: Key,
    ) -> Batch:
        """Issue a batch for a verified report; the same report again gives the same batch, as it was then."""
        batch_id = id_of("bat", request.state.caller, idempotency_key)
        await project_page(store, project_id)
        answer = await handlers.issue(project_id, report, batch_id=batch_id, cause=cause_of(request))
        _mark(response, answer)
        return next(batch for batch in answer.page.batches if batch.report_hash == report.report_hash)

    @routes.post(
        "/v1/projects/{project_id}/cancellations", operation_id="cancel_tonnes", status_code=201, responses=KEYED
    )
    async def cancel_tonnes(
        request: Request,
        response: Response,
        project_id: ProjectPath,
        cancellation: Cancellation,
        idempotency_key: Key,
    ) -> Project:
        """Cancel whole tonnes without a claim, from the end of a batch's line; a repeat gets the answer of then."""
        key = id_of("can", request.state.caller, idempotency_key)
        await project_page(store, project_id)
        answer = await handlers.cancel(project_id, cancellation, cancellation_id=key, cause=cause_of(request))
        _mark(response, answer)
        return project_shown(answer.page, livemode=livemode)

    @routes.get("/v1/order-retirements/{order_id}", operation_id="get_retirement_of_order")
    async def get_retirement_of_order(order_id: str) -> Retirements:
        """Return what was retired for an order."""
        return await retirement_of_order(store, order_id, livemode=livemode)

    @routes.get("/v1/retirements/{serial}", operation_id="get_retirement_of_serial")
    async def get_retirement_of_serial(
        serial: str, cursor: FromGram = 0, limit: Annotated[int, Query(ge=1, le=100)] = 20
    ) -> Retirements:
        """Return the claims that a serial or a range stands for, and whether it is retired, a range whole."""
        return await retirement_of_serial(store, serial, livemode=livemode, cursor=cursor, limit=limit)

    @routes.get("/v1/proof", operation_id="get_proof")
    async def get_proof() -> Reserves:
        """Return the last finished recount: per batch issued = available + held + allocated + cancelled."""
        proof, pages_counted = await store.recounts.last()
        return Reserves(
            livemode=livemode,
            recounted_at=proof.recounted_at if proof else None,
            reread_at=proof.reread_at if proof else None,
            seconds=proof.seconds if proof else None,
            pages_counted=pages_counted,
            data=proof.projects if proof else (),
        )

    @routes.post("/v1/proof/recounts", operation_id="request_recount", status_code=202)
    async def request_recount() -> Requested:
        """Let all pages be read again from the first; `GET /v1/proof` shows a later `reread_at` when that is done."""
        await store.recounts.request()
        return Requested(livemode=livemode)

    return routes


def project_shown(page: Page, *, livemode: bool) -> Project:
    """Return the project as its newest page has it."""
    assert page.listing is not None
    return Project(
        project_id=page.project_id,
        livemode=livemode,
        listing=page.listing,
        batches=page.batches,
        available_g=page.available,
        page=page.sequence,
        page_hash=page.hash,
    )


async def project_page(store: Store, project_id: str) -> Page:
    """Return the newest page of a listed project, without its entries. Raises NothingThere."""
    page = await store.head(project_id)
    if page is None or page.listing is None:
        raise NothingThere(
            Sentence("There is no project {project}. See /projects for those that are listed.", project=project_id)
        )
    return page


def _mark(response: Response, answer: Answer) -> None:
    if answer.replayed:
        response.headers["Idempotency-Replayed"] = "true"
