"""Boards for programs: pages with cursors, my rank, and who stands around me."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import Annotated

from fastapi import APIRouter, Path, Query, Request
from pydantic import BaseModel, ConfigDict, Field

from services.ranking.api.cursors import Cursors
from services.ranking.api.requests import profile_of, required_profile, selection_of
from services.ranking.domain.ranking import Row
from services.ranking.domain.selection import Board, Measure
from services.ranking.domain.standing import Standing
from services.ranking.domain.windows import WindowKind
from services.ranking.handlers import Handlers
from shared.web.livemode import Livemode

NEIGHBOURS = 5
BoardPath = Annotated[Board, Path(description="who is listed")]


class BoardQuery(BaseModel):
    """Which board: every part has a default."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    scene: Annotated[str | None, Field(max_length=40, description="only this scene, by id or code")] = None
    city: Annotated[str | None, Field(max_length=60, description="only scenes of this city, as scenes give it")] = None
    measure: Annotated[Measure | None, Field(description="people: scenes; companies: mass_g; scenes: share")] = None
    window: Annotated[WindowKind | None, Field(description="the present one, cut in Asia/Shanghai; default all")] = None

    beneficiary: Annotated[
        str | None,
        Field(pattern=r"^ben_[0-9A-HJKMNP-TV-Z]{26}$", description="whose profile; else the one of the cookie"),
    ] = None


class BoardPageQuery(BoardQuery):
    """Which page of a board."""

    limit: Annotated[int, Field(ge=1, le=100, description="how many at most come on one page")] = 20
    cursor: Annotated[str | None, Field(max_length=400, description="next_cursor of the page before")] = None


class BoardRow(BaseModel):
    """A line of a board. Equal values have equal ranks (`tied`), and the next rank skips."""

    rank: Annotated[int, Field(description="from 1 on; equal values have equal ranks")]
    tied: Annotated[bool, Field(description="whether others have the same value")]
    name: Annotated[str, Field(description="the alias, or the name where it is to be shown")]
    value: Annotated[int, Field(description="scenes: a number; mass_g: grams; share: hundredths of a percent")]
    me: Annotated[bool, Field(description="whether it is the line of the profile that the request shows")]


class BoardHead(BaseModel):
    """What a board says of itself; `as_of` is the time of the newest event in it, `window` its ISO 8601 name or all."""

    as_of: Annotated[datetime, Field(description="when the newest event in it happened")]
    livemode: Livemode
    board: Annotated[Board, Field(description="who is listed")]
    measure: Annotated[Measure, Field(description="what the values are")]
    window: Annotated[str, Field(description="the day, week, month or year in ISO 8601, or `all`")]
    members: Annotated[int, Field(description="how many stand on the whole board")]


class BoardPage(BoardHead):
    """Lines of a board in order, and the cursor that goes on."""

    data: Annotated[list[BoardRow], Field(description="lines in order of rank")]
    has_more: Annotated[bool, Field(description="whether there are more behind this page")]
    next_cursor: Annotated[
        str | None, Field(description="what to send as `cursor` for the next page; null on the last one")
    ]


class AroundMe(BoardHead):
    """My line with up to five neighbours on each side; empty when I am not on the board."""

    data: Annotated[
        list[BoardRow],
        Field(description="lines in order of rank, at most eleven; empty when the profile is not on the board"),
    ]


class MyRank(BoardHead):
    """My line; none when I am not on the board."""

    me: Annotated[BoardRow | None, Field(description="the line; null when the profile is not on the board")]


def api_router(handlers: Handlers, clock: Callable[[], datetime], cursors: Cursors, *, livemode: bool) -> APIRouter:
    """Build the routes for programs."""
    routes = APIRouter(tags=["ranking"])

    def standing_of(board: Board, query: BoardQuery) -> Standing:
        selection = selection_of(
            handlers.boards, board, measure=query.measure, window=query.window, scene=query.scene, city=query.city
        )
        return handlers.boards.standing(selection, clock())

    def head(standing: Standing) -> dict[str, object]:
        return {
            "as_of": handlers.boards.as_of or clock(),
            "livemode": livemode,
            "board": standing.selection.board,
            "measure": standing.selection.measure,
            "window": standing.window.text,
            "members": len(standing.ranking),
        }

    def lines(rows: list[Row], me: str | None) -> list[BoardRow]:
        return [
            BoardRow(
                rank=row.rank,
                tied=row.tied,
                name=handlers.boards.name(row.member),
                value=row.value,
                me=row.member == me,
            )
            for row in rows
        ]

    @routes.get("/v1/boards/{board}", operation_id="get_board")
    async def get_board(request: Request, board: BoardPath, query: Annotated[BoardPageQuery, Query()]) -> BoardPage:
        """Return a page of a board."""
        standing = standing_of(board, query)
        ranking = standing.ranking
        start = ranking.position_after(cursors.open(standing, query.cursor)) if query.cursor else 0
        rows = ranking.rows(start, start + query.limit)
        more = start + query.limit < len(ranking)
        return BoardPage.model_validate(
            {
                **head(standing),
                "data": lines(rows, profile_of(request, handlers.boards, query.beneficiary)),
                "has_more": more,
                "next_cursor": cursors.seal(standing, rows[-1].key) if more else None,
            }
        )

    @routes.get("/v1/boards/{board}/my-rank", operation_id="get_my_rank")
    async def get_my_rank(request: Request, board: BoardPath, query: Annotated[BoardQuery, Query()]) -> MyRank:
        """Return the line of the profile whose capability comes along."""
        me = required_profile(request, handlers.boards, query.beneficiary)
        standing = standing_of(board, query)
        mine = around(standing, me, neighbours=0)
        return MyRank.model_validate({**head(standing), "me": lines(mine, me)[0] if mine else None})

    @routes.get("/v1/boards/{board}/around-me", operation_id="get_around_me")
    async def get_around_me(request: Request, board: BoardPath, query: Annotated[BoardQuery, Query()]) -> AroundMe:
        """Return the line of the profile whose capability comes along, with its neighbours."""
        me = required_profile(request, handlers.boards, query.beneficiary)
        standing = standing_of(board, query)
        return AroundMe.model_validate({**head(standing), "data": lines(around(standing, me), me)})

    return routes


def around(standing: Standing, member: str, *, neighbours: int = NEIGHBOURS) -> list[Row]:
    """Return a member's line and its neighbours on each side; nothing when the member is not listed."""
    position = standing.ranking.position(member)
    if position is None:
        return []
    return standing.ranking.rows(max(0, position - neighbours), position + neighbours + 1)
