"""The people's board as a page: the first ranks, and whoever asks among their neighbours."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import Annotated, Any
from urllib.parse import urlencode

from fastapi import APIRouter, Query, Request
from fastapi.responses import HTMLResponse, RedirectResponse

from services.ranking.api.asking import asker, selected
from services.ranking.api.cursors import Cursors
from services.ranking.api.programs import NEIGHBOURS
from services.ranking.domain import Boards, Row, WindowKind
from shared.web.pages import Pages, english

ROWS = 20
SCENES_OFFERED = 5
ADDRESS = "/boards/people"
WINDOWS: dict[WindowKind, str] = {
    "day": "today",
    "week": "this week",
    "month": "this month",
    "year": "this year",
    "all": "all time",
}


def page_router(boards: Boards, clock: Callable[[], datetime], cursors: Cursors, pages: Pages) -> APIRouter:
    """Build the routes for people."""
    routes = APIRouter(tags=["pages"], include_in_schema=False)

    @routes.get("/boards", operation_id="find_boards")
    async def find_boards() -> RedirectResponse:
        """Lead to the people's board."""
        return RedirectResponse(ADDRESS, 307)

    @routes.get(ADDRESS, operation_id="show_people", response_class=HTMLResponse)
    async def show_people(
        request: Request,
        scene: Annotated[str | None, Query(max_length=40)] = None,
        city: Annotated[str | None, Query(max_length=60)] = None,
        window: WindowKind = "all",
        after: Annotated[str | None, Query(max_length=400)] = None,
    ) -> HTMLResponse:
        """Show the first ranks and whoever asks among their neighbours, or the ranks after a cursor."""
        standing = boards.standing(selected(boards, "people", window=window, scene=scene, city=city), clock())
        ranking = standing.ranking
        start = ranking.position_after(cursors.open(standing, after)) if after else 0
        rows = ranking.rows(start, start + ROWS)
        me = asker(request, boards)
        position = ranking.position(me) if me else None
        around: list[Row] = []
        gap = None
        where = {"scene": scene, "city": city}
        # On later pages the own line is marked where it stands, and not brought along.
        if position is not None and position >= ROWS and not after:
            first = max(ROWS, position - NEIGHBOURS)
            around = ranking.rows(first, position + NEIGHBOURS + 1)
            if first > ROWS:
                href = _link(where, window, cursors.seal(standing, rows[-1].key))
                gap = {"first": ranking.at(ROWS).rank, "last": ranking.at(first - 1).rank, "href": href}
        last = [*rows, *around][-1:]
        goes_on = any(ranking.position_after(row.key) < len(ranking) for row in last)

        def shown(row: Row) -> dict[str, Any]:
            name = boards.name(row.member)
            return {"rank": row.rank, "tied": row.tied, "name": name, "value": row.value, "own": row.member == me}

        page = pages.render(
            "board.html",
            scene=found.names if scene and (found := boards.scene(scene)) else None,
            scopes=_scopes(boards, where, window),
            windows=[
                {"name": name, "href": _link(where, kind), "current": kind == window} for kind, name in WINDOWS.items()
            ],
            members=len(ranking),
            own=shown(ranking.at(position)) if position is not None else None,
            rows=[shown(row) for row in rows],
            gap=gap,
            around=[shown(row) for row in around],
            next_href=_link(where, window, cursors.seal(standing, last[0].key)) if goes_on else "",
            as_of=boards.as_of or clock(),
        )
        return HTMLResponse(page)

    return routes


def _scopes(boards: Boards, where: dict[str, str | None], window: WindowKind) -> list[dict[str, Any]]:
    """Everywhere, the city and the scene at hand, and the scenes with the most certificates."""
    at_hand = boards.scene(where["scene"]) if where["scene"] else None
    city = at_hand.city if at_hand else where["city"]
    scenes = {scene.scene_id: scene for scene in boards.busiest_scenes(SCENES_OFFERED)}
    if at_hand:
        scenes.setdefault(at_hand.scene_id, at_hand)
    scopes = [_scope("everywhere", {}, window, current=not any(where.values()))]
    if city:
        # A city is named after the code of its province.
        scopes.append(_scope(city.partition(" ")[2] or city, {"city": city}, window, current=bool(where["city"])))
    return scopes + [
        _scope(english(scene.names), {"scene": scene.code}, window, current=scene is at_hand)
        for scene in scenes.values()
    ]


def _scope(name: str, where: dict[str, str | None], window: WindowKind, *, current: bool) -> dict[str, Any]:
    return {"name": name, "href": _link(where, window), "current": current}


def _link(where: dict[str, str | None], window: WindowKind, after: str | None = None) -> str:
    asked = {**where, "window": None if window == "all" else window, "after": after}
    query = urlencode({name: value for name, value in asked.items() if value})
    return f"{ADDRESS}?{query}" if query else ADDRESS
