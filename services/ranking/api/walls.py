"""Computes walls: one snapshot a scene and second, however many look at it."""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import datetime

import structlog
from prometheus_client import Counter, Gauge

from services.ranking.api.requests import no_scene
from services.ranking.domain.wall import Wall, wall_of
from services.ranking.handlers import Handlers

LOOK_SECONDS = 1.0
COMPUTED = Counter("diandian_wall_snapshots_total", "Snapshots of walls that were computed")
DRAWN = Counter(
    "diandian_wall_frames_total", "Snapshots of walls that were drawn for streams, by language", ["language"]
)
VIEWERS = Gauge("diandian_wall_viewers", "Streams of walls that are open")

log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class Snapshot:
    """A wall at one moment. What it shows changes exactly when the version does, the time of the snapshot excepted.

    The version is the same for the same picture, from every replica; `folded` names what the boards were folded from.
    `frames` are the bytes for streams, by language: made by the first viewer, and sent by all.
    """

    wall: Wall
    now: datetime
    version: str
    folded: tuple[int, int]
    frames: dict[str, bytes] = field(default_factory=dict)


class Channel:
    """The wall of one scene as long as streams are open: its snapshot, and a wait for the next one."""

    def __init__(self, snapshot: Snapshot) -> None:
        self.snapshot = snapshot
        self.viewers = 0
        self.task: asyncio.Task[None] | None = None
        self._changed = asyncio.Event()

    def show(self, snapshot: Snapshot) -> None:
        """Let every viewer have this snapshot."""
        changed = snapshot.version != self.snapshot.version
        self.snapshot = snapshot
        if changed:
            self._changed.set()
            self._changed = asyncio.Event()

    async def after(self, version: str | None) -> Snapshot:
        """Return the snapshot once it has another version than this one."""
        while self.snapshot.version == version:
            await self._changed.wait()
        return self.snapshot


class Walls:
    """The walls that somebody looks at. A scene has one task while streams are open, and nothing once they are not."""

    def __init__(self, handlers: Handlers, clock: Callable[[], datetime]) -> None:
        self._handlers, self._clock = handlers, clock
        self._channels: dict[str, Channel] = {}
        # For pages, which come and go: each for a second.
        self._recent: dict[str, Snapshot] = {}

    def snapshot(self, scene: str) -> Snapshot:
        """Return the wall of a scene, by id or code, at most a second old. Raises NotFound."""
        scene_id = self._scene_id(scene)
        if (channel := self._channels.get(scene_id)) is not None:
            return channel.snapshot
        if (recent := self._recent.get(scene_id)) is not None:
            return recent
        self._recent[scene_id] = snapshot = self._computed(scene_id, None)
        asyncio.get_running_loop().call_later(LOOK_SECONDS, self._recent.pop, scene_id, None)
        return snapshot

    @contextlib.contextmanager
    def channel(self, scene: str) -> Iterator[Channel]:
        """Yield the channel of a scene, by id or code, to one stream. Raises NotFound."""
        scene_id = self._scene_id(scene)
        channel = self._channels.get(scene_id)
        if channel is None:
            channel = Channel(self.snapshot(scene_id))
            channel.task = asyncio.create_task(self._follow(scene_id, channel), name=f"wall of {scene_id}")
            self._channels[scene_id] = channel
        channel.viewers += 1
        VIEWERS.inc()
        try:
            yield channel
        finally:
            VIEWERS.dec()
            channel.viewers -= 1
            if channel.viewers == 0:
                del self._channels[scene_id]
                if channel.task is not None:
                    channel.task.cancel()

    async def _follow(self, scene_id: str, channel: Channel) -> None:
        while True:
            await asyncio.sleep(LOOK_SECONDS)
            try:
                channel.show(self._computed(scene_id, channel.snapshot))
            except Exception as failure:
                # The viewers have the last one, and the next second may bring another.
                log.warning("wall not computed", scene_id=scene_id, failure=repr(failure)[:300])

    def _scene_id(self, scene: str) -> str:
        found = self._handlers.boards.scene(scene)
        if found is None:
            raise no_scene(scene)
        return str(found.scene_id)

    def _computed(self, scene_id: str, before: Snapshot | None) -> Snapshot:
        boards, now = self._handlers.boards, self._clock()
        folded = (self._handlers.live.rebuild, boards.events)
        # Where nothing has come, only what is "just now" can have changed.
        if before is not None and before.folded == folded and not any(one.just_now for one in before.wall.latest):
            wall = before.wall
        else:
            found = boards.scene(scene_id)
            if found is None:
                raise no_scene(scene_id)
            wall = wall_of(boards, found, now)
            COMPUTED.inc()
        version = hashlib.sha256(f"{wall}{now:%Y-%m-%dT%H:%M}".encode()).hexdigest()[:16]
        return Snapshot(wall, now, version, folded)
