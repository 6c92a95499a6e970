"""The events keep their promise: committed schemas agree with the code, every message ever committed is still read."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path
from typing import Any, Literal, get_origin

import jsonschema
import pytest
from cloudevents.core.bindings.kafka import KafkaMessage, from_binary
from cloudevents.core.formats.json import JSONFormat
from cloudevents.core.v1.event import CloudEvent

from deploy.generate.files import SCHEMAS, generated
from shared.contracts.event import Envelope, Event, MalformedEvent, OtherMode, from_record, to_record
from shared.contracts.orders import BeneficiaryNamed
from shared.contracts.topics import EVENTS

ROOT = Path(__file__).resolve().parents[2]
EXAMPLES = ROOT / "shared/contracts/examples"
BY_TOPIC = {event.topic: event for event in EVENTS}


def examples() -> list[tuple[type[Event], dict[str, Any]]]:
    """All committed messages with their contract."""
    return [
        (BY_TOPIC[path.name.removesuffix(".v1.jsonl")], json.loads(line))
        for path in sorted(EXAMPLES.glob("*.jsonl"))
        for line in path.read_text().splitlines()
    ]


# Examples are of moments that had come when they were published.
PUBLISHED = max(datetime.fromisoformat(message["headers"]["ce_time"]) for _, message in examples()) + timedelta(days=1)
PUBLISHED_MS = int(PUBLISHED.timestamp() * 1000)


def read(contract: type[Event], message: dict[str, Any], *, livemode: bool = False) -> Envelope[Event]:
    headers = [(name, text.encode()) for name, text in message["headers"].items()]
    return from_record(
        contract, json.dumps(message["value"]).encode(), headers, livemode=livemode, timestamp_ms=PUBLISHED_MS
    )


@pytest.mark.parametrize("contract", EVENTS, ids=lambda event: event.topic)
def test_every_event_has_an_example(contract: type[Event]) -> None:
    assert any(mine is contract for mine, _ in examples())


@pytest.mark.parametrize(("contract", "message"), examples())
def test_every_message_ever_committed_is_still_read_and_written_as_it_was(
    contract: type[Event], message: dict[str, Any]
) -> None:
    site = message["headers"]["ce_dataschema"].partition("/schemas/")[0]
    key, value, headers = to_record(read(contract, message), site=site)
    written = {name: text.decode() for name, text in headers}
    assert key.decode() == message["key"]
    assert message["headers"].items() <= written.items()
    assert message["value"].items() <= json.loads(value).items()


@pytest.mark.parametrize(("contract", "message"), examples())
def test_another_library_reads_what_we_write_as_the_same_cloudevent(
    contract: type[Event], message: dict[str, Any]
) -> None:
    envelope = read(contract, message)
    key, value, headers = to_record(envelope, site="https://diandian.example")
    assert key is not None
    assert value is not None
    assert len(dict(headers)) == len(headers)
    found = from_binary(KafkaMessage(headers=dict(headers), key=key, value=value), JSONFormat(), CloudEvent)
    attributes = found.get_attributes()
    expected = {
        "specversion": "1.0",
        "id": envelope.id,
        "source": f"/diandian/{contract.publisher}",
        "type": contract.topic,
        "subject": envelope.subject,
        "time": envelope.time,
        "datacontenttype": "application/json",
        "dataschema": f"https://diandian.example/schemas/{contract.topic}.v{contract.version}.json",
        "sequence": str(envelope.sequence),
        "livemode": "false",
        "partitionkey": envelope.key,
    }
    assert expected.items() <= attributes.items()
    assert attributes.keys() - expected.keys() <= {"cause"}
    assert attributes.get("cause") == envelope.cause_id
    assert found.get_data() == envelope.data.model_dump(mode="json")


@pytest.mark.parametrize(("contract", "message"), examples())
def test_every_message_fits_its_committed_schema(contract: type[Event], message: dict[str, Any]) -> None:
    schema = json.loads((ROOT / SCHEMAS / f"{contract.topic}.v{contract.version}.json").read_text())
    jsonschema.validate(message["value"], schema)
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate({**message["value"], contract.subject: 7}, schema)


def test_committed_schemas_agree_with_the_code() -> None:
    for path, text in generated().items():
        assert (ROOT / path).read_text() == text, f"run `python -m deploy.generate`: {path} differs from the code"


def test_examples_are_only_ever_added_to() -> None:
    for path in EXAMPLES.glob("*.jsonl"):
        name = path.relative_to(ROOT).as_posix()
        history = ["git", "-C", str(ROOT), "log", "--format=%H", "--", name]
        for commit in subprocess.run(history, capture_output=True, text=True, check=True).stdout.split():
            shown = ["git", "-C", str(ROOT), "show", f"{commit}:{name}"]
            before = subprocess.run(shown, capture_output=True, text=True, check=False).stdout
            assert path.read_text().startswith(before), f"{name} has lost or changed what {commit[:7]} had"


def test_no_event_but_beneficiary_named_has_a_field_for_personal_data() -> None:
    personal = {"name", "alias", "email", "phone", "address", "profile_hash"}
    for event in EVENTS:
        if event is not BeneficiaryNamed:
            assert not personal & set(event.model_fields), event.topic


@pytest.mark.parametrize(
    ("change", "complaint"),
    [
        ({"ce_specversion": "0.3"}, "ce_specversion"),
        ({"ce_type": "order.placed.v9"}, "ce_type"),
        ({"ce_time": "yesterday"}, "datetime"),
        ({"ce_sequence": "one"}, "ce_sequence"),
        ({"ce_subject": "ord_other"}, "ce_subject"),
    ],
)
def test_a_message_against_its_contract_is_refused_with_the_reason(change: dict[str, str], complaint: str) -> None:
    contract, message = next(
        (contract, message) for contract, message in examples() if contract.topic == "order.placed"
    )
    with pytest.raises(MalformedEvent, match=complaint):
        read(contract, {**message, "headers": {**message["headers"], **change}})
    with pytest.raises(MalformedEvent, match="grams"):
        read(contract, {**message, "value": {**message["value"], "grams": 0}})


@pytest.mark.parametrize(
    "name", ["ce_specversion", "ce_type", "ce_livemode", "ce_id", "ce_time", "ce_sequence", "ce_subject"]
)
@pytest.mark.parametrize("text", [b"\xff", None], ids=["no text", "null"])
def test_a_header_that_is_no_text_or_missing_is_refused(name: str, text: bytes | None) -> None:
    contract, message = examples()[0]
    headers = [(one, text if one == name else there.encode()) for one, there in message["headers"].items()]
    with pytest.raises(MalformedEvent):
        from_record(contract, json.dumps(message["value"]).encode(), headers, livemode=False, timestamp_ms=PUBLISHED_MS)  # type: ignore[arg-type]


@pytest.mark.parametrize("value", [b"", b"{", b"[]", b"null", b"\xff{}"])
def test_a_body_that_is_no_such_event_is_refused(value: bytes) -> None:
    contract, message = examples()[0]
    headers = [(name, text.encode()) for name, text in message["headers"].items()]
    with pytest.raises(MalformedEvent):
        from_record(contract, value, headers, livemode=False, timestamp_ms=PUBLISHED_MS)


def test_a_time_without_its_zone_is_refused() -> None:
    contract, message = examples()[0]
    with pytest.raises(MalformedEvent, match="timezone"):
        read(contract, {**message, "headers": {**message["headers"], "ce_time": "2026-11-26T06:02:10"}})


def test_the_other_mode_is_refused() -> None:
    contract, message = examples()[0]
    with pytest.raises(OtherMode):
        read(contract, message, livemode=True)


def unbounded(schema: dict[str, Any], defined: dict[str, Any], place: str) -> Iterator[str]:
    """Yield the places of a schema that take values without a bound."""
    schema = defined[schema["$ref"].rpartition("/")[2]] if "$ref" in schema else schema
    names = schema.keys()
    bounded = {
        # An id has as many characters as its pattern says.
        "string": names & {"enum", "const", "format", "maxLength"} or schema.get("pattern", "").endswith("}$"),
        "integer": names & {"minimum", "exclusiveMinimum"} and "maximum" in names,
        "array": "maxItems" in names,
        "object": "properties" in names or {"maxProperties", "patternProperties"} <= names,
    }
    if not bounded.get(schema.get("type", ""), True):
        yield place
    inner = [*schema.get("anyOf", ()), *schema.get("patternProperties", {}).values()]
    for one in [*inner, schema["items"]] if "items" in names else inner:
        yield from unbounded(one, defined, f"{place}[]")
    for name, one in schema.get("properties", {}).items():
        yield from unbounded(one, defined, f"{place}.{name}")


@pytest.mark.parametrize("contract", EVENTS, ids=lambda event: event.topic)
def test_every_field_of_every_event_has_bounds(contract: type[Event]) -> None:
    schema = contract.model_json_schema()
    assert list(unbounded(schema, schema.get("$defs", {}), contract.topic)) == []


MOMENTS = [(contract, message) for contract, message in examples() if contract.topic.startswith("certificate.")]


@pytest.mark.parametrize(("contract", "message"), MOMENTS)
@pytest.mark.parametrize("field", ["ce_time", "issued_at"])
@pytest.mark.parametrize(
    ("moment", "taken"),
    [
        (PUBLISHED + timedelta(minutes=9), True),
        (PUBLISHED + timedelta(minutes=11), False),
        # A year without Kafka, after which all is published that happened meanwhile.
        (PUBLISHED - timedelta(days=365), True),
        (datetime(2019, 12, 31, tzinfo=UTC), False),
        (datetime(1, 1, 1, tzinfo=timezone(timedelta(hours=23))), False),
        (datetime(9999, 12, 31, 23, 59, 59, tzinfo=timezone(-timedelta(hours=23))), False),
    ],
    ids=str,
)
def test_a_publisher_s_clock_is_held_against_the_broker_s_and_late_publishing_is_legal(
    contract: type[Event], message: dict[str, Any], field: str, moment: datetime, taken: bool
) -> None:
    field = field if field == "ce_time" or field in contract.model_fields else "revoked_at"
    part = "headers" if field == "ce_time" else "value"
    changed = {**message, part: {**message[part], field: moment.isoformat()}}
    if taken:
        assert read(contract, changed)
        return
    with pytest.raises(MalformedEvent):
        read(contract, changed)


@pytest.mark.parametrize("timestamp_ms", [-1, 2**62], ids=["none", "too large"])
def test_a_record_without_a_timestamp_that_is_one_is_refused(timestamp_ms: int) -> None:
    _, value, headers = to_record(read(*examples()[0]))
    with pytest.raises(MalformedEvent, match="timestamp"):
        from_record(examples()[0][0], value or b"", headers, livemode=False, timestamp_ms=timestamp_ms)


@pytest.mark.parametrize("sequence", ["0", "-1", "9007199254740992", "9" * 5000, "1_0", "１２", " 1", "1.0", ""])
def test_a_sequence_beyond_what_a_double_counts_exactly_is_refused(sequence: str) -> None:
    contract, message = examples()[0]
    with pytest.raises(MalformedEvent):
        read(contract, {**message, "headers": {**message["headers"], "ce_sequence": sequence}})


@pytest.mark.parametrize("name", ["ce_id", "ce_cause", "ce_type", "ce_subject", "ce_time"])
@pytest.mark.parametrize("text", ["", "x" * 100_000], ids=["empty", "giant"])
def test_a_header_that_is_empty_or_giant_is_refused_in_few_words(name: str, text: str) -> None:
    contract, message = examples()[0]
    with pytest.raises(MalformedEvent) as refused:
        read(contract, {**message, "headers": {**message["headers"], name: text}})
    assert len(str(refused.value)) < 1000


def test_a_header_that_is_doubled_is_refused() -> None:
    contract, message = examples()[0]
    _, value, headers = to_record(read(contract, message))
    with pytest.raises(MalformedEvent, match="doubled"):
        from_record(contract, value or b"", [*headers, ("ce_id", b"other")], livemode=False, timestamp_ms=PUBLISHED_MS)


def test_a_trace_that_is_none_is_left_out_and_the_event_taken() -> None:
    contract, message = examples()[0]
    found = read(contract, {**message, "headers": {**message["headers"], "traceparent": "x" * 500_000}})
    assert found.traceparent is None


@pytest.mark.parametrize("value", [b"[" * 100_000, b'{"a":' * 100_000], ids=["arrays", "objects"])
def test_a_body_of_nothing_but_brackets_is_refused(value: bytes) -> None:
    contract, message = examples()[0]
    _, _, headers = to_record(read(contract, message))
    with pytest.raises(MalformedEvent):
        from_record(contract, value, headers, livemode=False, timestamp_ms=PUBLISHED_MS)


@pytest.mark.parametrize(("contract", "message"), examples())
def test_an_enum_value_that_nobody_knows_yet_is_refused_by_name_so_that_it_can_be_replayed(
    contract: type[Event], message: dict[str, Any]
) -> None:
    enums = [name for name, field in contract.model_fields.items() if get_origin(field.annotation) is Literal]
    for name in enums:
        with pytest.raises(MalformedEvent, match=f"{name}: Input should be"):
            read(contract, {**message, "value": {**message["value"], name: "of_next_year"}})
