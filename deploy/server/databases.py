"""Makes MongoDB ready: a replica set of one, and a user for each service who may use its own database and no other."""

from __future__ import annotations

import asyncio
import contextlib
import sys
from pathlib import Path
from urllib.parse import urlsplit

from dotenv import dotenv_values

from deploy.server.keys import HOST, KEYS, REPLICA_SET
from shared.contracts.topics import SERVICES
from shared.mongodb import Client, MongoError, OperationFailure, connect

PATIENCE_MS = 60_000
NOT_YET_INITIATED, THERE_ALREADY = 94, 51003


async def prepare(keys: Path) -> None:
    """Initiate the set if it is new, and give every user the password of its folder.

    Raises MongoError when MongoDB does not answer within a minute, or refuses.
    """
    root = f"mongodb://root:{(keys / 'mongodb' / 'password').read_text()}@{HOST}/"
    with contextlib.closing(connect(f"{root}?directConnection=true", selection_timeout_ms=PATIENCE_MS)) as client:
        await _initiate(client)
    # By its name the set is awaited until it has a primary.
    with contextlib.closing(connect(f"{root}?replicaSet={REPLICA_SET}", selection_timeout_ms=PATIENCE_MS)) as client:
        for service in SERVICES:
            url = _value(keys / service, "MONGODB_URL")
            await _grant(client, database=service, url=url, roles=[{"role": "readWrite", "db": service}])
        reads = [{"role": "read", "db": service} for service in SERVICES]
        await _grant(client, database="admin", url=_value(keys / "operator", "MONGODB"), roles=reads)


async def _initiate(client: Client) -> None:
    try:
        await client.admin.command("replSetGetStatus")
    except OperationFailure as failure:
        if failure.code != NOT_YET_INITIATED:
            raise
        await client.admin.command("replSetInitiate", {"_id": REPLICA_SET, "members": [{"_id": 0, "host": HOST}]})


async def _grant(client: Client, *, database: str, url: str, roles: list[dict[str, str]]) -> None:
    """Create the user that the URL names, or give it the URL's password and the roles."""
    user, password = urlsplit(url).username, urlsplit(url).password
    try:
        await client[database].command("createUser", user, pwd=password, roles=roles)
    except OperationFailure as failure:
        if failure.code != THERE_ALREADY:
            raise
        await client[database].command("updateUser", user, pwd=password, roles=roles)


def _value(folder: Path, variable: str) -> str:
    value = dotenv_values(folder / "environment")[variable]
    assert value is not None
    return value


def main() -> None:
    """Make MongoDB ready; exit 1 with the reason when it does not answer, or refuses."""
    try:
        asyncio.run(prepare(KEYS))
    except MongoError as failure:
        sys.exit(f"databases: {failure}")
    print(f"databases: {len(SERVICES)}, each with its user")


if __name__ == "__main__":
    main()
