"""Which failures are of the surroundings and pass by themselves, and which are of the message."""

from __future__ import annotations

from aiokafka.errors import KafkaError

from shared.mongodb import ExecutionTimeout, MongoError, OperationFailure, WTimeoutError


class LostRace(RuntimeError):
    """Another writer was first: load again and decide again."""


def is_infrastructure(failure: BaseException) -> bool:
    """Say whether the failure is of the surroundings and may pass by itself, whatever the message says."""
    if isinstance(failure, OperationFailure):
        return isinstance(failure, ExecutionTimeout | WTimeoutError) or failure.has_error_label("RetryableWriteError")
    return isinstance(failure, MongoError | KafkaError | LostRace | OSError | TimeoutError)
