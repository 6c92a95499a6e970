"""The live wall of a scene: a page, and the stream of snapshots that keeps it true."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from datetime import datetime
from typing import Annotated

from fastapi import APIRouter, Header, Query
from fastapi.responses import HTMLResponse
from sse_starlette import EventSourceResponse, ServerSentEvent

from services.ranking.api.walls import DRAWN, Snapshot, Walls
from services.ranking.handlers import Handlers
from shared.web import dots, languages
from shared.web.pages import Pages

KEEP_ALIVE_SECONDS = 15
RETRY_MILLISECONDS = 2_000
DOTS_MAX = 2_000
SceneCode = Annotated[str, Query(max_length=40, description="the scene, by id or code")]


def wall_router(handlers: Handlers, clock: Callable[[], datetime], pages: Pages, *, public_url: str) -> APIRouter:
    """Build the routes of the wall."""
    routes = APIRouter(tags=["pages"], include_in_schema=False)
    walls = Walls(handlers, clock)

    def drawn(template: str, snapshot: Snapshot) -> str:
        wall = snapshot.wall
        return pages.render(
            template,
            scene=wall.scene.names,
            code=wall.scene.code,
            address=f"{public_url.partition('://')[2]}/s/{wall.scene.code}",
            balance=wall.balance,
            just_now_g=wall.just_now_g,
            unit_grams=dots.unit(wall.balance.total_g, dots_max=DOTS_MAX) if wall.balance else 0,
            latest=wall.latest,
            now=snapshot.now,
        )

    def frame(snapshot: Snapshot) -> bytes:
        """Return a snapshot as it is sent, the same bytes to all who read the same language."""
        language = languages.current().language
        if language not in snapshot.frames:
            event = ServerSentEvent(drawn("wall_now.html", snapshot), event="wall", id=snapshot.version)
            snapshot.frames[language] = event.encode()
            DRAWN.labels(language).inc()
        return snapshot.frames[language]

    @routes.get("/boards/wall", operation_id="show_wall", response_class=HTMLResponse)
    async def show_wall(scene: SceneCode) -> HTMLResponse:
        """Show the wall of a scene as it stands."""
        return HTMLResponse(drawn("wall.html", walls.snapshot(scene)))

    @routes.get("/boards/wall/events", operation_id="follow_wall", response_class=EventSourceResponse)
    async def follow_wall(
        scene: SceneCode, last_event_id: Annotated[str | None, Header(max_length=64)] = None
    ) -> EventSourceResponse:
        """Send the wall as it stands, and again whenever it has changed; its version is the id of the snapshot."""
        walls.snapshot(scene)

        async def frames() -> AsyncIterator[ServerSentEvent | bytes]:
            yield ServerSentEvent(comment="wall", retry=RETRY_MILLISECONDS)
            version = last_event_id
            with walls.channel(scene) as channel:
                while True:
                    snapshot = await channel.after(version)
                    version = snapshot.version
                    yield frame(snapshot)

        return EventSourceResponse(frames(), ping=KEEP_ALIVE_SECONDS)

    return routes
