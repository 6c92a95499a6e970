"""The events keep their promise: committed schemas agree with the code, every message ever committed is still read."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path
from typing import Any

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


def read(contract: type[Event], message: dict[str, Any], *, livemode: bool = False) -> Envelope[Event]:
    headers = [(name, text.encode()) for name, text in message["headers"].items()]
    return from_record(contract, json.dumps(message["value"]).encode(), headers, livemode=livemode)


@pytest.mark.parametrize("contract", EVENTS, ids=lambda event: event.topic)
def test_every_event_has_an_example(contract: type[Event]) -> None:
    assert any(mine is contract for mine, _ in examples())


@pytest.mark.parametrize(("contract", "message"), examples())
def test_every_message_ever_committed_is_still_read_and_written_as_it_was(
    contract: type[Event], message: dict[str, Any]
) -> None:
    key, value, headers = to_record(read(contract, message))
    written = {name: text.decode() for name, text in headers}
    assert key.decode() == message["key"]
    assert message["headers"].items() <= written.items()
    assert message["value"].items() <= json.loads(value).items()


@pytest.mark.parametrize(("contract", "message"), examples())
def test_another_library_reads_what_we_write_as_the_same_cloudevent(
    contract: type[Event], message: dict[str, Any]
) -> None:
    envelope = read(contract, message)
    key, value, headers = to_record(envelope)
    assert key is not None
    assert value is not None
    assert len(dict(headers)) == len(headers)
    found = from_binary(KafkaMessage(headers=dict(headers), key=key, value=value), JSONFormat(), CloudEvent)
    told = found.get_attributes()
    expected = {
        "specversion": "1.0",
        "id": envelope.id,
        "source": f"/diandian/{contract.publisher}",
        "type": contract.topic,
        "subject": envelope.subject,
        "time": envelope.time,
        "datacontenttype": "application/json",
        "dataschema": f"/schemas/{contract.topic}.v{contract.version}.json",
        "sequence": str(envelope.sequence),
        "livemode": "false",
        "partitionkey": envelope.key,
    }
    assert expected.items() <= told.items()
    assert told.keys() - expected.keys() <= {"cause"}
    assert told.get("cause") == envelope.cause_id
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
        ({"ce_sequence": "one"}, "int"),
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
    headers = [(one, text if one == name else told.encode()) for one, told in message["headers"].items()]
    with pytest.raises(MalformedEvent):
        from_record(contract, json.dumps(message["value"]).encode(), headers, livemode=False)  # type: ignore[arg-type]


@pytest.mark.parametrize("value", [b"", b"{", b"[]", b"null", b"\xff{}"])
def test_a_body_that_is_no_such_event_is_refused(value: bytes) -> None:
    contract, message = examples()[0]
    headers = [(name, told.encode()) for name, told in message["headers"].items()]
    with pytest.raises(MalformedEvent):
        from_record(contract, value, headers, livemode=False)


def test_a_time_without_its_zone_is_refused() -> None:
    contract, message = examples()[0]
    with pytest.raises(MalformedEvent, match="timezone"):
        read(contract, {**message, "headers": {**message["headers"], "ce_time": "2026-11-26T06:02:10"}})


def test_the_other_mode_is_refused() -> None:
    contract, message = examples()[0]
    with pytest.raises(OtherMode):
        read(contract, message, livemode=True)
