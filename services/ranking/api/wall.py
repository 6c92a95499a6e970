"""The live wall of a scene: a page, and the stream of snapshots that keeps it true."""

from __future__ import annotations

import asyncio
import hashlib
import weakref
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Annotated

from fastapi import APIRouter, Header, Query
from fastapi.responses import HTMLResponse
from sse_starlette import EventSourceResponse, ServerSentEvent

from services.ranking.api.asking import no_scene
from services.ranking.domain.boards import Boards
from services.ranking.domain.wall import Wall, wall_of
from services.ranking.handlers import Handlers
from shared.web import dots
from shared.web.pages import Pages

KEEP_ALIVE_SECONDS = 15
RETRY_MILLISECONDS = 2_000
LOOK_SECONDS = 1.0
DOTS_MAX = 2_000
SceneCode = Annotated[str, Query(max_length=40, description="the scene, by id or code")]


@dataclass(frozen=True, slots=True)
class Snapshot:
    """A wall at one moment. What is shown changes exactly when the version does, the time of the snapshot aside."""

    wall: Wall
    now: datetime

    @property
    def version(self) -> str:
        """The same for the same picture, from every replica."""
        return hashlib.sha256(f"{self.wall}{self.now:%Y-%m-%dT%H:%M}".encode()).hexdigest()[:16]


class Walls:
    """The walls that are looked at, each made once a look however many look at it."""

    def __init__(self, handlers: Handlers, clock: Callable[[], datetime]) -> None:
        self._handlers, self._clock = handlers, clock
        self._made: dict[str, tuple[int, Snapshot]] = {}
        # Boards that were swapped for others may go, and what was made of them with them.
        self._made_of: weakref.ref[Boards] | None = None

    def of(self, scene: str) -> Snapshot:
        """Return the wall of a scene, by id or code. Raises NothingThere."""
        boards, now = self._handlers.boards, self._clock()
        found = boards.scene(scene)
        if found is None:
            raise no_scene(scene)
        if self._made_of is None or self._made_of() is not boards:
            self._made_of = weakref.ref(boards)
            self._made.clear()
        made = self._made.get(found.scene_id)
        # Where nothing was heard, only what is "just now" can have changed.
        if made is not None and made[0] == boards.events and not any(one.just_now for one in made[1].wall.latest):
            snapshot = Snapshot(made[1].wall, now)
        else:
            snapshot = Snapshot(wall_of(boards, found, now), now)
        self._made[found.scene_id] = (boards.events, snapshot)
        return snapshot


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

    @routes.get("/boards/wall", operation_id="show_wall", response_class=HTMLResponse)
    async def show_wall(scene: SceneCode) -> HTMLResponse:
        """Show the wall of a scene as it stands."""
        return HTMLResponse(drawn("wall.html", walls.of(scene)))

    @routes.get("/boards/wall/events", operation_id="follow_wall", response_class=EventSourceResponse)
    async def follow_wall(
        scene: SceneCode, last_event_id: Annotated[str | None, Header(max_length=64)] = None
    ) -> EventSourceResponse:
        """Send the wall as it stands, and again whenever it has changed; its version is the id of the snapshot."""
        walls.of(scene)

        async def snapshots() -> AsyncIterator[ServerSentEvent]:
            yield ServerSentEvent(comment="wall", retry=RETRY_MILLISECONDS)
            sent = last_event_id
            while True:
                snapshot = walls.of(scene)
                if snapshot.version != sent:
                    sent = snapshot.version
                    yield ServerSentEvent(drawn("wall_now.html", snapshot), event="wall", id=sent)
                await asyncio.sleep(LOOK_SECONDS)

        return EventSourceResponse(snapshots(), ping=KEEP_ALIVE_SECONDS)

    return routes
