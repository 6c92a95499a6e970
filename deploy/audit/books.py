"""What an audit reads: every document and every message, as they are."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

from deploy.log import whole
from shared.contracts.topics import EVENTS
from shared.mongodb import Document, connect

# Where aggregates lie that tell events: the publisher's database, the collection, and what its ids are called.
AGGREGATES = (
    ("calculator", "scenes"),
    ("calculator", "footprints"),
    ("orders", "orders"),
    ("orders", "beneficiaries"),
    ("certificates", "certificates"),
)


@dataclass(frozen=True)
class Message:
    """A message as it lies on its topic, read without the contracts."""

    topic: str
    id: str
    publisher: str
    subject: str
    sequence: int
    value: bytes


@dataclass
class Books:
    """The whole of what is stored and told; pages by project in their order."""

    pages: dict[str, list[Document]] = field(default_factory=dict)
    places: dict[str, int] = field(default_factory=dict)
    collections: dict[tuple[str, str], list[Document]] = field(default_factory=dict)
    messages: list[Message] = field(default_factory=list)
    # Records on our topics that are no events, so that no service has told them.
    foreign: int = 0

    def of(self, database: str, collection: str) -> list[Document]:
        """Return the documents of a collection."""
        return self.collections.get((database, collection), [])

    @property
    def orders(self) -> list[Document]:
        """All orders."""
        return self.of("orders", "orders")

    @property
    def certificates(self) -> list[Document]:
        """All certificates, issued or awaiting."""
        return self.of("certificates", "certificates")

    def told(self, *topics: str) -> Iterable[Message]:
        """Return the messages of these topics."""
        return (message for message in self.messages if message.topic in topics)


async def read(kafka: str, mongodb: str) -> Books:
    """Read everything; what is written meanwhile may be seen in one place and not yet in the other."""
    books = Books()
    client = connect(f"{mongodb}/?readConcernLevel=majority", selection_timeout_ms=5_000)
    try:
        more = (("orders", "sandbox_payments"), ("orders", "chains"), ("calculator", "figures"))
        for database, collection in (*AGGREGATES, *more):
            books.collections[database, collection] = await client[database][collection].find({}).to_list(None)
        registry = client["registry"]
        async for page in registry["pages"].find({}).sort("_id", 1):
            books.pages.setdefault(page["project_id"], []).append(
                {name: value for name, value in page.items() if name != "_id"}
            )
        books.places = {place["_id"]: place["next"] async for place in registry["places"].find({})}
    finally:
        client.close()
    async for record in whole(kafka, *(event.topic for event in EVENTS)):
        if record.value is None:
            continue
        if (message := _message(record)) is None:
            books.foreign += 1
        else:
            books.messages.append(message)
    return books


def _message(record: Any) -> Message | None:
    headers = {name: bytes(text).decode(errors="replace") for name, text in record.headers}
    try:
        json.loads(record.value)
        return Message(
            topic=record.topic,
            id=headers["ce_id"],
            publisher=headers["ce_source"].rpartition("/")[2],
            subject=headers["ce_subject"],
            sequence=int(headers["ce_sequence"]),
            value=record.value,
        )
    except (KeyError, ValueError):
        return None
