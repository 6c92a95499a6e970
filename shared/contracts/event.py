"""What every message is: a typed fact in a CloudEvents 1.0 envelope, and how it goes on the wire and comes back."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from functools import cache
from typing import Annotated, Any, ClassVar, Generic, Literal, TypeVar

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, TypeAdapter, ValidationError

PARTITIONS = 12
# Beyond it a reader whose numbers are doubles, as JavaScript's, takes one integer for another.
WHOLE_MAX = 2**53 - 1
# Nothing of Diandian happened before, and what lies there is of a clock that was never set.
EARLIEST = datetime(2020, 1, 1, tzinfo=UTC)
LATEST = datetime(2100, 1, 1, tzinfo=UTC)
# A clock five minutes ahead is borne by everybody, so a little more is no reason to refuse.
AHEAD_MAX = timedelta(minutes=10)
HEADER_CHARACTERS_MAX = 200
# Text without control characters.
ONE_LINE = r"^[^\x00-\x1f\x7f]*$"

# A thousand million tonnes, as much as a large country emits in a year. Nine thousand of such sums fit 64 bits.
Grams = Annotated[int, Field(gt=0, le=10**15, description="mass of CO2e in whole grams")]
GramsOrNone = Annotated[int, Field(ge=0, le=10**15, description="mass of CO2e in whole grams, may be zero")]
# Ten million million yuan: a thousand million tonnes at a price that nobody asks.
Fen = Annotated[int, Field(ge=0, le=10**15, description="money in minor units of the currency")]
Version = Annotated[int, Field(ge=1, le=WHOLE_MAX)]
Moment = Annotated[AwareDatetime, Field(ge=EARLIEST, lt=LATEST)]
# A scene may be long over, or planned for years ahead.
Day = Annotated[date, Field(ge=date(2000, 1, 1), le=date(2100, 12, 31))]
Hash = Annotated[str, Field(pattern=r"^[0-9a-f]{64}$", description="SHA-256, hexadecimal")]
Currency = Annotated[str, Field(pattern=r"^[A-Z]{3}$", description="ISO 4217")]
Country = Annotated[str, Field(pattern=r"^[A-Z]{2}$", description="ISO 3166-1 alpha-2")]
LanguageTag = Annotated[str, Field(pattern=r"^[A-Za-z]{1,8}(-[A-Za-z0-9]{1,8})*$", min_length=2, max_length=35)]
Names = Annotated[
    dict[LanguageTag, Annotated[str, Field(min_length=1, max_length=500, pattern=ONE_LINE)]],
    Field(min_length=1, max_length=20, description="text by language tag"),
]


# What our own publishers name: an enterprise, an organiser, a release, a version of a text.
Label = Annotated[str, Field(min_length=1, max_length=100, pattern=ONE_LINE)]
Jurisdiction = Annotated[str, Field(min_length=2, max_length=100, pattern=ONE_LINE)]


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
    """A fact that has happened, published once for all; fields are added, never renamed or removed.

    Class attributes are the line of the table of topics: `topic` is also the CloudEvents type, `key` and
    `subject` name the fields that decide the partition and the aggregate that it is about.
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
        """The aggregate that it is about."""
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
_MOMENT = TypeAdapter(Moment)
_SEQUENCE = re.compile(r"[1-9][0-9]{0,15}")
# Source of the form: W3C Trace Context, version 00.
_TRACEPARENT = re.compile(r"00-[0-9a-f]{32}-[0-9a-f]{16}-[0-9a-f]{2}")
_REQUIRED = ("ce_specversion", "ce_type", "ce_id", "ce_time", "ce_sequence", "ce_livemode", "ce_subject")


def to_record(envelope: Envelope[Event], *, site: str = "") -> Record:
    """Return key, value and headers of the envelope; `site` is the address at which our schemas answer.

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
        ("ce_dataschema", f"{site}/schemas/{event.topic}.v{event.version}.json".encode()),
        ("ce_sequence", b"%d" % envelope.sequence),
        ("ce_livemode", b"true" if envelope.livemode else b"false"),
    ]
    if envelope.cause_id is not None:
        headers.append(("ce_cause", envelope.cause_id.encode()))
    if envelope.traceparent is not None:
        headers.append(("traceparent", envelope.traceparent.encode()))
    return envelope.key.encode(), event.model_dump_json().encode(), headers


def from_record(
    contract: type[EventT],
    value: bytes,
    headers: Iterable[tuple[str, bytes]],
    *,
    livemode: bool,
    timestamp_ms: int,
) -> Envelope[EventT]:
    """Return the envelope that the record carries; `timestamp_ms` is the record's own, as the broker kept it.

    Raises MalformedEvent when the bytes are no such event, or tell of a time that had not come when the broker took
    them; OtherMode when they belong to the other mode.
    """
    named = _attributes(headers)
    if named["ce_specversion"] != "1.0":
        raise MalformedEvent("ce_specversion is not 1.0: not a CloudEvents binary message")
    if named["ce_type"] != contract.topic:
        raise MalformedEvent(f"ce_type is {named['ce_type']!r}, this topic carries {contract.topic!r}")
    if named["ce_livemode"] not in {"true", "false"}:
        raise MalformedEvent("ce_livemode is neither true nor false")
    if (named["ce_livemode"] == "true") != livemode:
        raise OtherMode(f"ce_livemode is {named['ce_livemode']}: this deployment takes the other mode only")
    traceparent = named.get("traceparent")
    try:
        envelope = Envelope(
            id=named["ce_id"],
            time=_MOMENT.validate_python(named["ce_time"]),
            sequence=_sequence(named["ce_sequence"]),
            livemode=livemode,
            data=contract.model_validate_json(value),
            cause_id=named.get("ce_cause"),
            # A trace that cannot be followed is left out, as its specification demands; the event counts all the same.
            traceparent=traceparent if traceparent and _TRACEPARENT.fullmatch(traceparent) else None,
        )
    except ValidationError as wrong:
        first = wrong.errors(include_url=False, include_input=False)[0]
        raise MalformedEvent(f"{'.'.join(map(str, first['loc'])) or 'body'}: {first['msg']}") from None
    if envelope.subject != named["ce_subject"]:
        raise MalformedEvent(f"ce_subject {named['ce_subject']!r} is not the {contract.subject} of the body")
    _check_clock(envelope, timestamp_ms)
    return envelope


def _attributes(headers: Iterable[tuple[str, bytes]]) -> dict[str, str]:
    """Return the headers that we read, as text. Raises MalformedEvent when one is missing, doubled, long or no text."""
    named: dict[str, str] = {}
    for name, text in headers:
        # Other headers are nobody's business here, and a header's value may be null.
        if text is None or not (name[:3] == "ce_" or name == "traceparent"):
            continue
        if name in named:
            raise MalformedEvent(f"header {name[:HEADER_CHARACTERS_MAX]!r} is doubled")
        try:
            named[name] = text.decode()
        except UnicodeDecodeError:
            raise MalformedEvent(f"header {name[:HEADER_CHARACTERS_MAX]!r} is not UTF-8") from None
    for name in _REQUIRED:
        if name not in named:
            raise MalformedEvent(f"header {name!r} is missing")
    for name in (*_REQUIRED, "ce_cause"):
        if not 0 < len(named.get(name, "-")) <= HEADER_CHARACTERS_MAX:
            raise MalformedEvent(f"header {name!r} is empty or longer than {HEADER_CHARACTERS_MAX} characters")
    return named


def _sequence(text: str) -> int:
    if _SEQUENCE.fullmatch(text) is None or int(text) > WHOLE_MAX:
        raise MalformedEvent(f"ce_sequence {text!r} is no whole number from 1 to {WHOLE_MAX}")
    return int(text)


def _check_clock(envelope: Envelope[Event], timestamp_ms: int) -> None:
    """Raise MalformedEvent when a moment had not come yet, to the broker's knowledge, when the event was published.

    Old ones are taken: a publisher that could not reach Kafka for days publishes what happened meanwhile.
    """
    if not 0 <= timestamp_ms <= LATEST.timestamp() * 1000:
        raise MalformedEvent(f"the record's timestamp {timestamp_ms} is none")
    end = datetime.fromtimestamp(timestamp_ms / 1000, UTC) + AHEAD_MAX
    if envelope.time > end:
        raise MalformedEvent(f"ce_time {envelope.time.isoformat()} had not come at the record's timestamp")
    for name in _moments(type(envelope.data)):
        if getattr(envelope.data, name) > end:
            raise MalformedEvent(f"{name} had not come at the record's timestamp")


@cache
def _moments(contract: type[Event]) -> tuple[str, ...]:
    return tuple(name for name, field in contract.model_fields.items() if field.annotation is AwareDatetime)
