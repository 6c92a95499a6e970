"""What every message is: a typed fact in a CloudEvents 1.0 envelope, and how it goes on the wire and comes back."""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Annotated, Any, ClassVar, Generic, Literal, TypeVar

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, TypeAdapter, ValidationError

PARTITIONS = 12

Grams = Annotated[int, Field(gt=0, le=10**15, description="mass of CO2e in whole grams")]
GramsOrNone = Annotated[int, Field(ge=0, le=10**15, description="mass of CO2e in whole grams, may be zero")]
Fen = Annotated[int, Field(ge=0, le=10**15, description="money in minor units of the currency")]
Hash = Annotated[str, Field(pattern=r"^[0-9a-f]{64}$", description="SHA-256, hexadecimal")]
Currency = Annotated[str, Field(pattern=r"^[A-Z]{3}$", description="ISO 4217")]
Country = Annotated[str, Field(pattern=r"^[A-Z]{2}$", description="ISO 3166-1 alpha-2")]
Names = Annotated[
    dict[Annotated[str, Field(max_length=35)], Annotated[str, Field(min_length=1, max_length=500)]],
    Field(min_length=1, max_length=20, description="text by language tag"),
]


def identifier(prefix: str) -> Any:
    """Return the type of an id: the prefix that says of what, then 26 Crockford characters."""
    return Annotated[str, Field(pattern=rf"^{prefix}_[0-9A-HJKMNP-TV-Z]{{26}}$")]


SceneId = identifier("scn")
FootprintId = identifier("fp")
ProjectId = identifier("prj")
BatchId = identifier("bat")
OrderId = identifier("ord")
PaymentId = identifier("pay")
BeneficiaryId = identifier("ben")
CertificateId = identifier("cert")


class Event(BaseModel):
    """A fact that has happened, told once for all; fields are added, never renamed or removed.

    Class attributes are the line of the table of topics: `topic` is also the CloudEvents type, `key` and
    `subject` name the fields that decide the partition and the aggregate told about.
    """

    model_config = ConfigDict(frozen=True, extra="ignore")

    publisher: ClassVar[str]
    topic: ClassVar[str]
    version: ClassVar[int] = 1
    key: ClassVar[str]
    subject: ClassVar[str]
    kept: ClassVar[Literal["for ever", "compacted"]] = "for ever"


EventT = TypeVar("EventT", bound=Event)
EventT_co = TypeVar("EventT_co", bound=Event, covariant=True)


@dataclass(frozen=True)
class Cause:
    """What led to a decision: the id of an event, a request or a turn of periodic work, and the trace it belongs to."""

    id: str
    traceparent: str | None = None


@dataclass(frozen=True)
class Envelope(Generic[EventT_co]):
    """An event with its attributes: unique id, time it happened, gap-free sequence per publisher and subject."""

    id: str
    time: datetime
    sequence: int
    livemode: bool
    data: EventT_co
    cause_id: str | None = None
    traceparent: str | None = None

    @property
    def subject(self) -> str:
        """The aggregate told about."""
        return str(getattr(self.data, self.data.subject))

    @property
    def key(self) -> str:
        """The text that decides the partition."""
        return str(getattr(self.data, self.data.key))

    @property
    def cause(self) -> Cause:
        """This event as the cause of what it leads to."""
        return Cause(id=self.id, traceparent=self.traceparent)


class MalformedEvent(ValueError):
    """Bytes on a topic that are no event of its contract; the message says why."""


class OtherMode(MalformedEvent):
    """An event of the other mode: a live deployment reads no test events, nor the reverse."""


Record = tuple[bytes | None, bytes | None, list[tuple[str, bytes]]]
_MOMENT = TypeAdapter(AwareDatetime)


def to_record(envelope: Envelope[Event]) -> Record:
    """Return key, value and headers of the envelope.

    Source of the form: CloudEvents 1.0.2, Kafka protocol binding, binary mode.
    """
    event = envelope.data
    headers = [
        ("ce_specversion", b"1.0"),
        ("ce_id", envelope.id.encode()),
        ("ce_source", f"/diandian/{event.publisher}".encode()),
        ("ce_type", event.topic.encode()),
        ("ce_subject", envelope.subject.encode()),
        ("ce_time", envelope.time.astimezone(UTC).isoformat().replace("+00:00", "Z").encode()),
        ("content-type", b"application/json"),
        ("ce_dataschema", f"/schemas/{event.topic}.v{event.version}.json".encode()),
        ("ce_sequence", b"%d" % envelope.sequence),
        ("ce_livemode", b"true" if envelope.livemode else b"false"),
    ]
    if envelope.cause_id is not None:
        headers.append(("ce_cause", envelope.cause_id.encode()))
    if envelope.traceparent is not None:
        headers.append(("traceparent", envelope.traceparent.encode()))
    return envelope.key.encode(), event.model_dump_json().encode(), headers


def from_record(
    contract: type[EventT], value: bytes, headers: list[tuple[str, bytes]], *, livemode: bool
) -> Envelope[EventT]:
    """Return the envelope that the record carries.

    Raises MalformedEvent when the bytes are no such event, OtherMode when they belong to the other mode.
    """
    try:
        # Other headers are nobody's business here, and a header's value may be null.
        named = {
            name: text.decode()
            for name, text in headers
            if text is not None and (name[:3] == "ce_" or name == "traceparent")
        }
        if named.get("ce_specversion") != "1.0":
            raise MalformedEvent("ce_specversion is not 1.0: not a CloudEvents binary message")
        if named["ce_type"] != contract.topic:
            raise MalformedEvent(f"ce_type is {named['ce_type']!r}, this topic carries {contract.topic!r}")
        if (named["ce_livemode"] == "true") != livemode:
            raise OtherMode(f"ce_livemode is {named['ce_livemode']}: this deployment takes the other mode only")
        envelope = Envelope(
            id=named["ce_id"],
            time=_MOMENT.validate_python(named["ce_time"]),
            sequence=int(named["ce_sequence"]),
            livemode=livemode,
            data=contract.model_validate_json(value),
            cause_id=named.get("ce_cause"),
            traceparent=named.get("traceparent"),
        )
    except KeyError as missing:
        raise MalformedEvent(f"header {missing} is missing") from None
    except ValidationError as wrong:
        first = wrong.errors(include_url=False, include_input=False)[0]
        raise MalformedEvent(f"{'.'.join(map(str, first['loc'])) or 'body'}: {first['msg']}") from None
    except (UnicodeDecodeError, json.JSONDecodeError, ValueError) as wrong:
        if isinstance(wrong, MalformedEvent):
            raise
        raise MalformedEvent(str(wrong)) from None
    if envelope.subject != named.get("ce_subject"):
        raise MalformedEvent(f"ce_subject {named.get('ce_subject')!r} is not the {contract.subject} of the body")
    return envelope
