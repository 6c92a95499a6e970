"""The OpenAPI documents can be followed by who has nothing else: all is described and shown, and nothing leads away."""

from __future__ import annotations

from collections import Counter
from typing import Any

import pytest

from tests.contracts.openapi import Json, Operation, documents, operations, parts

DOCUMENTS = documents()
OPERATIONS = [operation for document in DOCUMENTS.values() for operation in operations(document)]
# Lists that are whole by their nature: a rank has at most ten neighbours, an order is one entry of the ledger.
WHOLE = {"get_around_me", "get_retirement_of_order"}

every_operation = pytest.mark.parametrize("operation", OPERATIONS, ids=lambda operation: operation.id)
every_document = pytest.mark.parametrize("document", DOCUMENTS.values(), ids=DOCUMENTS)


@every_operation
def test_an_operation_describes_what_it_does_and_each_parameter(operation: Operation) -> None:
    assert [name for name in ("operationId", "summary", "description") if not operation.here.get(name)] == []
    assert [name for name, one in operation.parameters().items() if not one.get("description")] == []


def test_no_two_operations_have_one_name() -> None:
    assert [name for name, times in Counter(one.id for one in OPERATIONS).items() if times > 1] == []


@every_document
def test_every_field_of_every_body_is_described(document: Json) -> None:
    bare = [
        (part.get("title"), name)
        for part in parts([document["components"]["schemas"], document["paths"]])
        for name, field in part.get("properties", {}).items()
        if not field.get("description")
    ]
    assert bare == []
    assert [name for name, one in document["components"]["schemas"].items() if not one.get("description")] == []


@every_operation
def test_an_operation_is_shown_with_what_it_was_sent_and_what_it_answered(operation: Operation) -> None:
    needed = [one for one in operation.parameters().values() if one["required"]]
    assert [one["name"] for one in needed if "example" not in one] == []
    assert [name for name, content in operation.bodies() if "example" not in content] == []


@every_operation
def test_what_is_shown_is_what_the_schemas_take(operation: Operation) -> None:
    shown = [*operation.parameters().items(), *operation.bodies()]
    wrong = {
        name: found
        for name, one in shown
        if "example" in one and (found := operation.wrong(one["example"], one["schema"]))
    }
    assert wrong == {}


def test_an_example_that_does_not_fit_is_seen() -> None:
    (order,) = [operation for operation in OPERATIONS if operation.id == "get_order"]
    (content,) = [content for status, content in order.bodies() if status == "200"]
    assert order.wrong({**content["example"], "mass_g": "much"}, content["schema"]) != []


@every_operation
def test_a_list_comes_in_pages(operation: Operation) -> None:
    answers = [
        operation.resolved(content["schema"]) for status, content in operation.bodies() if status.startswith("2")
    ]
    assert [one for one in answers if one.get("type") == "array"] == [], "a list has room for what is behind it"
    lists = [one for one in answers if one.get("properties", {}).get("data", {}).get("type") == "array"]
    if not lists or operation.id in WHOLE:
        return
    assert {"data", "has_more", "next_cursor"} <= set(lists[0]["required"])
    query = operation.parameters("query")
    assert {"limit", "cursor"} <= query.keys()
    limit: dict[str, Any] = query["limit"]["schema"]
    assert 1 == limit["minimum"] <= limit["default"] <= limit["maximum"]
    assert not query["cursor"]["required"]


@every_operation
def test_who_replaces_names_what_is_replaced(operation: Operation) -> None:
    if operation.method != "put":
        return
    assert "If-Match" in operation.parameters("header")
    looked_at = Operation(operation.document, operation.path, "get")
    for one in (operation, looked_at):
        assert "ETag" in one.here["responses"]["200"]["headers"], one.id


@every_document
def test_nothing_leads_out_of_a_document_or_to_what_is_not_there(document: Json) -> None:
    for part in parts(document):
        place = part.get("$ref")
        if not isinstance(place, str):
            continue
        assert place.startswith("#/"), place
        found: Any = document
        for step in place.removeprefix("#/").split("/"):
            found = found[step]
