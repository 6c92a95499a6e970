"""Messages that a run really made, as they lay on their topics: the newest order's story, and what else was seen.

Lines are added to `shared/contracts/examples` and never change.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

from shared.contracts.event import Event
from shared.contracts.topics import EVENTS

EXAMPLES = Path(__file__).resolve().parents[2] / "shared/contracts/examples"
# Names what a message is about; who is about a thing that the story is about belongs to it.
_LINKS = ("order_id", "beneficiary_id", "scene_id", "project_id", "certificate_id")
Message = dict[str, Any]


def made_by_a_run(event: type[Event]) -> Message | None:
    """Return the newest of the committed messages of this event."""
    lines = file_of(event).read_text().splitlines()
    return json.loads(lines[-1]) if lines else None


def file_of(event: type[Event]) -> Path:
    """Return where the event's messages are committed."""
    return EXAMPLES / f"{event.topic}.v{event.version}.jsonl"


async def take(kafka: str, say: Callable[[str], None]) -> None:
    """Add one story's messages from the topics of a running copy; what is there already is not added again."""
    # Reading Kafka is not needed to write references.
    from deploy.log import whole  # noqa: PLC0415

    topics = (event.topic for event in EVENTS)
    found = [(record.topic, _message(record)) async for record in whole(kafka, *topics) if record.value is not None]
    for topic, message in story(found).items():
        event = next(event for event in EVENTS if event.topic == topic)
        file = file_of(event)
        line = json.dumps(message, ensure_ascii=False)
        if line not in file.read_text().splitlines():
            with file.open("a") as lines:
                lines.write(line + "\n")
            say(f"{topic}: {message['headers']['ce_id']}")


def story(found: Iterable[tuple[str, Message]]) -> dict[str, Message]:
    """Return one message a topic: of the newest certificate's order; of topics that it has none of, the newest one.

    Raises SystemExit when there is no certificate.
    """
    by_time = sorted(found, key=lambda one: one[1]["headers"]["ce_time"])
    certificates = [message for topic, message in by_time if topic == "certificate.issued"]
    if not certificates:
        raise SystemExit("No order has come to its certificate yet: `./diandian story` walks one there.")
    newest = certificates[-1]
    about = {newest["value"][name] for name in _LINKS if newest["value"].get(name)} | {
        *newest["value"]["footprint_ids"]
    }
    chosen: dict[str, Message] = {}
    for topic, message in by_time:
        mine = message["headers"]["ce_subject"] in about
        if mine or topic not in chosen or chosen[topic]["headers"]["ce_subject"] not in about:
            chosen[topic] = message
    return chosen


def _message(record: Any) -> Message:
    return {
        "key": record.key.decode(),
        "headers": {name: text.decode() for name, text in record.headers if text is not None},
        "value": json.loads(record.value),
    }
