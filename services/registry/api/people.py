"""The registry's addresses for people: projects, retirements, the proof of reserves."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from typing import Any

from fastapi import APIRouter
from fastapi.responses import HTMLResponse

from services.registry import domain
from services.registry.api.programs import (
    NothingThere,
    ProofPending,
    Retirement,
    project_page,
    project_shown,
    retirement_of_order,
    retirement_of_serial,
)
from services.registry.handlers import Handlers
from services.registry.store import Store
from shared.web.pages import Pages


def page_router(store: Store, handlers: Handlers, pages: Pages, *, livemode: bool) -> APIRouter:
    """Build the routes for people."""
    routes = APIRouter(include_in_schema=False)

    @routes.get("/projects")
    async def projects() -> HTMLResponse:
        shown = [project_shown(page, livemode=livemode) for page in await store.projects()]
        return HTMLResponse(pages.render("projects.html", projects=shown))

    @routes.get("/projects/{project_id}")
    async def project(project_id: str) -> HTMLResponse:
        shown = project_shown(await project_page(store, project_id), livemode=livemode)
        return HTMLResponse(pages.render("project.html", project=shown))

    @routes.get("/retirements/{about}")
    async def retirement(about: str) -> HTMLResponse:
        of_order = about.startswith("ord_")
        if of_order:
            found = await retirement_of_order(store, about, livemode=livemode)
            project_id = found.data[0].project_id
        else:
            serials = domain.parse(about)
            if serials.first != serials.last:
                raise NothingThere(f"This page is for one serial, such as {serials.prefix}-{serials.first}.")
            found = await retirement_of_serial(store, about, livemode=livemode)
            project_id = await store.project_of(serials.prefix) or ""
        page = await project_page(store, project_id)
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
                claims=claims,
            )
        )

    @routes.get("/proof")
    async def proof() -> HTMLResponse:
        if handlers.proof is None:
            raise ProofPending("The first recount has not finished. Ask again in a few seconds.")
        names = {page.project_id: page.listing.names for page in await store.projects() if page.listing}
        return HTMLResponse(
            pages.render(
                "proof.html",
                recounted_at=handlers.proof.recounted_at,
                projects=[
                    {"names": names[proof.project_id], "proof": proof}
                    for proof in handlers.proof.projects
                    if proof.project_id in names
                ],
            )
        )

    return routes


def _claims(one: Retirement, batches: tuple[domain.Batch, ...]) -> Iterator[dict[str, Any]]:
    """Yield one row per serial that the allocations touch."""
    by_id = {batch.batch_id: batch for batch in batches}
    where = {"order_id": one.order_id, "page": one.page, "page_hash": one.page_hash, "day": one.day}
    for part in one.allocations:
        for share in domain.shares(by_id[part.batch_id], part):
            yield {**where, **dataclasses.asdict(share)}
