"""Copies of what others say on compacted topics: of one subject the greatest sequence is kept, whatever comes when."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from shared.contracts.event import Envelope, Event
from shared.mongodb import Collection, DuplicateKeyError


async def keep_greatest(collection: Collection, event: Envelope[Event], fields: Mapping[str, Any]) -> None:
    """Keep the fields under the event's subject, with its sequence, unless a later one lies there."""
    kept = {**fields, "sequence": event.sequence}
    while True:
        try:
            await collection.update_one(
                {"_id": event.subject, "sequence": {"$lt": event.sequence}}, {"$set": kept}, upsert=True
            )
        except DuplicateKeyError:
            # Another version of it was inserted at the same moment, or a later one is there: only looking tells.
            there = await collection.find_one({"_id": event.subject}, {"sequence": 1})
            if there is None or there["sequence"] < event.sequence:
                continue
        return
