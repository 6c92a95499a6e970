"""An outsider with nothing but the AsyncAPI documents and the schemas finds, reads and checks every message."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urljoin

import httpx
import jsonschema
import pytest

from deploy.audit.books import Books
from deploy.audit.books import Message as AuditedMessage
from deploy.audit.events import check_events
from deploy.generate.examples import story
from deploy.generate.files import REFERENCE, SCHEMAS
from deploy.local.runtime import Local
from deploy.log import whole
from shared.contracts.event import Event, to_record
from shared.contracts.topics import EVENTS, SERVICES
from shared.messaging.broker import Producer
from tests.conftest import Infra
from tests.contracts.conftest import ROOT, Node
from tests.contracts.test_consumers import record as record_of
from tests.contracts.test_events import EXAMPLES, examples, read
from tests.embedded import free_port

Message = dict[str, Any]
DOCUMENTS = {service: ROOT / REFERENCE / f"{service}.asyncapi.json" for service in SERVICES}
FOR_EVER = tuple(event for event in EVENTS if event.kept == "for ever")
SECURITY = ("Content-Security-Policy", "Referrer-Policy", "X-Content-Type-Options", "Request-Id")


def document(service: str) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(DOCUMENTS[service].read_text())
    return found


def described(event: type[Event]) -> dict[str, Any]:
    """What the publisher's document says of the event's messages."""
    found: dict[str, Any] = document(event.publisher)["components"]["messages"][event.__name__]
    return found


def newest(topic: str) -> Message:
    line: Message = json.loads((EXAMPLES / f"{topic}.v1.jsonl").read_text().splitlines()[-1])
    return line


def references(part: Any) -> Iterator[str]:
    if isinstance(part, dict):
        if isinstance(part.get("$ref"), str):
            yield part["$ref"]
        for inner in part.values():
            yield from references(inner)
    elif isinstance(part, list):
        for inner in part:
            yield from references(inner)


def test_the_parser_finds_nothing_wrong_in_the_five_documents_and_something_in_a_broken_one(
    node: Node, tmp_path: Path
) -> None:
    broken = document("orders")
    broken["components"]["messages"]["OrderPlaced"]["payload"] = {"$ref": "/schemas/order.placed.v1.json"}
    wrong = tmp_path / "broken.asyncapi.json"
    wrong.write_text(json.dumps(broken))
    found = json.loads(node("asyncapi.js", *DOCUMENTS.values(), wrong))
    complaints = {
        file: [line for line in lines if line.startswith(("error", "warning"))] for file, lines in found.items()
    }
    assert any("invalid-ref" in line for line in complaints.pop(str(wrong)))
    assert complaints == {str(file): [] for file in DOCUMENTS.values()}


@pytest.mark.parametrize("service", SERVICES)
def test_a_document_refers_to_nothing_outside_itself_and_to_nothing_that_is_not_there(service: str) -> None:
    whole_document = document(service)
    for reference in references(whole_document):
        assert reference.startswith("#/"), reference
        part = whole_document
        for step in reference.removeprefix("#/").split("/"):
            part = part[step]


@pytest.mark.parametrize("event", EVENTS, ids=lambda event: event.topic)
def test_every_publisher_and_consumer_describes_an_event_alike(event: type[Event]) -> None:
    mine = [one for one in map(document, SERVICES) if event.topic in one["channels"]]
    assert len(mine) >= 2
    for one in mine:
        assert one["channels"][event.topic]["description"]
        assert one["components"]["messages"][event.__name__] == described(event)


@pytest.mark.parametrize("event", EVENTS, ids=lambda event: event.topic)
def test_the_headers_described_are_those_on_the_wire(event: type[Event]) -> None:
    schema = described(event)["headers"]
    _, _, headers = to_record(read(event, newest(event.topic)))
    assert {name for name, _ in headers} == set(schema["properties"])
    for name, one in schema["properties"].items():
        assert one["description"], name
        assert one["examples"], name


@pytest.mark.parametrize(("contract", "message"), examples())
def test_every_message_ever_committed_fits_the_document_of_its_publisher(
    contract: type[Event], message: Message
) -> None:
    publisher = described(contract)
    schemas = document(contract.publisher)["components"]
    jsonschema.validate(message["headers"], publisher["headers"], format_checker=jsonschema.FormatChecker())
    jsonschema.validate(message["key"], publisher["bindings"]["kafka"]["key"])
    jsonschema.validate(message["value"], {**publisher["payload"], "components": schemas})


def test_the_library_of_cloudevents_for_javascript_takes_every_message_ever_committed(node: Node) -> None:
    """It refuses a `dataschema` that is a path, so that one is taken as the references say: from the gateway."""
    lines = []
    for _, message in examples():
        address = urljoin("http://gateway.example", message["headers"]["ce_dataschema"])
        lines.append(json.dumps({**message, "headers": {**message["headers"], "ce_dataschema": address}}))
    unnamed = json.loads(lines[0])
    del unnamed["headers"]["ce_id"]
    answers = [
        json.loads(line) for line in node("cloudevents.js", text="\n".join([*lines, json.dumps(unnamed)])).splitlines()
    ]
    assert "refused" in answers.pop()
    for (_, message), answer in zip(examples(), answers, strict=True):
        assert "event" in answer, answer
        assert answer["event"]["id"] == message["headers"]["ce_id"]
        assert answer["event"]["sequence"] == message["headers"]["ce_sequence"]
        assert answer["event"]["data"] == message["value"]


def test_the_newest_examples_are_one_story_that_a_run_has_made() -> None:
    """Ids, causes and sequences are those of one order, as it went from topic to topic."""
    story_of = {event.topic: newest(event.topic) for event in EVENTS}
    value, headers = {t: m["value"] for t, m in story_of.items()}, {t: m["headers"] for t, m in story_of.items()}
    order_id = value["offset.purchased"]["order_id"]
    for topic in ("order.placed", "credits.held", "credits.retired", "certificate.issued"):
        assert value[topic]["order_id"] == order_id
    assert headers["credits.held"]["ce_cause"] == headers["order.placed"]["ce_id"]
    assert headers["credits.retired"]["ce_cause"] == headers["offset.purchased"]["ce_id"]
    assert headers["certificate.issued"]["ce_cause"] == headers["credits.retired"]["ce_id"]
    claim = value["offset.purchased"]["claim"]
    assert claim["scene_id"] == value["scene.published"]["scene_id"]
    assert claim["beneficiary_id"] == value["beneficiary.named"]["beneficiary_id"]
    assert [one["footprint_id"] for one in claim["footprints"]] == [value["footprint.calculated"]["footprint_id"]]
    assert value["project.listed"]["project_id"] == value["offset.purchased"]["project_id"]
    assert [headers[topic]["ce_sequence"] for topic in ("order.placed", "offset.purchased")] == ["1", "2"]


def test_examples_are_taken_of_the_newest_order_that_came_to_its_certificate() -> None:
    committed = [(contract.topic, message) for contract, message in examples()]
    for found in (committed, committed[::-1], committed * 2):
        chosen = story(found)
        assert chosen == {event.topic: newest(event.topic) for event in EVENTS}
    with pytest.raises(SystemExit, match="story"):
        story(one for one in committed if one[0] != "certificate.issued")


def gaps(topics: Iterable[str], messages: Iterable[Message]) -> set[str]:
    """Return the subjects of which a message is missing for who reads these topics, by the documents' rules alone."""
    channels = {topic: one for service in SERVICES for topic, one in document(service)["channels"].items()}
    seen: dict[tuple[str, str], set[int]] = defaultdict(set)
    whole_line: dict[tuple[str, str], bool] = {}
    for message in messages:
        headers = message["headers"]
        if headers["ce_type"] in topics:
            line = headers["ce_source"], headers["ce_subject"]
            seen[line].add(int(headers["ce_sequence"]))
            whole_line[line] = {*channels[headers["ce_type"]]["x-sequence-shared-with"]} <= {*topics}
    return {subject for (source, subject), numbers in seen.items()
            if whole_line[source, subject] and numbers != set(range(1, max(numbers) + 1))}  # fmt: skip


def test_who_reads_one_topic_or_all_that_share_a_count_finds_a_gap_and_sees_none_where_there_is_none() -> None:
    messages = [newest(event.topic) for event in EVENTS if event.topic not in ("certificate.revoked", "order.closed")]
    for event in EVENTS:
        assert gaps([event.topic], messages) == set()
    assert gaps([event.topic for event in EVENTS], messages) == set()
    # A name that was corrected: the first message of it is missing.
    named = newest("beneficiary.named")
    second = {**named, "headers": {**named["headers"], "ce_sequence": "2"}}
    assert gaps(["beneficiary.named"], [second]) == {named["headers"]["ce_subject"]}
    assert gaps(["beneficiary.named"], [named, second, second]) == set()
    # An order of which the placing is missing.
    bought = newest("offset.purchased")
    assert gaps(["offset.purchased"], [bought]) == set()
    assert gaps(["order.placed", "order.closed", "offset.purchased"], [bought]) == {bought["headers"]["ce_subject"]}


def test_the_audit_names_a_topic_that_has_two_events_of_a_subject_though_it_shares_its_count() -> None:
    """Else who reads that topic alone could miss one of the two and not know."""

    def audited(*given: Message) -> bool:
        books = Books(
            messages=[
                AuditedMessage(
                    topic=one["headers"]["ce_type"],
                    id=one["headers"]["ce_id"],
                    publisher=one["headers"]["ce_source"].rpartition("/")[2],
                    subject=one["headers"]["ce_subject"],
                    sequence=int(one["headers"]["ce_sequence"]),
                    value=json.dumps(one["value"]).encode(),
                )
                for one in given
            ]
        )
        return next(found for found in check_events(books) if found.invariant == "E1 once").holds

    def again(message: Message, **value: str) -> Message:
        headers = {**message["headers"], "ce_sequence": "3", "ce_id": "another"}
        return {**message, "headers": headers, "value": {**message["value"], **value}}

    messages = [newest(event.topic) for event in EVENTS]
    assert audited(*messages, *messages)
    assert audited(*messages, again(newest("beneficiary.named")))
    assert audited(*messages, again(newest("credits.refused"), phase="post"))
    assert not audited(*messages, again(newest("credits.refused")))
    assert not audited(*messages, again(newest("offset.purchased")))


async def test_no_offset_is_left_out_in_a_topic_that_is_kept_for_ever(infra: Infra) -> None:
    """So who keeps the last offset of each partition sees that a message was missed."""
    producer = Producer(infra.kafka, replica="test")
    await producer.start()
    for contract, message in examples() * 3:
        if contract in FOR_EVER:
            await (await producer.send(contract.topic, record_of(message)))
    await producer.stop()
    offsets: dict[tuple[str, int], list[int]] = defaultdict(list)
    async for record in whole(infra.kafka, *(event.topic for event in FOR_EVER)):
        offsets[record.topic, record.partition].append(record.offset)
    assert {topic for topic, _ in offsets} == {event.topic for event in FOR_EVER}
    for place, found in offsets.items():
        assert found == list(range(len(found))), place


@pytest.fixture(scope="module")
def gateway(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The address of a gateway with nothing behind it."""
    local = Local(tmp_path_factory.mktemp("gateway"), free_port(), parts=("gateway",))
    local.up(say=lambda _line: None)
    try:
        yield local.url
    finally:
        local.down(say=lambda _line: None)


@pytest.mark.parametrize("event", EVENTS, ids=lambda event: event.topic)
def test_the_address_in_ce_dataschema_answers_with_the_schema(event: type[Event], gateway: str) -> None:
    headers = dict(to_record(read(event, newest(event.topic)))[2])
    answer = httpx.get(urljoin(gateway, headers["ce_dataschema"].decode()))
    assert answer.status_code == 200
    assert answer.headers["Content-Type"] == "application/schema+json"
    assert answer.text == (ROOT / SCHEMAS / f"{event.topic}.v1.json").read_text()
    assert urljoin(str(answer.url), answer.json()["$id"]) == str(answer.url)
    is_for_everybody(answer)


@pytest.mark.parametrize("service", SERVICES)
def test_the_document_of_a_service_stands_beside_its_openapi(service: str, gateway: str) -> None:
    answer = httpx.get(f"{gateway}/v1/{service}/asyncapi.json")
    assert answer.status_code == 200
    assert answer.headers["Content-Type"] == "application/vnd.aai.asyncapi+json"
    assert answer.json() == document(service)
    is_for_everybody(answer)


def is_for_everybody(answer: httpx.Response) -> None:
    """Any page of any site may read it, keep it for a while and ask whether it has changed."""
    assert answer.headers["Access-Control-Allow-Origin"] == "*"
    assert "max-age=" in answer.headers["Cache-Control"]
    again = httpx.get(answer.url, headers={"If-None-Match": answer.headers["ETag"]})
    assert again.status_code == 304
    for name in SECURITY:
        assert answer.headers[name], name


@pytest.mark.parametrize(
    "path", ["/event.py", "/schemas/event.py", "/schemas/../event.py", "/schemas/", "/v1/nobody/asyncapi.json"]
)
def test_the_gateway_shows_no_other_file(path: str, gateway: str) -> None:
    # With no service behind it, what is nobody's is answered 502.
    assert httpx.get(f"{gateway}{path}").status_code == 502
