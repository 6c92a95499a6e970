"""The one file that knows the driver of MongoDB: the client with its options, and the driver's names that we use.

The way out of Motor is a change of this file, see docs/decisions/0010-motor-and-its-exit.md.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, TypeAlias

from motor.motor_asyncio import AsyncIOMotorClient, AsyncIOMotorCollection, AsyncIOMotorDatabase
from pymongo import InsertOne, UpdateOne
from pymongo.errors import (
    AutoReconnect,
    BulkWriteError,
    ConnectionFailure,
    DuplicateKeyError,
    InvalidOperation,
    OperationFailure,
    PyMongoError,
)
from pymongo.monitoring import CommandListener

__all__ = [
    "AutoReconnect",
    "BulkWriteError",
    "Client",
    "Collection",
    "CommandListener",
    "ConnectionFailure",
    "Database",
    "Document",
    "DuplicateKeyError",
    "InsertOne",
    "InvalidOperation",
    "MongoError",
    "OperationFailure",
    "UpdateOne",
    "connect",
]

Document: TypeAlias = dict[str, Any]
Client: TypeAlias = AsyncIOMotorClient[Document]
Database: TypeAlias = AsyncIOMotorDatabase[Document]
Collection: TypeAlias = AsyncIOMotorCollection[Document]
# Whatever the driver raises.
MongoError = PyMongoError

SELECTION_TIMEOUT_MS = 2_000
SOCKET_TIMEOUT_MS = 20_000


def connect(url: str, *, selection_timeout_ms: int = SELECTION_TIMEOUT_MS, listeners: Sequence[Any] = ()) -> Client:
    """Return a client that reads times as aware UTC; nothing is contacted before the first command.

    `listeners` are the driver's CommandListeners: they are shown every command.
    """
    return AsyncIOMotorClient(
        url,
        tz_aware=True,
        serverSelectionTimeoutMS=selection_timeout_ms,
        socketTimeoutMS=SOCKET_TIMEOUT_MS,
        event_listeners=list(listeners),
    )
