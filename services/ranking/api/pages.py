"""The boards as pages: the first ranks of any board, and the own line among its neighbours."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import Annotated, Any

from fastapi import APIRouter, Query, Request
from fastapi.responses import HTMLResponse, RedirectResponse

from services.ranking.api.cursors import Cursors
from services.ranking.api.programs import NEIGHBOURS, BoardPath
from services.ranking.api.requests import profile_of, selection_of
from services.ranking.api.views import View, city_name
from services.ranking.domain.ranking import Row
from services.ranking.domain.selection import Measure
from services.ranking.domain.windows import WindowKind
from services.ranking.handlers import Handlers
from shared.web.languages import in_current
from shared.web.pages import Pages

ROWS = 20


def page_router(handlers: Handlers, clock: Callable[[], datetime], cursors: Cursors, pages: Pages) -> APIRouter:
    """Build the routes for people."""
    routes = APIRouter(tags=["pages"], include_in_schema=False)

    @routes.get("/boards", operation_id="find_boards")
    async def find_boards() -> RedirectResponse:
        """Lead to the people's board."""
        return RedirectResponse("/boards/people", 307)

    @routes.get("/boards/{board}", operation_id="show_board", response_class=HTMLResponse)
    async def show_board(
        request: Request,
        board: BoardPath,
        measure: Measure | None = None,
        window: WindowKind | None = None,
        scene: Annotated[str | None, Query(max_length=40)] = None,
        city: Annotated[str | None, Query(max_length=60)] = None,
        after: Annotated[str | None, Query(max_length=400)] = None,
    ) -> HTMLResponse:
        """Show the first ranks and the own line among its neighbours, or the ranks after a cursor."""
        boards = handlers.boards
        selection = selection_of(boards, board, measure=measure, window=window, scene=scene, city=city)
        limited_to = boards.scene(scene) if scene else None
        view = View(board, selection.measure, selection.window, limited_to.code if limited_to else None, city or None)
        standing = boards.standing(selection, clock())
        ranking = standing.ranking
        start = ranking.position_after(cursors.open(standing, after)) if after else 0
        rows = ranking.rows(start, start + ROWS)
        me = profile_of(request, boards)
        position = ranking.position(me) if me else None
        around: list[Row] = []
        gap = None
        # On later pages the own line is marked where it stands, and not brought along.
        if position is not None and position >= ROWS and not after:
            first = max(ROWS, position - NEIGHBOURS)
            around = ranking.rows(first, position + NEIGHBOURS + 1)
            if first > ROWS:
                href = view.href(cursors.seal(standing, rows[-1].key))
                gap = {"first": ranking.at(ROWS).rank, "last": ranking.at(first - 1).rank, "href": href}
        last = [*rows, *around][-1:]
        goes_on = any(ranking.position_after(row.key) < len(ranking) for row in last)

        def line(row: Row) -> dict[str, Any]:
            listed = boards.scene(row.member) if board == "scenes" else None
            return {
                "rank": row.rank,
                "tied": row.tied,
                "name": in_current(listed.names) if listed else boards.name(row.member),
                "href": f"/s/{listed.code}" if listed else "",
                "value": row.value,
                "own": row.member == me,
            }

        page = pages.render(
            "board.html",
            board=board,
            measure=selection.measure,
            scene=limited_to.names if limited_to else None,
            city=city_name(city) if city else "",
            boards=view.boards(),
            measures=view.measures(),
            scopes=view.scopes(boards),
            windows=view.windows(),
            members=len(ranking),
            may_stand=me is not None and boards.has_place_for(me, board),
            profile_href=f"/orders/profiles/{me}" if me else "",
            own=line(ranking.at(position)) if position is not None else None,
            rows=[line(row) for row in rows],
            gap=gap,
            around=[line(row) for row in around],
            next_href=view.href(cursors.seal(standing, last[0].key)) if goes_on else "",
            wall_href=f"/boards/wall?scene={limited_to.code}" if limited_to else "",
            as_of=boards.as_of or clock(),
        )
        return HTMLResponse(page)

    return routes
