"""What a dead letter is: the message as it came, where it was published, and why it could not be taken."""

from __future__ import annotations

from typing import Any

from aiokafka import ConsumerRecord

from shared.contracts.orders import BeneficiaryNamed

REASON_CHARACTERS_MAX = 1_000
TOPIC_BYTES_MAX = 200
OFFSET_DIGITS_MAX = 19
Headers = list[tuple[str, bytes]]


def topic_of(record: ConsumerRecord) -> str:
    """Return the topic that the message was published on; a replayed one carries it along."""
    if not record.topic.startswith("replay."):
        return str(record.topic)
    return _header(record, "dead_topic")[:TOPIC_BYTES_MAX].decode(errors="replace")


def place_of(record: ConsumerRecord) -> dict[str, Any]:
    """Return where the message was published; of a replayed one where it stood first, since it can be read there."""
    place = {"partition": record.partition, "offset": record.offset}
    if record.topic.startswith("replay."):
        carried = {name: _header(record, f"dead_{name}") for name in place}
        place |= {
            name: int(text) for name, text in carried.items() if text.isdigit() and len(text) <= OFFSET_DIGITS_MAX
        }
    return {"topic": topic_of(record), **place}


def reason_of(record: ConsumerRecord, failure: Exception) -> str:
    """Say why a message failed; of one that carries a name only the kind, since a message may quote its input."""
    kind = type(failure).__name__
    return kind if topic_of(record) == BeneficiaryNamed.topic else f"{kind}: {failure}"[:REASON_CHARACTERS_MAX]


def letter_of(record: ConsumerRecord, failure: Exception, *, attempts: int) -> tuple[bytes, Headers, Headers]:
    """Return the bytes of a dead letter, the headers that the message came with, and those that say why."""
    # Names leave the log when they are erased, so their bytes may not live on in a dead letter.
    value = b"" if topic_of(record) == BeneficiaryNamed.topic else record.value
    own = [(name, text) for name, text in record.headers if text is not None and not name.startswith("dead_")]
    why = {**place_of(record), "attempts": attempts, "reason": reason_of(record, failure)}
    return value, own, [(f"dead_{name}", str(text).encode(errors="replace")) for name, text in why.items()]


def _header(record: ConsumerRecord, wanted: str) -> bytes:
    return next((bytes(text) for name, text in record.headers if name == wanted and text is not None), b"")
