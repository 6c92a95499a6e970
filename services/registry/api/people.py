"""The registry's addresses for people: projects, retirements, the proof of reserves."""

from __future__ import annotations

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
        find = retirement_of_order if of_order else retirement_of_serial
        found = await find(store, about, livemode=livemode)
        batch = None if of_order else await store.batch_of(domain.parse(about).prefix)
        project_id = found.data[0].project_id if found.data else await store.project_of(about.rpartition("-")[0])
        page = await project_page(store, project_id) if project_id else None
        if page is None or page.listing is None:
            raise NothingThere(f"Nothing is known of {about}.")
        claims = [claim for one in found.data for claim in _claims(one, page.batches)]
        if batch is not None:
            claims = [claim for claim in claims if claim["serial"] == about]
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
    starts = {batch.batch_id: (batch.prefix, batch.serial_start) for batch in batches}
    for part in one.allocations:
        prefix, start = starts[part.batch_id]
        gram = part.from_gram
        while gram < part.to_gram:
            end = min(part.to_gram, (gram // domain.GRAMS_PER_TONNE + 1) * domain.GRAMS_PER_TONNE)
            yield {
                "order_id": one.order_id,
                "serial": domain.serial_text(prefix, start, gram),
                "from_gram": gram,
                "to_gram": end,
                "page": one.page,
                "page_hash": one.page_hash,
                "day": one.day,
            }
            gram = end
