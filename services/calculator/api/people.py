"""The calculator's addresses for people: home, scene and its code, the result, how we count."""

from __future__ import annotations

from dataclasses import asdict
from datetime import date
from typing import Annotated

from fastapi import APIRouter, Query
from fastapi.responses import HTMLResponse, Response

from services.calculator.api.contexts import result_context
from services.calculator.domain.scenes import COUNTED, LEFT_OUT
from services.calculator.handlers import Handlers, UnknownFootprint
from services.calculator.pages import qr, words
from services.calculator.store.store import Store
from shared.sentence import Sentence
from shared.web.pages import Pages

QR_KEPT = {"Cache-Control": "public, max-age=86400"}


def page_router(store: Store, handlers: Handlers, pages: Pages, *, public_url: str) -> APIRouter:
    """Build the routes that show things to people."""
    routes = APIRouter(include_in_schema=False)

    @routes.get("/")
    async def home(q: Annotated[str, Query(max_length=80)] = "") -> HTMLResponse:
        """Show what there is to count, and the scenes found."""
        found = await handlers.scenes(q.strip())
        figures = await store.figures.of([scene_id for scene_id, _ in found])
        scenes = [{**dict(scene), **asdict(figures[scene_id])} for scene_id, scene in found]
        return HTMLResponse(pages.render("home.html", q=q, scenes=scenes, kinds=words.KINDS))

    @routes.get("/S/{code}")
    @routes.get("/s/{code}")
    async def scene(code: str) -> HTMLResponse:
        """Show a scene: what it counts, and how much of that is offset."""
        scene_id, found = await handlers.scene(code)
        figures = (await store.figures.of([scene_id]))[scene_id]
        return HTMLResponse(
            pages.render(
                "scene.html",
                scene=found,
                kind=words.KINDS[found.kind],
                status=words.STATUSES[found.status],
                counted=COUNTED,
                left_out=LEFT_OUT[found.kind],
                **asdict(figures),
            )
        )

    @routes.get("/s/{code}/qr.svg")
    async def qr_svg(code: str) -> Response:
        """Return the QR code that a poster shows, as lines: sharp at any size."""
        _, found = await handlers.scene(code)
        return Response(qr.svg(public_url, found.code), media_type="image/svg+xml", headers=QR_KEPT)

    @routes.get("/s/{code}/qr.png")
    async def qr_png(code: str) -> Response:
        """Return the same as dots, large enough to print at 12 cm."""
        _, found = await handlers.scene(code)
        return Response(qr.png(public_url, found.code), media_type="image/png", headers=QR_KEPT)

    @routes.get("/how")
    async def how() -> HTMLResponse:
        """Show by which rules and figures footprints are counted."""
        release = handlers.release
        return HTMLResponse(
            pages.render(
                "how.html",
                release=release.name,
                released_on=date.fromisoformat(release.date),
                factors=len(release.factors),
                licences=release.licences,
            )
        )

    @routes.get("/privacy")
    async def privacy() -> HTMLResponse:
        """Show what is kept of a guest."""
        return HTMLResponse(pages.render("privacy.html"))

    @routes.get("/footprints/{footprint_id}")
    async def result(footprint_id: str) -> HTMLResponse:
        """Show a footprint with its lines, to whoever holds its capability."""
        stored = await store.footprint(footprint_id)
        if stored is None:
            raise UnknownFootprint(Sentence("There is no such footprint."))
        context = result_context(
            handlers,
            stored,
            await store.scene_by_id(stored.scene_id) if stored.scene_id else None,
            replaced_by=await store.replaced_by(footprint_id) or "",
            price=await store.prices.lowest_fen(),
        )
        return HTMLResponse(pages.render("result.html", **context))

    return routes
