"""The calculator's addresses for people: home, scene and its code, the result, how we count."""

from __future__ import annotations

from dataclasses import asdict
from datetime import date
from typing import Annotated
from urllib.parse import urlencode

from fastapi import APIRouter, Query
from fastapi.responses import HTMLResponse, Response

from services.calculator.api.contexts import result_context
from services.calculator.api.programs import scene_cursor, scene_place
from services.calculator.domain.scenes import COUNTED, LEFT_OUT
from services.calculator.handlers import Handlers, UnknownFootprint
from services.calculator.pages import qr, words
from services.calculator.store.store import Store
from shared.sentence import Sentence
from shared.web.lists import Cursor
from shared.web.pages import Pages

SCENES_SHOWN = 50
QR_KEPT = {"Cache-Control": "public, max-age=86400"}


def page_router(store: Store, handlers: Handlers, pages: Pages, *, public_url: str) -> APIRouter:
    """Build the routes that show things to people."""
    routes = APIRouter(include_in_schema=False)

    @routes.get("/")
    async def home(q: Annotated[str, Query(max_length=80)] = "", cursor: Cursor = None) -> HTMLResponse:
        """Show what there is to count, and a page of the scenes found."""
        found, beyond = await handlers.scenes(
            q.strip(), after=scene_place(cursor) if cursor else None, limit=SCENES_SHOWN
        )
        figures = await store.figures.of([one.scene_id for one in found])
        scenes = [{**dict(one.scene), **asdict(figures[one.scene_id])} for one in found]
        more = urlencode({**({"q": q} if q else {}), "cursor": scene_cursor(beyond)}) if beyond else ""
        return HTMLResponse(
            pages.render("home.html", q=q, scenes=scenes, kinds=words.KINDS, more_href=f"/?{more}" if more else "")
        )

    @routes.get("/S/{code}")
    @routes.get("/s/{code}")
    async def scene(code: str) -> HTMLResponse:
        """Show a scene: what it counts, and how much of that is offset."""
        stored = await handlers.scene(code)
        found, figures = stored.scene, (await store.figures.of([stored.scene_id]))[stored.scene_id]
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
        found = (await handlers.scene(code)).scene
        return Response(qr.svg(public_url, found.code), media_type="image/svg+xml", headers=QR_KEPT)

    @routes.get("/s/{code}/qr.png")
    async def qr_png(code: str) -> Response:
        """Return the same as dots, large enough to print at 12 cm."""
        found = (await handlers.scene(code)).scene
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
        scene = await store.scene_by_id(stored.scene_id) if stored.scene_id else None
        context = result_context(
            handlers,
            stored,
            scene.scene if scene else None,
            replaced_by=await store.replaced_by(footprint_id) or "",
            price=await store.prices.lowest_fen(),
        )
        return HTMLResponse(pages.render("result.html", **context))

    return routes
