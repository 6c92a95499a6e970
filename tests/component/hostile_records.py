"""Records that no board may take, and some that are hard on pages and calendars, on ranking's topics."""

from __future__ import annotations

import json
import secrets
from typing import Any

from aiokafka.structs import RecordMetadata

from shared.contracts.calculator import FootprintCalculated, ScenePublished
from shared.contracts.certificates import CertificateIssued
from shared.contracts.event import Event, Record, to_record
from shared.contracts.orders import BeneficiaryNamed
from shared.messaging import broker
from tests.component.town import Town, new_id
from tests.conftest import enveloped
from tests.unit.ranking.stories import footprint


async def sent(producer: broker.Producer, topic: str, record: Record) -> bytes:
    """Put a record on a topic and return the key of its dead letter."""
    at: RecordMetadata = await (await producer.send(topic, record))
    return f"{topic}-{at.partition}-{at.offset}".encode()


def altered(event: Event, *, headers: dict[str, str], body: dict[str, Any]) -> Record:
    """Return an event on the wire with some headers and fields as no publisher writes them."""
    key, value, written = to_record(enveloped(event))
    changed = [(name, headers[name].encode() if name in headers else text) for name, text in written]
    return key, json.dumps({**json.loads(value or b""), **body}).encode(), changed


def a_name() -> BeneficiaryNamed:
    return BeneficiaryNamed(
        beneficiary_id=new_id("ben"), name="Li Wei", alias="Heron", kind="person", board="alias", profile_hash=None
    )


def a_footprint(scene: ScenePublished) -> FootprintCalculated:
    footprint_id = new_id("fp")
    data: Any = footprint(1, 1, grams=5).data
    return FootprintCalculated(
        **{**data.model_dump(), "footprint_id": footprint_id, "root": footprint_id, "scene_id": scene.scene_id}
    )


TIMES = ["9999-12-31T23:59:59.999999Z", "0001-01-01T00:00:00Z", "0001-01-01T00:00:00+14:00", "9999-12-31T23:59-23:59"]
SEQUENCES = ["-1", "0", str(2**53), str(2**63), str(10**30), "9" * 5_000, "1.5"]
REFUSED: dict[str, tuple[dict[str, str], dict[str, Any]]] = {
    **{f"time {time}": ({"ce_time": time}, {}) for time in TIMES},
    "time of no calendar": ({"ce_time": "2026-02-29T12:00:00Z"}, {}),
    **{f"sequence {sequence[:31]}": ({"ce_sequence": sequence}, {}) for sequence in SEQUENCES},
    "another mode": ({"ce_livemode": "true"}, {}),
    "no CloudEvent": ({"ce_specversion": "\x00"}, {}),
}
BODIES: dict[type[Event], list[dict[str, Any]]] = {
    BeneficiaryNamed: [{"kind": "robot"}, {"board": ""}, {"corrects": ["x" * 100_000]}],
    CertificateIssued: [
        *({"issued_at": time} for time in TIMES),
        *({"grams": grams} for grams in (-1, 0, 2**53, 2**63, 10**30)),
        {"footprint_ids": ["fp_" + "0" * 100_000]},
        {"scene_id": ""},
    ],
    FootprintCalculated: [{"grams": 10**30}, {"people": 2**53}, {"people": -1}, {"role": "x" * 100_000}],
    ScenePublished: [{"names": {}}, {"names": {"en": ""}}, {"city": "x" * 100_000}, {"starts_on": "9999-99-99"}],
}
# Well inside the contract, and hard on pages and calendars.
TAKEN: dict[type[Event], list[dict[str, Any]]] = {
    BeneficiaryNamed: [{"alias": "\x00"}, {"alias": "\u202e" * 40}, {"alias": "<script>" * 5}],
    CertificateIssued: [{"grams": 10**15}, {"grams": 10**15}],
    FootprintCalculated: [{"grams": 10**15, "low_grams": 0, "high_grams": 10**15, "people": 1_000_000}],
    ScenePublished: [{"starts_on": "0001-01-01", "ends_on": "9999-12-31"}, {"city": "\x00\x00"}],
}


async def publish_hostile(producer: broker.Producer, town: Town) -> dict[bytes, str]:
    """Put hostile events on every topic; return where those lie that no board may take, and what each is."""
    scene, places = await town.scene(), {}
    for name, (headers, body) in REFUSED.items():
        places[await sent(producer, "beneficiary.named", altered(a_name(), headers=headers, body=body))] = name
        again = scene.model_copy(update={"scene_id": new_id("scn")})
        places[await sent(producer, "scene.published", altered(again, headers=headers, body=body))] = name
    for bodies, refused in ((BODIES, True), (TAKEN, False)):
        for contract, changes in bodies.items():
            for body in changes:
                event = await a_new(contract, town, scene)
                place = await sent(producer, contract.topic, altered(event, headers={}, body=body))
                if refused:
                    places[place] = f"{contract.topic} {str(body)[:60]}"
    counted_one = a_footprint(scene)
    (certificate,) = await town.certify(new_id("ben"), scene)
    await sent(producer, counted_one.topic, to_record(enveloped(counted_one)))
    for event in (
        counted_one.model_copy(update={"root": new_id("fp")}),
        certificate.model_copy(update={"grams": certificate.grams + 1}),
    ):
        places[await sent(producer, event.topic, to_record(enveloped(event)))] = f"{event.topic} once more, otherwise"
    deep = (b"k", b"[" * 100_000, to_record(enveloped(certificate))[2])
    places[await sent(producer, "certificate.issued", deep)] = "a body of 100,000 brackets"
    return places


async def a_new(contract: type[Event], town: Town, scene: ScenePublished) -> Event:
    if contract is ScenePublished:
        return scene.model_copy(update={"scene_id": new_id("scn"), "code": secrets.token_hex(5).upper()})
    if contract is FootprintCalculated:
        return a_footprint(scene)
    if contract is CertificateIssued:
        (issued,) = await town.certify(new_id("ben"), scene)
        return issued.model_copy(update={"certificate_id": new_id("cert")})
    return a_name()
