"""Copies of what other services publish: footprints, projects and scenes, as far as orders needs them."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from typing import Any

from shared.contracts.calculator import FootprintCalculated, ScenePublished
from shared.contracts.event import Envelope, Event
from shared.contracts.registry import ProjectListed
from shared.messaging.copies import keep_greatest
from shared.mongodb import BulkWriteError, Database, UpdateOne

DUPLICATE_KEY = 11000


class Copies:
    """What has arrived, each thing by its latest version."""

    def __init__(self, database: Database) -> None:
        self._footprints = database["footprints"]
        self._projects = database["projects"]
        self._scenes = database["scenes"]

    async def prepare(self) -> None:
        """Create the index by which a footprint is found to be replaced."""
        await self._footprints.create_index("replaces", sparse=True)

    async def keep_footprints(self, footprints: Iterable[FootprintCalculated]) -> None:
        """Remember footprints; they never change, so the first word counts."""
        writes = [
            UpdateOne({"_id": one.footprint_id}, {"$setOnInsert": one.model_dump(mode="json")}, upsert=True)
            for one in footprints
        ]
        try:
            await self._footprints.bulk_write(writes, ordered=False)
        except BulkWriteError as failure:
            if not met_its_like(failure):
                raise

    async def keep_listings(self, events: Iterable[Envelope[ProjectListed]]) -> None:
        """Remember listings, each by its greatest sequence."""
        await _keep(self._projects, events)

    async def keep_scenes(self, events: Iterable[Envelope[ScenePublished]]) -> None:
        """Remember scenes, each by its greatest sequence."""
        await _keep(self._scenes, events)

    async def footprints(self, footprint_ids: Collection[str]) -> list[FootprintCalculated]:
        """Return those of the footprints that have arrived."""
        found = self._footprints.find({"_id": {"$in": list(footprint_ids)}})
        return [FootprintCalculated.model_validate(document) async for document in found]

    async def replaced(self, footprint_ids: Collection[str]) -> list[str]:
        """Return those of the footprints that another one replaces."""
        found = self._footprints.find({"replaces": {"$in": list(footprint_ids)}}, {"replaces": 1})
        return [document["replaces"] async for document in found]

    async def listing(self, project_id: str) -> ProjectListed | None:
        """Return a project as it last arrived."""
        document = await self._projects.find_one({"_id": project_id})
        return ProjectListed.model_validate(document["data"]) if document else None

    async def listings(self) -> list[ProjectListed]:
        """Return all projects."""
        return [ProjectListed.model_validate(document["data"]) async for document in self._projects.find({})]

    async def scene(self, scene_id: str) -> ScenePublished | None:
        """Return a scene as it last arrived."""
        document = await self._scenes.find_one({"_id": scene_id})
        return ScenePublished.model_validate(document["data"]) if document else None

    async def scene_names(self, scene_ids: Collection[str]) -> dict[str, dict[str, str]]:
        """Return the names of those of the scenes that have arrived."""
        found = self._scenes.find({"_id": {"$in": list(scene_ids)}}, {"data.names": 1})
        return {scene["_id"]: scene["data"]["names"] async for scene in found}


async def _keep(collection: Any, events: Iterable[Envelope[Event]]) -> None:
    for event in events:
        await keep_greatest(collection, event, {"data": event.data.model_dump(mode="json")})


def met_its_like(failure: BulkWriteError) -> bool:
    """Say whether nothing failed but inserts of what another one inserted at the same moment."""
    details = failure.details or {}
    if details.get("writeConcernErrors"):
        return False
    return all(error["code"] == DUPLICATE_KEY for error in details.get("writeErrors", []))
