"""What the documents show was had by a tour of all operations, and a tour has the same today."""

from __future__ import annotations

import json

from deploy.generate.exchanges import file_of
from deploy.generate.tour import ORGANISER, SCOPES, record
from deploy.issuer import LocalIssuer
from tests.contracts.openapi import documents, operations
from tests.system.conftest import System


async def test_a_tour_of_all_operations_has_what_the_documents_show(running: System) -> None:
    issuer = LocalIssuer(running.place.folder("issuer"), issuer=running.local.url)
    recorder = await record(
        running.local.url,
        public_url=running.local.url,
        token=issuer.token("staff", *SCOPES, organiser_id=ORGANISER),
        powerless=issuer.token("staff"),
        sandbox_key=running.provider.key,
        documents=documents(),
        clock=running.clock,
    )
    assert recorder.missing() == []
    for service, document in documents().items():
        committed = json.loads(file_of(service).read_text())
        assert committed.keys() == {operation.id for operation in operations(document)}
        for operation in operations(document):
            had = recorder.exchanges[operation.id]
            for status, content in operation.bodies():
                value = had["body"] if status == "request" else had["responses"][status]
                assert operation.wrong(value, content["schema"]) == [], (operation.id, status)
            for status, answer in had["responses"].items():
                if not status.startswith("2"):
                    assert answer["code"] == committed[operation.id]["responses"][status]["code"], operation.id
                elif isinstance(answer, dict):
                    assert answer.keys() == committed[operation.id]["responses"][status].keys(), operation.id
    await running.holds()
