"""E1 and E2: an event exists exactly where the state it shows does, in gap-free sequence, and holds no name."""

from __future__ import annotations

import json
from collections import Counter, defaultdict
from collections.abc import Iterator
from datetime import UTC, datetime

from deploy.audit.books import AGGREGATES, Books, Message
from deploy.audit.findings import Finding, finding
from deploy.generate.rules import sharing_sequence
from services.registry.domain.events import events_of
from services.registry.domain.ledger import Page
from shared.contracts.orders import BeneficiaryNamed
from shared.contracts.registry import CreditsRefused
from shared.contracts.topics import EVENTS
from shared.mongodb import Document

COMPACTED = frozenset(event.topic for event in EVENTS if event.kept == "compacted")
# Whoever reads only one of them finds no gap between its messages, because there is one message a subject at most.
ONCE = frozenset(event.topic for event in EVENTS if sharing_sequence(event))
NAME_LENGTH_MIN = 4
# The times of the ledger's events are those of publishing, which pages do not hold.
NOT_COMPARED = datetime.fromtimestamp(0, UTC)


def check_events(books: Books) -> Iterator[Finding]:
    """Yield what is wrong between documents and messages."""
    lines: dict[tuple[str, str], dict[int, set[Message]]] = defaultdict(lambda: defaultdict(set))
    for message in books.messages:
        lines[message.publisher, message.subject][message.sequence].add(message)
    unsent = sum(1 for place in AGGREGATES for document in books.of(*place) if document.get("outbox"))
    unsent += sum(1 for project_id, pages in books.pages.items() if books.places.get(project_id, 1) <= len(pages))
    yield finding(
        "E1 sequences",
        list(_gaps(lines, _counted(books, published=True))),
        f"{len(books.messages)} messages of {len(lines)} aggregates; {unsent} outboxes not empty"
        + (f"; {books.foreign} records are no events" if books.foreign else ""),
    )
    yield finding(
        "E1 state",
        list(_without_state(lines, _counted(books, published=False))),
        "every event has its state and every state its events",
    )
    yield finding(
        "E1 repeats",
        [
            f"{publisher} published {subject} number {sequence} in {len(messages)} different ways"
            for (publisher, subject), line in lines.items()
            for sequence, messages in line.items()
            if len(messages) > 1
        ],
        "what came twice was the same",
    )
    yield finding("E1 once", list(_more_than_once(lines)), "topics that share a count have one event per subject")
    yield finding("E2", list(_names_published(books)), "no name travels in any other event")


def _counted(books: Books, *, published: bool) -> dict[tuple[str, str], int]:
    """How many events each aggregate has decided, or also published, by publisher and subject."""
    counts: dict[tuple[str, str], int] = {}
    for publisher, collection in AGGREGATES:
        for document in books.of(publisher, collection):
            unsent = len(document.get("outbox", ())) if published else 0
            counts[publisher, document["_id"]] = document["event_sequence"] - unsent
    for project_id, pages in books.pages.items():
        sent = books.places.get(project_id, 1) - 1
        for page in pages[:sent] if published else pages:
            for envelope in events_of(Page.model_validate(page), livemode=False, now=NOT_COMPARED):
                place = ("registry", envelope.subject)
                counts[place] = max(counts.get(place, 0), envelope.sequence)
    return counts


def _gaps(lines: dict[tuple[str, str], dict[int, set[Message]]], counts: dict[tuple[str, str], int]) -> Iterator[str]:
    for (publisher, subject), count in counts.items():
        line = lines.get((publisher, subject), {})
        compacted = any(message.topic in COMPACTED for messages in line.values() for message in messages)
        # A compacted topic may have forgotten all but the last.
        wanted = {count} if compacted and count else set(range(1, count + 1))
        if missing := wanted - set(line):
            yield f"{publisher} lacks number {min(missing)} of {subject}"


def _without_state(
    lines: dict[tuple[str, str], dict[int, set[Message]]], counts: dict[tuple[str, str], int]
) -> Iterator[str]:
    for (publisher, subject), line in lines.items():
        decided = counts.get((publisher, subject), 0)
        if max(line) > decided:
            yield f"{publisher} published number {max(line)} of {subject}, which has decided {decided}"


def _more_than_once(lines: dict[tuple[str, str], dict[int, set[Message]]]) -> Iterator[str]:
    for (publisher, subject), line in lines.items():
        facts = Counter(_fact(next(iter(messages))) for messages in line.values())
        for (topic, phase), times in facts.items():
            if topic in ONCE and times > 1:
                yield f"{publisher} published {topic} {phase or ''} of {subject} under {times} numbers"


def _fact(message: Message) -> tuple[str, str | None]:
    """Return the topic, and the phase where there is one: a hold may be refused, and then its post as well."""
    value = json.loads(message.value) if message.topic == CreditsRefused.topic else None
    return message.topic, str(value.get("phase")) if isinstance(value, dict) else None


def _names_published(books: Books) -> Iterator[str]:
    names = {_name(document) for document in books.of("orders", "beneficiaries")} - {""}
    sought = {name: name.encode() for name in names if len(name) >= NAME_LENGTH_MIN}
    messages = [message for message in books.messages if message.topic != BeneficiaryNamed.topic]
    # One search a name through everything, which finds nothing as a rule; only then is it asked where.
    everything = b"\n".join(message.value for message in messages)
    for name, text in sought.items():
        if text in everything:
            for message in messages:
                if text in message.value:
                    yield f"{message.topic} {message.id} holds the name {name[:1]}…"


def _name(document: Document) -> str:
    return str(document.get("name") or "")
