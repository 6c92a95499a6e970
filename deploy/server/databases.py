"""Makes MongoDB ready: a replica set of one, and a user for each service who may use its own database and no other."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from dotenv import dotenv_values
from pymongo import MongoClient
from pymongo.errors import OperationFailure, PyMongoError

from deploy.server.keys import HOST, KEYS, REPLICA_SET
from shared.contracts.topics import SERVICES

PATIENCE_MS = 60_000
NOT_YET_INITIATED, THERE_ALREADY = 94, 51003


def prepare(keys: Path) -> None:
    """Initiate the set if it is new, and give every user the password of its folder.

    Raises PyMongoError when MongoDB does not answer within a minute, or refuses.
    """
    root = f"mongodb://root:{(keys / 'mongodb' / 'password').read_text()}@{HOST}/"
    with MongoClient[dict[str, Any]](f"{root}?directConnection=true", serverSelectionTimeoutMS=PATIENCE_MS) as client:
        _initiate(client)
    # By its name the set is awaited until it has a primary.
    with MongoClient[dict[str, Any]](
        f"{root}?replicaSet={REPLICA_SET}", serverSelectionTimeoutMS=PATIENCE_MS
    ) as client:
        for service in SERVICES:
            url = _told(keys / service, "MONGODB_URL")
            _grant(client, database=service, url=url, roles=[{"role": "readWrite", "db": service}])
        reads = [{"role": "read", "db": service} for service in SERVICES]
        _grant(client, database="admin", url=_told(keys / "operator", "MONGODB"), roles=reads)


def _initiate(client: MongoClient[dict[str, Any]]) -> None:
    try:
        client.admin.command("replSetGetStatus")
    except OperationFailure as failure:
        if failure.code != NOT_YET_INITIATED:
            raise
        client.admin.command("replSetInitiate", {"_id": REPLICA_SET, "members": [{"_id": 0, "host": HOST}]})


def _grant(client: MongoClient[dict[str, Any]], *, database: str, url: str, roles: list[dict[str, str]]) -> None:
    """Create the user that the URL names, or give it the URL's password and the roles."""
    user, password = urlsplit(url).username, urlsplit(url).password
    try:
        client[database].command("createUser", user, pwd=password, roles=roles)
    except OperationFailure as failure:
        if failure.code != THERE_ALREADY:
            raise
        client[database].command("updateUser", user, pwd=password, roles=roles)


def _told(folder: Path, variable: str) -> str:
    value = dotenv_values(folder / "environment")[variable]
    assert value is not None
    return value


def main() -> None:
    """Make MongoDB ready; exit 1 with the reason when it does not answer, or refuses."""
    try:
        prepare(KEYS)
    except PyMongoError as failure:
        sys.exit(f"databases: {failure}")
    print(f"databases: {len(SERVICES)}, each with its user")


if __name__ == "__main__":
    main()
