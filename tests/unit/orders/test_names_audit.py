"""The audit finds a name in any event but the one that is there to carry it."""

from __future__ import annotations

import pytest

from deploy.audit.books import Books, Message
from deploy.audit.events import check_events

NAMED = b'{"name": "Lin Yue (demo)"}'
CLEAN = b'{"grams": 7}'


def message(topic: str, value: bytes) -> Message:
    return Message(topic, "1", "orders", f"subject of {topic}", 1, value)


@pytest.mark.parametrize(
    ("messages", "expected"),
    [
        ([message("beneficiary.named", NAMED), message("order.placed", CLEAN)], None),
        (
            [message("order.placed", CLEAN), message("order.closed", NAMED)],
            "order.closed 1 holds the name L…",
        ),
        # Two messages that lie beside each other make no name.
        ([message("order.placed", b"Lin"), message("order.closed", b" Yue (demo)")], None),
    ],
)
def test_e2_a_name_is_found_in_any_other_event(messages: list[Message], expected: str | None) -> None:
    people = [
        {"_id": "ben_1", "name": "Lin Yue (demo)", "event_sequence": 0},
        {"_id": "ben_2", "name": None, "event_sequence": 0},
    ]
    books = Books(collections={("orders", "beneficiaries"): people}, messages=messages)
    (found,) = [finding for finding in check_events(books) if finding.invariant == "E2"]
    assert (found.holds, None if found.holds else found.report) == (expected is None, expected)
