"""How the events of an aggregate are wrapped, and how they lie in its document until they are published."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from shared.contracts.event import Cause, Envelope, Event
from shared.contracts.topics import EVENTS

CONTRACTS = {event.topic: event for event in EVENTS}


def packed(
    events: Sequence[Event], *, after: int, now: datetime, cause: Cause, livemode: bool
) -> list[Envelope[Event]]:
    """Return the events of one aggregate in their envelopes.

    Their sequences follow `after`. The id is `<subject>.<sequence>`: whoever decides the same again makes the same
    event.
    """
    return [
        Envelope(
            id=f"{getattr(event, event.subject)}.{sequence}",
            time=now,
            sequence=sequence,
            livemode=livemode,
            data=event,
            cause_id=cause.id,
            traceparent=cause.traceparent,
        )
        for sequence, event in enumerate(events, start=after + 1)
    ]


def to_document(envelope: Envelope[Event]) -> dict[str, Any]:
    """Return the event as it lies in an outbox."""
    return {
        "id": envelope.id,
        "topic": envelope.data.topic,
        "time": envelope.time,
        "sequence": envelope.sequence,
        "livemode": envelope.livemode,
        "cause": envelope.cause_id,
        "traceparent": envelope.traceparent,
        "data": envelope.data.model_dump(mode="json"),
    }


def from_document(document: Mapping[str, Any]) -> Envelope[Event]:
    """Return what lies there. Raises KeyError or ValueError when it does not fit its contract any more."""
    return Envelope(
        id=document["id"],
        time=document["time"].replace(tzinfo=UTC),
        sequence=document["sequence"],
        livemode=document["livemode"],
        data=CONTRACTS[document["topic"]].model_validate(document["data"]),
        cause_id=document["cause"],
        traceparent=document["traceparent"],
    )
