"""What is the message's fault and what is not, over every class of codes that MongoDB and Kafka know.

Source of names, numbers and classes: mongodb/mongo, src/mongo/base/error_codes.yml (commit 007ba934), and aiokafka's
errors, which follow Kafka's protocol.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
from aiokafka import errors as kafka
from bson.errors import InvalidDocument
from pymongo import errors as driver

from shared.messaging.failures import (
    DOCUMENT_CODES,
    INDEX_CODES,
    RECORD_ERRORS,
    LostRace,
    blames_index,
    is_infrastructure,
    kind_of,
    unavailable,
)

RUNBOOK = Path(__file__).resolve().parents[3] / "docs/runbook.md"
# By the server's category. None of them says anything about a document.
SURROUNDINGS = {
    "NetworkError": (6, 7, 89, 317, 384, 9001),
    "NetworkTimeoutError": (89, 202),
    "Interruption": (24, 50, 237, 262, 279, 281, 282, 290, 355, 453, 11600, 11601, 11602, 46841, 91331, 10045600),
    "NotPrimaryError": (189, 10107, 11602, 13435, 13436),
    "StaleShardVersionError": (150, 13388),
    "WriteConcernError": (64, 75, 79, 100),
    "ShutdownError": (91, 333, 11600),
    "CancellationError": (90, 91, 310, 312, 333, 355, 11600, 46841),
    "ExceededTimeLimitError": (50, 202, 262, 290, 407),
    "SnapshotError": (239, 246, 250, 272),
    "VoteAbortError": (148, 225, 251, 263, 347, 356),
    "RetriableError": (6, 7, 89, 91, 134, 189, 262, 358, 402, 406, 412, 462, 9001, 10107, 11600, 11602, 50915),
    "CursorInvalidatedError": (43, 96, 175, 237, 314),
    "SystemOverloadedError": (433, 449, 450, 462),
    "CloseConnectionError": (303, 354, 372, 398),
    "VersionedAPIError": (322, 323, 324, 347),
    "of rights": (11, 13, 18, 31, 33, 214, 334, 391),
    "of disk and memory": (146, 264, 292, 365, 371, 388, 14031),
    "of an election": (74, 94, 95, 109, 112, 117, 133, 149, 216),
    "of commands and namespaces": (1, 8, 20, 26, 27, 48, 59, 72, 73, 115, 238, 40413, 40414, 40415),
}
CODES = sorted({(code, kind) for kind, codes in SURROUNDINGS.items() for code in codes})


def in_bulk(**errors: Any) -> driver.BulkWriteError:
    return driver.BulkWriteError({"writeErrors": [], "writeConcernErrors": [], **errors})


@pytest.mark.parametrize(("code", "kind"), CODES)
def test_what_the_surroundings_answer_is_never_the_message_s_fault(code: int, kind: str) -> None:
    for failure in (
        driver.OperationFailure(kind, code),
        driver.WriteError(kind, code),
        driver.WriteConcernError(kind, code),
        in_bulk(writeErrors=[{"code": code}]),
        in_bulk(writeErrors=[{"code": 2}, {"code": code}]),
        in_bulk(writeConcernErrors=[{"code": code}]),
        in_bulk(writeErrors=[{"code": 10334}], writeConcernErrors=[{"code": code}]),
    ):
        assert is_infrastructure(failure), failure


@pytest.mark.parametrize("code", DOCUMENT_CODES)
def test_a_code_that_blames_the_document_is_the_message_s_fault(code: int) -> None:
    name = DOCUMENT_CODES[code]
    for failure in (
        driver.OperationFailure(name, code),
        driver.WriteError(name, code),
        in_bulk(writeErrors=[{"code": code}, {"code": 121}]),
    ):
        assert not is_infrastructure(failure), failure
    assert is_infrastructure(driver.OperationFailure(name, code, {"errorLabels": ["RetryableWriteError"]}))


def test_the_server_s_own_validation_class_blames_the_document() -> None:
    assert {15, 22, 378} <= DOCUMENT_CODES.keys()


def test_a_code_that_nobody_has_listed_is_of_the_surroundings() -> None:
    blaming = {code for code in range(100_000) if not is_infrastructure(driver.OperationFailure("?", code))}
    assert blaming == DOCUMENT_CODES.keys()
    assert is_infrastructure(driver.OperationFailure("without a code"))
    assert is_infrastructure(in_bulk())


@pytest.mark.parametrize(
    "failure",
    [
        driver.AutoReconnect("gone"),
        driver.NotPrimaryError("stepped down"),
        driver.ServerSelectionTimeoutError("nobody"),
        driver.NetworkTimeout("slow"),
        driver.CursorNotFound("lost", 43),
        driver.ExecutionTimeout("slow", 50),
        driver.WTimeoutError("slow", 64),
        driver.InvalidOperation("closed"),
        LostRace("another was first"),
        TimeoutError(),
        ConnectionResetError(),
    ],
    ids=lambda failure: type(failure).__name__,
)
def test_a_driver_that_cannot_reach_its_server_is_infrastructure(failure: Exception) -> None:
    assert is_infrastructure(failure)


@pytest.mark.parametrize(
    "failure",
    [
        driver.DuplicateKeyError("taken", 11000),
        driver.DocumentTooLarge("16 MB"),
        InvalidDocument("key"),
        OverflowError("64 bits"),
        ValueError(),
        KeyError(),
        RecursionError(),
    ],
    ids=lambda failure: type(failure).__name__,
)
def test_a_document_that_the_driver_or_a_handler_cannot_write_is_the_message_s_fault(failure: Exception) -> None:
    assert not is_infrastructure(failure)


KAFKA_ERRORS = [one for one in vars(kafka).values() if isinstance(one, type) and issubclass(one, kafka.KafkaError)]


@pytest.mark.parametrize("kind", KAFKA_ERRORS, ids=lambda kind: kind.__name__)
def test_of_kafka_s_errors_only_a_short_list_blames_the_record(kind: type[kafka.KafkaError]) -> None:
    assert is_infrastructure(kind()) == (kind not in RECORD_ERRORS)


def test_an_index_that_cannot_be_made_is_no_reason_to_wait() -> None:
    for code in (*INDEX_CODES, 11000):
        assert blames_index(driver.OperationFailure("index", code))
    assert not blames_index(driver.OperationFailure("stepped down", 189))
    assert not blames_index(driver.AutoReconnect("gone"))


def test_the_log_names_what_is_unavailable_and_quotes_no_document() -> None:
    failure = in_bulk(writeErrors=[{"code": 189, "op": {"name": "Lin Yue"}}])
    assert (unavailable(failure), kind_of(failure)) == ("MongoDB unavailable", "BulkWriteError 65")
    assert unavailable(kafka.NotControllerError()) == "Kafka unavailable"
    assert unavailable(TimeoutError()) == "surroundings unavailable"


def test_the_runbook_lists_the_codes_that_blame_the_document() -> None:
    section = RUNBOOK.read_text().split("### What the message is blamed for")[1].split("\n## ")[0]
    listed = {int(code): name for code, name in re.findall(r"^\| (\d+) \| (.+?) \|", section, re.MULTILINE)}
    assert listed == DOCUMENT_CODES
    assert {name for name in re.findall(r"`(\w+)`", section) if hasattr(kafka, name)} == {
        kind.__name__ for kind in RECORD_ERRORS
    }
