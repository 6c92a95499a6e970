"""Writes what follows from the code: schemas, AsyncAPI and OpenAPI references, tables, the list of packages.

`python -m deploy.generate` writes; `--check` names what differs from what is committed and exits 1.
"""

from __future__ import annotations

import importlib
import json
import re
import sys
from pathlib import Path
from typing import Any

from deploy.server.runtime import runtime
from deploy.settings import settings_of
from shared.contracts.event import Event
from shared.contracts.topics import EVENTS, SERVICES, TOPICS

ROOT = Path(__file__).resolve().parent.parent
SCHEMAS = Path("shared/contracts/schemas")
REFERENCE = Path("docs/reference")
RUNTIME = Path("deploy/server/runtime.txt")
CARD_LINES = ("Owns", "Consumes", "Publishes", "Serves", "Never")


class _Anything:
    """Stands for handlers where only the names of what is consumed matter."""

    def __getattr__(self, name: str) -> str:
        return name


def generated() -> dict[Path, str]:
    """Return every generated file by its path below the root."""
    files = {SCHEMAS / f"{event.topic}.v{event.version}.json": _json(_schema(event)) for event in EVENTS}
    for service in SERVICES:
        files[REFERENCE / f"{service}.asyncapi.json"] = _json(asyncapi(service))
        files[REFERENCE / f"{service}.openapi.json"] = _json(openapi(service))
    files[Path("ARCHITECTURE.md")] = _architecture()
    files[RUNTIME] = runtime(ROOT)
    return files


def consumed_by(service: str) -> tuple[type[Event], ...]:
    """Return what a service consumes by its stream table."""
    stream = importlib.import_module(f"services.{service}.stream")
    return tuple(stream.consumes(_Anything()))


def published_by(service: str) -> tuple[type[Event], ...]:
    """Return what a service publishes by its stream table."""
    return tuple(importlib.import_module(f"services.{service}.stream").PUBLISHES)


def card(service: str) -> dict[str, str]:
    """Return the five lines of a service's card. Raises ValueError when one is missing."""
    text = importlib.import_module(f"services.{service}").__doc__ or ""
    lines = dict(re.findall(rf"^({'|'.join(CARD_LINES)}): (.+)$", text, re.MULTILINE))
    if tuple(lines) != CARD_LINES:
        raise ValueError(f"the card of {service} has the lines {tuple(lines)}, not {CARD_LINES}")
    return lines


def openapi(service: str) -> dict[str, Any]:
    """Return a service's OpenAPI document."""
    app = importlib.import_module(f"services.{service}.app")
    document: dict[str, Any] = app.create_app(settings_of(service)).openapi()
    return document


def asyncapi(service: str) -> dict[str, Any]:
    """Return a service's AsyncAPI 3.0 document: channels are topics, messages are events."""
    consumes, publishes = consumed_by(service), published_by(service)
    channels = {
        event.topic: {
            "address": event.topic,
            "description": (event.__doc__ or "").strip(),
            "messages": {event.__name__: {"$ref": f"#/components/messages/{event.__name__}"}},
            "bindings": {"kafka": {"topic": event.topic, "partitions": _topic(event).partitions}},
        }
        for event in (*consumes, *publishes)
    }
    operations = {
        f"{verb}.{event.topic}": {"action": action, "channel": {"$ref": f"#/channels/{event.topic.replace('/', '~1')}"}}
        for verb, action, events in (("consume", "receive", consumes), ("publish", "send", publishes))
        for event in events
    }
    messages = {
        event.__name__: {
            "name": event.topic,
            "contentType": "application/json",
            "headers": {
                "type": "object",
                "required": [
                    "ce_specversion",
                    "ce_id",
                    "ce_source",
                    "ce_type",
                    "ce_subject",
                    "ce_time",
                    "ce_sequence",
                    "ce_livemode",
                ],
                "properties": {"ce_type": {"const": event.topic}, "ce_subject": {"description": event.subject}},
            },
            "payload": {"$ref": f"/schemas/{event.topic}.v{event.version}.json"},
            "bindings": {"kafka": {"key": {"type": "string", "description": event.key}}},
        }
        for event in (*consumes, *publishes)
    }
    return {
        "asyncapi": "3.0.0",
        "info": {
            "title": f"Diandian {service}",
            "version": "1",
            "description": (importlib.import_module(f"services.{service}").__doc__ or "").strip(),
        },
        "defaultContentType": "application/json",
        "channels": channels,
        "operations": operations,
        "components": {"messages": messages},
    }


def _schema(event: type[Event]) -> dict[str, Any]:
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "$id": f"/schemas/{event.topic}.v{event.version}.json",
        **event.model_json_schema(),
    }


def _topic(event: type[Event]) -> Any:
    return next(topic for topic in TOPICS if topic.name == event.topic)


def _architecture() -> str:
    text = (ROOT / "ARCHITECTURE.md").read_text()
    tables = {"services": _services_table(), "topics": _topics_table()}
    for name, table in tables.items():
        pattern = rf"(<!-- generated: {name} -->\n).*?(<!-- end -->)"
        text, count = re.subn(pattern, lambda found: f"{found[1]}{table}\n{found[2]}", text, flags=re.DOTALL)  # noqa: B023
        if count != 1:
            raise ValueError(f"ARCHITECTURE.md has no place for the table of {name}")
    return text


def _services_table() -> str:
    rows = [
        f"| {service} | " + " | ".join(card(service)[line].rstrip(".") for line in CARD_LINES) + " |"
        for service in SERVICES
    ]
    return "\n".join(["| service | owns | consumes | publishes | serves | never |", "|---|---|---|---|---|---|", *rows])


def _topics_table() -> str:
    listeners = {event: [service for service in SERVICES if event in consumed_by(service)] for event in EVENTS}
    rows = [
        f"| `{event.topic}` | `{event.key}` | {_topic(event).partitions} | {event.kept} | {event.publisher} |"
        f" {', '.join(listeners[event])} |"
        for event in EVENTS
    ]
    return "\n".join(
        ["| topic | key | partitions | kept | published by | consumed by |", "|---|---|---|---|---|---|", *rows]
    )


def _json(document: dict[str, Any]) -> str:
    return json.dumps(document, indent=2, ensure_ascii=False, sort_keys=False) + "\n"


def main() -> None:
    """Write the generated files, or with --check compare them."""
    check = "--check" in sys.argv[1:]
    different = []
    for path, text in generated().items():
        target = ROOT / path
        if target.exists() and target.read_text() == text:
            continue
        different.append(str(path))
        if not check:
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_text(text)
    if check and different:
        sys.exit(f"run `python -m deploy.generate`: {', '.join(different)} differ from the code")
    print(f"{len(different)} files written" if not check else "generated files agree with the code")


if __name__ == "__main__":
    main()
