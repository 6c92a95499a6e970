"""Which scenes a search finds: what it looks at is kept in memory, and kept up with what any replica writes.

The text of a search may stand anywhere in a scene's names and places, in any language, which no index of the database
answers. So each replica holds these texts, some hundred bytes a scene, and reads before a search the scenes that were
written in the last minute, by an index.
"""

from __future__ import annotations

import sys
from datetime import datetime
from itertools import islice
from typing import Any

from sortedcontainers import SortedList

from shared.mongodb import Collection, Document

BUCKET_SECONDS = 10
# A write may take this long, and the clock of another replica may differ by as much.
BUCKETS_OVERLAP = 6
# After a longer rest all scenes are read.
BUCKETS_MAX = 360
LAST = chr(sys.maxunicode)
FOUND_STATUSES = ("open", "closed")
_FIELDS = {"scene.code": 1, "scene.city": 1, "scene.place": 1, "scene.names": 1, "scene.status": 1, "version": 1}
# Open before closed, then by code; and the id.
DirectoryPlace = tuple[bool, str, str]
# With the text that is searched.
_Line = tuple[bool, str, str, str]


def bucket(moment: datetime) -> int:
    """Return the ten seconds that a moment lies in; a scene says in which it was written last."""
    return int(moment.timestamp()) // BUCKET_SECONDS


class Directory:
    """The scenes that can be found, open ones first, then by code."""

    def __init__(self, scenes: Collection) -> None:
        self._scenes = scenes
        self._lines: Any = SortedList()
        self._by_id: dict[str, tuple[int, _Line | None]] = {}
        # Nothing yet.
        self._read_up_to = -BUCKETS_MAX

    async def prepare(self) -> None:
        """Create the index by which scenes that were written lately are found."""
        await self._scenes.create_index("changed_in")

    async def search(
        self, text: str, *, now: datetime, after: DirectoryPlace | None = None, limit: int
    ) -> list[DirectoryPlace]:
        """Return the places of at most so many scenes whose code, names or place contain the text; all contain none."""
        await self.refresh(now)
        sought = text.casefold()
        # A line begins with its place, and no text that is searched goes behind this one.
        first = self._lines.bisect((*after, LAST)) if after else 0
        return list(islice((line[:3] for line in self._lines.islice(first) if sought in line[3]), limit))

    async def refresh(self, now: datetime) -> None:
        """Read the scenes that were written since the last time."""
        upto, since = bucket(now), self._read_up_to - BUCKETS_OVERLAP
        if not 0 <= upto - since <= BUCKETS_MAX:
            query: Document = {}
        else:
            query = {"changed_in": {"$in": list(range(since, upto + BUCKETS_OVERLAP + 1))}}
        async for document in self._scenes.find(query, _FIELDS):
            self._keep(document["_id"], document["version"], document["scene"])
        self._read_up_to = upto

    def _keep(self, scene_id: str, version: int, scene: Any) -> None:
        """Keep a scene as it was read, unless a later version of it is there."""
        there, line = self._by_id.get(scene_id, (0, None))
        if version <= there:
            return
        if line is not None:
            self._lines.remove(line)
        line = None
        if scene["status"] in FOUND_STATUSES:
            line = (scene["status"] != "open", scene["code"], scene_id, _searchable(scene))
            self._lines.add(line)
        self._by_id[scene_id] = version, line


def _searchable(scene: Any) -> str:
    """Return the texts of a stored scene that a search looks at; a place of earlier versions is one text."""
    place = scene["place"]
    places = place.values() if isinstance(place, dict) else (place,)
    return " ".join((scene["code"], scene["city"], *places, *scene["names"].values())).casefold()
