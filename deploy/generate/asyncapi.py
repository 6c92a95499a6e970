"""A service's AsyncAPI 3.0 document: channels are topics, messages are events, and it refers to nothing outside."""

from __future__ import annotations

from typing import Any

from deploy.generate.cards import card_text, consumed_by, published_by, topic_of
from deploy.generate.examples import made_by_a_run
from deploy.generate.headers import headers
from deploy.generate.rules import KEPT, SERVER, WIRE, sequence_rule, sharing_sequence
from deploy.generate.schemas import components, name_of
from shared.contracts.event import Event

KAFKA_BINDING = "0.5.0"


def asyncapi(service: str) -> dict[str, Any]:
    """Return the document of a service; actions are the service's own: what it sends, a reader receives."""
    consumes, publishes = consumed_by(service), published_by(service)
    events = (*consumes, *publishes)
    operations = {
        f"{verb}.{event.topic}": _operation(service, verb, action, event)
        for verb, action, some in (("consume", "receive", consumes), ("publish", "send", publishes))
        for event in some
    }
    return {
        "asyncapi": "3.0.0",
        "info": {
            "title": f"Diandian {service}",
            "version": "1",
            "description": f"{card_text(service)}\n\n{WIRE}",
            "license": {"name": "Apache-2.0"},
        },
        "defaultContentType": "application/json",
        "servers": {"kafka": {"host": "kafka.example:9092", "protocol": "kafka", "description": SERVER}},
        "channels": {event.topic: _channel(event) for event in events},
        "operations": operations,
        "components": {
            "messages": {event.__name__: _message(event) for event in events},
            "schemas": components(events),
        },
    }


def _operation(service: str, verb: str, action: str, event: type[Event]) -> dict[str, Any]:
    return {
        "action": action,
        "summary": f"{service} {verb}s `{event.topic}`",
        "channel": {"$ref": f"#/channels/{event.topic}"},
        "messages": [{"$ref": f"#/channels/{event.topic}/messages/{event.__name__}"}],
    }


def _channel(event: type[Event]) -> dict[str, Any]:
    topic = topic_of(event)
    settings = dict(topic.settings)
    configuration: dict[str, Any] = {"cleanup.policy": [settings["cleanup.policy"]]}
    if "retention.ms" in settings:
        configuration["retention.ms"] = int(settings["retention.ms"])
    return {
        "address": event.topic,
        "title": event.topic,
        "description": f"{_text(event)}\n\nPublished by {event.publisher} under its {event.key}. {KEPT[event.kept]}",
        "servers": [{"$ref": "#/servers/kafka"}],
        "messages": {event.__name__: {"$ref": f"#/components/messages/{event.__name__}"}},
        "bindings": {
            "kafka": {
                "topic": event.topic,
                "partitions": topic.partitions,
                "topicConfiguration": configuration,
                "bindingVersion": KAFKA_BINDING,
            }
        },
        "x-kept": event.kept,
        "x-sequence-shared-with": list(sharing_sequence(event)),
    }


def _message(event: type[Event]) -> dict[str, Any]:
    seen = made_by_a_run(event)
    described: dict[str, Any] = {
        "name": event.topic,
        "title": event.__name__,
        "summary": _text(event).partition("\n")[0],
        "description": f"{_text(event)}\n\n{sequence_rule(event)}\n\n"
        f"The gateway answers its schema at `/schemas/{name_of(event)}`.",
        "contentType": "application/json",
        "headers": headers(event, seen),
        "payload": {"$ref": f"#/components/schemas/{event.__name__}"},
        "bindings": {"kafka": {"key": _key(event), "bindingVersion": KAFKA_BINDING}},
    }
    if seen:
        described["examples"] = [{"headers": seen["headers"], "payload": seen["value"]}]
    return described


def _key(event: type[Event]) -> dict[str, Any]:
    described: dict[str, Any] = event.model_json_schema()["properties"][event.key]
    return {
        "type": "string",
        "pattern": described["pattern"],
        "description": f"The {event.key} as UTF-8 text: decides the partition, and what is in order.",
    }


def _text(event: type[Event]) -> str:
    return (event.__doc__ or "").strip()
