"""The JSON schema of an event: one file for itself, or a part of a document that holds several."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from pydantic.json_schema import models_json_schema

from shared.contracts.event import Event
from shared.web.document import say_int64


def name_of(event: type[Event]) -> str:
    """Return the name of the schema's file, which is also the end of its address."""
    return f"{event.topic}.v{event.version}.json"


def schema(event: type[Event]) -> dict[str, Any]:
    """Return the schema of an event as it lies in its file; its `$id` is relative to where the file was got from."""
    found = {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "$id": f"/schemas/{name_of(event)}",
        **event.model_json_schema(),
    }
    say_int64(found)
    return found


def components(events: Sequence[type[Event]]) -> dict[str, Any]:
    """Return the schemas of events, and of all that they refer to, as `components/schemas` of one document."""
    _, whole = models_json_schema(
        [(event, "validation") for event in events], ref_template="#/components/schemas/{model}"
    )
    found: dict[str, Any] = whole["$defs"]
    say_int64(found)
    return found
