"""Which failures are of the surroundings and pass by themselves, and which are of the message.

The surroundings are at fault unless the failure says that the document or the record itself is: a step-down, a full
disk or a revoked right must never turn good messages into dead letters.
"""

from __future__ import annotations

from aiokafka.errors import (
    InvalidTimestampError,
    KafkaError,
    MessageSizeTooLargeError,
    RecordListTooLargeError,
    RecordTooLargeError,
)

from shared.mongodb import BulkWriteError, MongoError, OperationFailure

# By MongoDB's error code: what says that this document cannot be written, now or ever. The names are those of the
# server's error_codes.yml; 17419 is an assertion of its own and has none there.
DOCUMENT_CODES = {
    2: "BadValue",
    9: "FailedToParse",
    14: "TypeMismatch",
    15: "Overflow",
    16: "InvalidLength",
    22: "InvalidBSON",
    28: "PathNotViable",
    52: "DollarPrefixedFieldName",
    53: "InvalidIdField",
    56: "EmptyFieldName",
    57: "DottedFieldName",
    66: "ImmutableField",
    121: "DocumentValidationFailure",
    171: "CannotIndexParallelArrays",
    201: "CannotBuildIndexKeys",
    241: "ConversionFailure",
    357: "InvalidBSONType",
    378: "NonConformantBSON",
    10334: "BSONObjectTooLarge",
    # Whoever only lost a race for a key does not lose it three times; a key that stays taken would else stop its
    # partition for ever.
    11000: "DuplicateKey",
    17280: "KeyTooLong",
    17419: "document too large after an update",
}
# Likewise of indexes: they differ from what is there, or what lies there does not fit them.
INDEX_CODES = {67: "CannotCreateIndex", 85: "IndexOptionsConflict", 86: "IndexKeySpecsConflict"}
RECORD_ERRORS = (InvalidTimestampError, MessageSizeTooLargeError, RecordListTooLargeError, RecordTooLargeError)


class LostRace(RuntimeError):
    """Another writer was first: load again and decide again."""


def is_infrastructure(failure: BaseException) -> bool:
    """Say whether the failure is of the surroundings and may pass by itself, whatever the message says."""
    if isinstance(failure, OperationFailure):
        return not _blames_document(failure)
    if isinstance(failure, KafkaError):
        return not blames_record(failure)
    return isinstance(failure, MongoError | LostRace | OSError | TimeoutError)


def blames_record(failure: BaseException) -> bool:
    """Say whether Kafka will never take this record, whatever becomes of the surroundings."""
    return isinstance(failure, RECORD_ERRORS)


def blames_index(failure: BaseException) -> bool:
    """Say whether an index cannot be made, whatever becomes of the surroundings."""
    return isinstance(failure, OperationFailure) and (_blames_document(failure) or failure.code in INDEX_CODES)


def _blames_document(failure: OperationFailure) -> bool:
    if failure.has_error_label("RetryableWriteError"):
        return False
    if isinstance(failure, BulkWriteError):
        # When only some of them are the documents' own, the others pass first.
        errors = failure.details.get("writeErrors") or []
        waiting = failure.details.get("writeConcernErrors")
        return bool(errors) and not waiting and all(error.get("code") in DOCUMENT_CODES for error in errors)
    return failure.code in DOCUMENT_CODES


def unavailable(failure: BaseException) -> str:
    """Say for the log what does not do its work."""
    if isinstance(failure, MongoError):
        return "MongoDB unavailable"
    return "Kafka unavailable" if isinstance(failure, KafkaError) else "surroundings unavailable"


def kind_of(failure: BaseException) -> str:
    """Say for the log what failed without quoting it, since a failure may quote a name."""
    code = failure.code if isinstance(failure, OperationFailure) else None
    return type(failure).__name__ if code is None else f"{type(failure).__name__} {code}"
