"""What holds for every topic, in the words that the AsyncAPI documents carry to those who know nothing else."""

from __future__ import annotations

from shared.contracts.event import Event
from shared.contracts.topics import EVENTS

WIRE = """\
**Form.** CloudEvents 1.0 in Kafka's binary mode: attributes are headers `ce_*`, all of them UTF-8 text; the value is
the event as JSON.

**Key and order.** The key decides the partition (Kafka's default: murmur2 of its bytes, of 12 partitions), so order
holds for one key of one topic and nowhere else. A later fact of another topic may be read before an earlier one: wait
for what is missing, do not refuse what came first. Order by `ce_sequence`, never by `ce_time`.

**Duplicates.** Delivery is at least once. What comes again has the same `ce_id` and the same value, and may come after
newer messages. Either remember `ce_id`, or let the effect follow from a key of the event itself: an order is purchased
once, so its `order_id` is enough. Of a compacted topic keep, for each key, the message with the greatest `ce_sequence`.

**Gaps.** In a topic that is kept for ever no offset of a partition is left out: who keeps the last offset that it has
processed finds a gap when the next one is not one more. `ce_sequence` counts a publisher's events about one subject, 1,
2, 3 … without a gap, over all topics of that publisher; each channel names the topics that share the count
(`x-sequence-shared-with`). A topic that shares it with none carries every number: one left out is a message not read,
or compacted away. A topic that shares it carries one message about a subject at most (of `credits.refused` one for each
`phase`), so none can be missing between two; who reads all topics that share the count finds every number.

**Retention.** Topics kept for ever lose nothing: read them from the beginning. Compacted ones keep the last message of
each key for ever, earlier ones for some hours. No key is removed by a null: what has ended says so in a message. A null
under a key `heartbeat-<partition>` keeps compaction going and means nothing: skip it. `dead.<service>` holds, for 90
days, what a service could not take, and `replay.<service>`, for 7 days, what it is given once more; both are that
service's own.

**Evolution.** Within a version fields are added, and enumerations get new values. Ignore fields that you do not know;
take a value that you do not know for one that does not concern you, and do not refuse its message. Nothing is renamed,
removed, or given another meaning or unit. A change that breaks this is a new version with a schema of its own,
announced in CHANGELOG.md.

**Live mode.** A deployment is live or it is not; `ce_livemode` says which on every message. Refuse what is not of your
own mode: only live messages are about money and credits that exist.

**Units.** Masses are whole grams of CO2e, money is whole fen (1/100 of the currency); both pass 32 bits. Times are RFC
3339 in UTC."""

SERVER = (
    "A placeholder: brokers are not open to the world. Whoever runs a deployment tells those who may read where its "
    "brokers are, and how to show who one is."
)
KEPT = {
    "for ever": "Kept for ever.",
    "compacted": "Compacted: the last message of each key is kept for ever, earlier ones for some hours.",
}


def sharing_sequence(event: type[Event]) -> tuple[str, ...]:
    """Return the other topics whose events count in one sequence with these: same publisher, same kind of subject."""
    line = (event.publisher, event.subject)
    return tuple(other.topic for other in EVENTS if (other.publisher, other.subject) == line and other is not event)


def sequence_rule(event: type[Event]) -> str:
    """Say how numbers run in the event's topic."""
    if others := sharing_sequence(event):
        named = ", ".join(f"`{other}`" for other in others)
        return (
            f"Counts this publisher's events about one {event.subject} from 1 without a gap, over this topic and "
            f"{named}: a number left out here is one of theirs."
        )
    return (
        f"Counts this publisher's events about one {event.subject} from 1 without a gap, in this topic alone: a number "
        f"left out is a message not read" + (" or compacted away." if event.kept == "compacted" else ".")
    )
