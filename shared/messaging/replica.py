"""One process at a time works under a replica's name: it holds the lease on that name in its service's database."""

from __future__ import annotations

import asyncio
import contextlib
import os
import socket
from collections.abc import Callable
from pathlib import Path

import structlog

from shared.messaging.lease import Lease, LeaseLost, ended
from shared.messaging.outbox import clock
from shared.mongodb import Database, Document, DuplicateKeyError, MongoError

# After a crash on another machine the name is free that long afterwards; on the same machine it is free at once.
REPLICA_LEASE_SECONDS = 10.0
RENEW_SECONDS = REPLICA_LEASE_SECONDS / 4
WAIT_SECONDS = 1.0
PROC = Path("/proc")
# Of the fields of /proc/<pid>/stat behind the name, which may hold spaces: when the process began.
STARTED = 19

log = structlog.get_logger()


class Replica:
    """The right to work under a name, which is the group's member, the owner of leases and one row of the metrics."""

    def __init__(self, database: Database, name: str) -> None:
        self._collection = database["replicas"]
        self._name = name
        self._lease = Lease(self._collection, clock, seconds=REPLICA_LEASE_SECONDS, request_seconds=0)
        self._lease.owner = name

    async def take(self) -> str | None:
        """Take the name and return none; or say which process has it."""
        free = {"$or": [{"lease": None}, ended(clock())]}
        mine = {"lease": self._lease.begin(), "process": _this_process()}
        try:
            await self._collection.update_one({"_id": self._name, **free}, {"$set": mine}, upsert=True)
        except DuplicateKeyError:
            holder = await self._collection.find_one({"_id": self._name}) or {}
            process, token = holder.get("process", {}), holder.get("lease", {}).get("token")
            gone = {"_id": self._name, "lease.token": token}
            if _is_gone(process) and (await self._collection.update_one(gone, {"$set": mine})).matched_count:
                return None
            return f"process {process.get('pid')} on {process.get('host')} works as {self._name} already"
        return None

    async def wait(self, waits_for: Callable[[str], None]) -> None:
        """Return once this process has the name; until then `waits_for` is given what that waits for."""
        reason = None
        while True:
            try:
                holder = await self.take()
            except MongoError as away:
                holder = f"MongoDB does not answer: {type(away).__name__}"
            if holder is None:
                return
            if holder != reason:
                log.critical("refusing to read and publish", replica=self._name, reason=holder)
            reason = holder
            waits_for(holder)
            await asyncio.sleep(WAIT_SECONDS)

    async def keep(self) -> None:
        """Renew the lease for ever. Raises LeaseLost when another process works under the name."""
        while True:
            await asyncio.sleep(RENEW_SECONDS)
            try:
                await self._renew_or_take()
            except LeaseLost:
                raise
            except Exception as failure:
                # While the database is away nobody else can take it either.
                log.warning("replica's lease not renewed", replica=self._name, failure=repr(failure)[:200])

    async def _renew_or_take(self) -> None:
        try:
            await self._lease.renew([self._name])
        except LeaseLost:
            # Somebody may have wiped the database, and then the name is free.
            if (holder := await self.take()) is not None:
                raise LeaseLost(holder) from None

    async def release(self) -> None:
        """Leave the name to the next process; when the database is away it is free as after a crash."""
        with contextlib.suppress(MongoError):
            await self._lease.give_back([self._name])


def _this_process() -> Document:
    pid = os.getpid()
    return {"pid": pid, "host": socket.gethostname(), "machine": _machine(), "started": _started(pid)}


def _machine() -> str | None:
    """Name where pids mean the same: this boot of the kernel and this namespace of processes; none if not known."""
    try:
        return f"{(PROC / 'sys/kernel/random/boot_id').read_text().strip()} {(PROC / 'self/ns/pid').readlink()}"
    except OSError:
        return None


def _started(pid: int) -> str | None:
    """Return when the process began, so that another one of the same pid is not taken for it; none if it is gone."""
    try:
        state, *fields = (PROC / str(pid) / "stat").read_text().rpartition(")")[2].split()
    except OSError:
        return None
    return None if state in "ZX" else fields[STARTED - 1]


def _is_gone(process: Document) -> bool:
    """Say whether the process is known to have ended: only on its own machine can that be known."""
    machine = _machine()
    return machine is not None and process.get("machine") == machine and _started(process["pid"]) != process["started"]
