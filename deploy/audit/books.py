"""What an audit reads: every document and every message, as they are."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator, Iterable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from aiokafka import AIOKafkaConsumer, TopicPartition

from deploy.audit.provider import Provider, payments_of
from deploy.log import whole
from shared.contracts.event import PARTITIONS, MalformedEvent, from_record
from shared.contracts.topics import EVENTS
from shared.mongodb import Document, connect

TOPICS = tuple(event.topic for event in EVENTS)
POLL_TIMEOUT_MS = 100
# Where aggregates lie that tell events: the publisher's database, the collection, and what its ids are called.
AGGREGATES = (
    ("calculator", "scenes"),
    ("calculator", "footprints"),
    ("orders", "orders"),
    ("orders", "beneficiaries"),
    ("certificates", "certificates"),
)


CONTRACTS = {event.topic: event for event in EVENTS}


@dataclass(frozen=True)
class Message:
    """A message as it lies on its topic, once its contract takes it."""

    topic: str
    id: str
    publisher: str
    subject: str
    sequence: int
    value: bytes


@dataclass
class Books:
    """The whole of what is stored and published; pages by project in their order."""

    pages: dict[str, list[Document]] = field(default_factory=dict)
    places: dict[str, int] = field(default_factory=dict)
    collections: dict[tuple[str, str], list[Document]] = field(default_factory=dict)
    messages: list[Message] = field(default_factory=list)
    # What the payment provider has on record, as it shows it.
    payments: list[Document] = field(default_factory=list)
    # What is still to come, a deadline or a notice, is late or not as of then.
    read_at: datetime = field(default_factory=lambda: datetime.now(UTC))
    # Records on our topics that no service takes for an event, so that none has published them.
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

    def take(self, record: Any) -> None:
        """Take a record as it lies on its topic."""
        if record.value is None:
            return
        if (message := _message(record)) is None:
            self.foreign += 1
        else:
            self.messages.append(message)

    def published(self, *topics: str) -> Iterable[Message]:
        """Return the messages of these topics."""
        return (message for message in self.messages if message.topic in topics)


async def read(kafka: str, mongodb: str, provider: Provider | None = None) -> Books:
    """Read everything, without a provider all but its record of payments.

    What is written meanwhile may be seen in one place and not yet in the other.
    """
    books = await _stored(mongodb, provider)
    async for record in whole(kafka, *TOPICS):
        books.take(record)
    return books


class Follower:
    """Reads the books again and again, each time only those messages that have come since, from where it stopped."""

    def __init__(self, kafka: str, mongodb: str, provider: Provider | None = None) -> None:
        self._mongodb, self._provider = mongodb, provider
        self._consumer = AIOKafkaConsumer(
            bootstrap_servers=kafka, enable_auto_commit=False, auto_offset_reset="earliest"
        )
        self._log = Books()

    @contextlib.asynccontextmanager
    async def running(self) -> AsyncIterator[Follower]:
        """Connect, and disconnect in the end."""
        await self._consumer.start()
        self._consumer.assign([TopicPartition(topic, number) for topic in TOPICS for number in range(PARTITIONS)])
        try:
            yield self
        finally:
            await self._consumer.stop()

    async def read(self) -> Books:
        """Read every document, then every message up to the end that each partition has by then."""
        books = await _stored(self._mongodb, self._provider)
        ends = await self._consumer.end_offsets(self._consumer.assignment())
        while any([await self._consumer.position(partition) < end for partition, end in ends.items()]):
            for records in (await self._consumer.getmany(timeout_ms=POLL_TIMEOUT_MS)).values():
                for record in records:
                    self._log.take(record)
        books.messages, books.foreign = list(self._log.messages), self._log.foreign
        return books


async def _stored(mongodb: str, provider: Provider | None) -> Books:
    books = Books()
    client = connect(f"{mongodb}/?readConcernLevel=majority", selection_timeout_ms=5_000)
    try:
        for database, collection in (*AGGREGATES, ("orders", "chains"), ("calculator", "figures")):
            books.collections[database, collection] = await client[database][collection].find({}).to_list(None)
        registry = client["registry"]
        async for page in registry["pages"].find({}).sort("_id", 1):
            books.pages.setdefault(page["project_id"], []).append(
                {name: value for name, value in page.items() if name != "_id"}
            )
        books.places = {place["_id"]: place["next"] async for place in registry["places"].find({})}
    finally:
        client.close()
    if provider is not None:
        books.payments = await payments_of(provider)
    return books


def _message(record: Any) -> Message | None:
    # A header's value may be null.
    headers = {name: bytes(text or b"").decode(errors="replace") for name, text in record.headers}
    try:
        envelope = from_record(
            CONTRACTS[record.topic],
            record.value,
            record.headers,
            livemode=headers.get("ce_livemode") == "true",
            timestamp_ms=record.timestamp,
        )
        return Message(
            topic=record.topic,
            id=envelope.id,
            publisher=headers["ce_source"].rpartition("/")[2],
            subject=envelope.subject,
            sequence=envelope.sequence,
            value=record.value,
        )
    except (KeyError, MalformedEvent):
        return None
