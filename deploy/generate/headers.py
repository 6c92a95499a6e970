"""The headers of a message, as a stranger needs them: type, meaning, example. A test holds them against the wire."""

from __future__ import annotations

from typing import Any

from deploy.generate.rules import sequence_rule
from deploy.generate.schemas import name_of
from shared.contracts.event import Event

OPTIONAL = frozenset({"ce_cause", "traceparent"})


def headers(event: type[Event], seen: dict[str, Any] | None) -> dict[str, Any]:
    """Return the JSON schema of the event's headers, each with its text from a message that was seen."""
    subject = event.model_json_schema()["properties"][event.subject]
    described: dict[str, dict[str, Any]] = {
        "ce_specversion": {"const": "1.0", "description": "The version of CloudEvents."},
        "ce_id": {
            "minLength": 1,
            "description": "Names the event for ever, together with `ce_source`: what comes again has the same.",
        },
        "ce_source": {"const": f"/diandian/{event.publisher}", "description": "The service that published it."},
        "ce_type": {"const": event.topic, "description": "The kind of event, which is also the topic."},
        "ce_subject": {
            "pattern": subject["pattern"],
            "description": f"What it is about: the {event.subject} of the value.",
        },
        "ce_time": {"format": "date-time", "description": _TIME},
        "content-type": {"const": "application/json", "description": "What the value is."},
        "ce_dataschema": {
            "format": "uri-reference",
            "pattern": rf"/schemas/{name_of(event).replace('.', '[.]')}$",
            "description": "Where the schema of the value answers; old messages have a path, relative to the gateway.",
        },
        "ce_sequence": {"pattern": "^[1-9][0-9]*$", "description": f"A whole number. {sequence_rule(event)}"},
        "ce_livemode": {"enum": ["true", "false"], "description": "Whether it is about real money and credits."},
        "ce_cause": {
            "minLength": 1,
            "description": "The `ce_id` of the event, or the id of the request, that led to it.",
        },
        "traceparent": {
            "pattern": "^00-[0-9a-f]{32}-[0-9a-f]{16}-[0-9a-f]{2}$",
            "description": "W3C Trace Context: the trace that the request began, carried on.",
        },
    }
    examples = seen["headers"] if seen else {}
    return {
        "type": "object",
        "required": [name for name in described if name not in OPTIONAL],
        "properties": {
            name: {"type": "string", **one, **({"examples": [examples[name]]} if name in examples else {})}
            for name, one in described.items()
        },
    }


_TIME = "When it happened, by the publisher's clock. Clocks of two publishers differ: do not order by it."
