"""The registry's addresses for people: projects, retirements, the proof of reserves."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from typing import Any

from fastapi import APIRouter
from fastapi.responses import HTMLResponse

from services.registry.api.programs import project_page, project_shown
from services.registry.api.retirements import (
    NothingThere,
    Retirement,
    RetirementOfOrder,
    Retirements,
    retirement_of_order,
    retirement_of_serial,
)
from services.registry.domain.claims import shares
from services.registry.domain.ledger import Batch
from services.registry.domain.registrar import identity_key
from services.registry.domain.serials import parse
from services.registry.pages import words
from services.registry.store.store import Store
from shared.sentence import Sentence
from shared.web.lists import Cursor
from shared.web.pages import Pages

CLAIMS_PER_PAGE = 100


def page_router(store: Store, pages: Pages, *, livemode: bool) -> APIRouter:
    """Build the routes for people."""
    routes = APIRouter(include_in_schema=False)

    @routes.get("/projects")
    async def projects() -> HTMLResponse:
        shown = [project_shown(page, livemode=livemode) for page in await store.heads()]
        return HTMLResponse(pages.render("projects.html", projects=shown, statuses=words.STATUSES))

    @routes.get("/projects/{project_id}")
    async def project(project_id: str) -> HTMLResponse:
        shown = project_shown(await project_page(store, project_id), livemode=livemode)
        return HTMLResponse(pages.render("project.html", project=shown, types=words.TYPES, statuses=words.STATUSES))

    @routes.get("/retirements/{about}")
    async def retirement(about: str, cursor: Cursor = None) -> HTMLResponse:
        found: RetirementOfOrder | Retirements
        next_cursor, cancelled = None, False
        if of_order := about.startswith("ord_"):
            found = await retirement_of_order(store, about, livemode=livemode)
            page = await store.head(found.data[0].project_id)
        else:
            serials = parse(about)
            if serials.first != serials.last:
                first = f"{serials.prefix}-{serials.first}"
                raise NothingThere(Sentence("This page is for one serial, such as {serial}.", serial=first))
            found = await retirement_of_serial(store, about, livemode=livemode, cursor=cursor, limit=CLAIMS_PER_PAGE)
            next_cursor, cancelled = found.next_cursor, found.cancelled
            identity = identity_key(serials.standard, serials.place, serials.project)
            page = await store.head_of_identity(identity)
        assert page is not None
        assert page.listing is not None
        claims = [
            claim for one in found.data for claim in _claims(one, page.batches) if of_order or claim["serial"] == about
        ]
        return HTMLResponse(
            pages.render(
                "retirement.html",
                about=about,
                kind="order" if of_order else "serial",
                project={"project_id": page.project_id, "names": page.listing.names},
                retired=found.retired,
                cancelled=cancelled,
                claimed_g=found.claimed_g,
                claims=claims,
                whole=not cursor and not next_cursor,
                next_cursor=next_cursor,
            )
        )

    @routes.get("/proof")
    async def proof() -> HTMLResponse:
        found, pages_counted = await store.recounts.last()
        names = {page.project_id: page.listing.names for page in await store.heads() if page.listing}
        return HTMLResponse(
            pages.render(
                "proof.html",
                recounted_at=found.recounted_at if found else None,
                reread_at=found.reread_at if found else None,
                pages_counted=pages_counted,
                projects=[
                    {"names": names[proof.project_id], "proof": proof}
                    for proof in (found.projects if found else ())
                    if proof.project_id in names
                ],
            )
        )

    return routes


def _claims(one: Retirement, batches: tuple[Batch, ...]) -> Iterator[dict[str, Any]]:
    """Yield one row per serial that the allocations touch."""
    by_id = {batch.batch_id: batch for batch in batches}
    where = {"order_id": one.order_id, "page": one.page, "page_hash": one.page_hash, "day": one.day}
    for part in one.allocations:
        for share in shares(by_id[part.batch_id], part):
            yield {**where, **dataclasses.asdict(share)}
