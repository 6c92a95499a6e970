"""What each service says of itself: its card, what it consumes and publishes; and the tables made of that."""

from __future__ import annotations

import importlib
import re
from typing import Any

from shared.contracts.event import Event
from shared.contracts.topics import EVENTS, SERVICES, TOPICS, Topic

CARD_LINES = ("Owns", "Consumes", "Publishes", "Serves", "Never")


class _Anything:
    """Stands for handlers where only the names of what is consumed matter."""

    def __getattr__(self, name: str) -> str:
        return name


def consumed_by(service: str) -> tuple[type[Event], ...]:
    """Return what a service consumes by its stream table."""
    stream: Any = importlib.import_module(f"services.{service}.stream")
    return tuple(stream.consumes(_Anything()))


def published_by(service: str) -> tuple[type[Event], ...]:
    """Return what a service publishes by its stream table."""
    return tuple(importlib.import_module(f"services.{service}.stream").PUBLISHES)


def card(service: str) -> dict[str, str]:
    """Return the five lines of a service's card. Raises ValueError when one is missing."""
    lines = dict(re.findall(rf"^({'|'.join(CARD_LINES)}): (.+)$", card_text(service), re.MULTILINE))
    if tuple(lines) != CARD_LINES:
        raise ValueError(f"the card of {service} has the lines {tuple(lines)}, not {CARD_LINES}")
    return lines


def card_text(service: str) -> str:
    """Return the whole card."""
    return (importlib.import_module(f"services.{service}").__doc__ or "").strip()


def topic_of(event: type[Event]) -> Topic:
    """Return the topic that carries the event."""
    return next(topic for topic in TOPICS if topic.name == event.topic)


def with_tables(architecture: str) -> str:
    """Return ARCHITECTURE.md with its tables. Raises ValueError when it has no place for one."""
    for name, table in {"services": _services_table(), "topics": _topics_table()}.items():
        pattern = rf"(<!-- generated: {name} -->\n).*?(<!-- end -->)"
        architecture, count = re.subn(pattern, rf"\g<1>{table}\n\g<2>", architecture, flags=re.DOTALL)
        if count != 1:
            raise ValueError(f"ARCHITECTURE.md has no place for the table of {name}")
    return architecture


def _services_table() -> str:
    rows = [
        f"| {service} | " + " | ".join(card(service)[line].rstrip(".") for line in CARD_LINES) + " |"
        for service in SERVICES
    ]
    return "\n".join(["| service | owns | consumes | publishes | serves | never |", "|---|---|---|---|---|---|", *rows])


def _topics_table() -> str:
    consumers = {event: [service for service in SERVICES if event in consumed_by(service)] for event in EVENTS}
    rows = [
        f"| `{event.topic}` | `{event.key}` | {topic_of(event).partitions} | {event.kept} | {event.publisher} |"
        f" {', '.join(consumers[event])} |"
        for event in EVENTS
    ]
    return "\n".join(
        ["| topic | key | partitions | kept | published by | consumed by |", "|---|---|---|---|---|---|", *rows]
    )
