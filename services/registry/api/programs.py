"""The registry's addresses for programs: projects, the registrar's commands, retirements."""

from __future__ import annotations

import re
from typing import Annotated, Any

from fastapi import APIRouter, Header, Path, Query, Request, Response
from pydantic import BaseModel, Field

from services.registry.api.retirements import (
    NothingThere,
    OrderIdPath,
    RetirementOfOrder,
    Retirements,
    retirement_of_order,
    retirement_of_serial,
)
from services.registry.domain.commands import Cancellation, ListingContent, Report
from services.registry.domain.ledger import Batch, Listing, Page
from services.registry.handlers.ledger import Answer, Handlers
from services.registry.store.store import Store
from shared.sentence import Sentence
from shared.web.app import cause_of
from shared.web.idempotency import Key, id_of
from shared.web.lists import HOW_MANY, Cursor, ListResponse, page_of, place_of
from shared.web.livemode import Livemode
from shared.web.preconditions import VERSIONED, PreconditionMissing, etag
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
# No chain has more pages.
PAGE_PLACE = re.compile(r"([0-9]{1,12})")
PROJECT_PLACE = re.compile(r"(prj_[0-9A-HJKMNP-TV-Z]{26})")
_VERSION = re.compile(r'"?([0-9]{1,12})"?')
ProjectPath = Annotated[
    str, Path(pattern=r"^prj_[0-9A-HJKMNP-TV-Z]{26}$", description="the project", examples=["prj_" + "0" * 25 + "1"])
]


class Project(BaseModel):
    """A project as it stands: listing, batches with their four figures in grams, and place in the ledger."""

    project_id: Annotated[str, Field(description="its id, for ever")]
    livemode: Livemode
    listing: Annotated[Listing, Field(description="what it shows and asks")]
    batches: Annotated[tuple[Batch, ...], Field(description="its batches by vintage and number")]
    available_g: Annotated[int, Field(description="what may still be ordered, of all batches, in grams")]
    page: Annotated[int, Field(description="the sequence of its ledger's newest page")]
    page_hash: Annotated[str, Field(description="the hash of that page")]


class Projects(ListResponse[Project]):
    """Listed projects by id."""


class Pages(ListResponse[dict[str, Any]]):
    """Pages of a project's ledger by sequence, exactly as they are stored and hashed."""


def api_router(store: Store, handlers: Handlers, *, livemode: bool) -> APIRouter:
    """Build the routes for programs."""
    routes = APIRouter(tags=["registry"])

    @routes.get("/v1/projects", operation_id="list_projects")
    async def list_projects(
        limit: Annotated[int, Query(ge=1, le=100, description=HOW_MANY)] = 20, cursor: Cursor = None
    ) -> Projects:
        """List projects with price, status and figures, by id."""
        (after,) = place_of(cursor, PROJECT_PLACE) if cursor else ("",)
        heads = [head for head in await store.heads() if head.project_id > after]
        page, next_cursor = page_of(heads[: limit + 1], limit, lambda head: (head.project_id,))
        return Projects(
            data=[project_shown(head, livemode=livemode) for head in page],
            has_more=next_cursor is not None,
            next_cursor=next_cursor,
        )

    @routes.get("/v1/projects/{project_id}", operation_id="get_project", responses=VERSIONED)
    async def get_project(project_id: ProjectPath, response: Response) -> Project:
        """Return a project; its ETag is the listing version that a change must name."""
        page = await project_page(store, project_id)
        assert page.listing is not None
        response.headers["ETag"] = etag(page.listing.version)
        return project_shown(page, livemode=livemode)

    @routes.get("/v1/projects/{project_id}/pages", operation_id="list_pages")
    async def list_pages(
        project_id: ProjectPath,
        limit: Annotated[int, Query(ge=1, le=100, description=HOW_MANY)] = 20,
        cursor: Cursor = None,
    ) -> Pages:
        """Return pages of the ledger from the first on, as stored, so that anybody can count them again."""
        (after,) = place_of(cursor, PAGE_PLACE) if cursor else ("0",)
        found = [page async for page in store.raw_pages(project_id, after=int(after), limit=limit + 1)]
        pages, next_cursor = page_of(found, limit, lambda page: (str(page["sequence"]),))
        return Pages(data=list(pages), has_more=next_cursor is not None, next_cursor=next_cursor)

    @routes.post("/v1/projects/{project_id}/listings", operation_id="change_listing", status_code=201)
    async def change_listing(
        request: Request,
        response: Response,
        project_id: ProjectPath,
        content: ListingContent,
        if_match: Annotated[
            str | None, Header(alias="If-Match", description='the listing version looked at; `"0"` before the first')
        ] = None,
    ) -> Project:
        """Make the next version of a listing; the same content again gets the first answer, as it was then."""
        seen = _VERSION.fullmatch(if_match or "")
        if seen is None:
            raise PreconditionMissing(
                'Send If-Match with the listing version that you looked at, "0" for a new project.', field="If-Match"
            )
        answer = await handlers.change_listing(project_id, content, seen=int(seen[1]), cause=cause_of(request))
        _mark(response, answer)
        assert answer.page.listing is not None
        response.headers["ETag"] = etag(answer.page.listing.version)
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
    async def get_retirement_of_order(order_id: OrderIdPath) -> RetirementOfOrder:
        """Return what was retired for an order."""
        return await retirement_of_order(store, order_id, livemode=livemode)

    @routes.get("/v1/retirements/{serial}", operation_id="get_retirement_of_serial")
    async def get_retirement_of_serial(
        serial: Annotated[str, Path(max_length=200, description="a serial, or a range `FIRST-LAST` of one batch")],
        limit: Annotated[int, Query(ge=1, le=100, description=HOW_MANY)] = 20,
        cursor: Cursor = None,
    ) -> Retirements:
        """Return the claims that a serial or a range stands for, and whether it is retired, a range whole."""
        return await retirement_of_serial(store, serial, livemode=livemode, cursor=cursor, limit=limit)

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
