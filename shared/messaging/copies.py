"""Copies of what compacted topics carry: of one subject the greatest sequence is kept, whatever comes when."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from shared.contracts.event import Envelope, Event
from shared.messaging.failures import LostRace
from shared.messaging.retries import retry_lost_race
from shared.mongodb import Collection, DuplicateKeyError


async def keep_greatest(collection: Collection, event: Envelope[Event], fields: Mapping[str, Any]) -> None:
    """Keep the fields under the event's subject, with its sequence, unless a later one lies there. Raises LostRace."""
    older = {"_id": event.subject, "sequence": {"$lt": event.sequence}}
    kept = {"$set": {**fields, "sequence": event.sequence}}

    async def keep() -> None:
        try:
            await collection.update_one(older, kept, upsert=True)
        except DuplicateKeyError:
            # Another version of it was inserted at the same moment, or a later one is there: only looking shows.
            there = await collection.find_one({"_id": event.subject}, {"sequence": 1})
            if there is None or there["sequence"] < event.sequence:
                raise LostRace(f"{event.subject} was inserted by another") from None

    await retry_lost_race(keep)
