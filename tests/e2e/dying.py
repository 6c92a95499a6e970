"""Any service, or the sandbox, in a process that kills itself at the position that lies in a file, which goes with it.

It listens to what the drivers do, and changes nothing: before a command is sent to MongoDB, a statement to SQLite or a
record to Kafka, or after it was acknowledged. `uvicorn --factory tests.e2e.dying:create_app` with SERVICE, and DIES_AT,
the file.
"""

from __future__ import annotations

import functools
import importlib
import json
import os
import re
import signal
import sqlite3
from dataclasses import asdict
from pathlib import Path
from typing import Any, Literal

from aiokafka import AIOKafkaConsumer, AIOKafkaProducer
from fastapi import FastAPI
from pymongo import monitoring

from tests.e2e.positions import Position

When = Literal["before", "after"]
FILE = Path(os.environ.get("DIES_AT", "/nonexistent"))


def arm(file: Path, position: Position, when: When) -> None:
    """Let the process that watches the file die at the position."""
    whole = file.with_suffix(".partial")
    whole.write_text(json.dumps({**asdict(position), "when": when}))
    whole.rename(file)


def create_app() -> FastAPI:
    """Return the app of the service whose drivers are listened to."""
    monitoring.register(_Commands())
    _listen_to_kafka()
    sqlite3.connect = functools.partial(sqlite3.connect, factory=_Statements)
    name = os.environ["SERVICE"]
    module = "deploy.sandbox.app" if name == "sandbox" else f"services.{name}.app"
    app: FastAPI = importlib.import_module(module).create_app()
    return app


def is_at(does: str, to: str, argument: Any, when: When) -> bool:
    """Say whether this is where to die."""
    try:
        wanted = json.loads(FILE.read_text())
    except FileNotFoundError:
        return False
    return (wanted["does"], wanted["to"], wanted["when"]) == (does, to, when) and holds(argument, wanted["saying"])


def die() -> None:
    """Be gone, as after a `kill -9`, and leave no order to die again."""
    FILE.unlink(missing_ok=True)
    os.kill(os.getpid(), signal.SIGKILL)


def holds(found: Any, wanted: Any) -> bool:
    """Say whether somewhere in what was found all of these names stand together with such values."""
    if isinstance(found, list | tuple):
        return any(holds(one, wanted) for one in found)
    if not isinstance(found, dict):
        return False
    here = all(name in found and _is(found[name], value) for name, value in wanted.items())
    return here or any(holds(inner, wanted) for inner in found.values())


def _is(found: Any, wanted: Any) -> bool:
    if isinstance(wanted, dict):
        return holds(found, wanted)
    if isinstance(wanted, str):
        return found is not None and re.fullmatch(wanted, str(found)) is not None
    return bool(found == wanted)


class _Commands(monitoring.CommandListener):
    def __init__(self) -> None:
        self._at: set[int] = set()

    def started(self, event: monitoring.CommandStartedEvent) -> None:
        collection = str(event.command.get(event.command_name))
        if is_at(event.command_name, collection, event.command, "before"):
            die()
        if is_at(event.command_name, collection, event.command, "after"):
            self._at.add(event.request_id)

    def succeeded(self, event: monitoring.CommandSucceededEvent) -> None:
        # A write whose condition did not hold has written nothing.
        if event.request_id in self._at and event.reply.get("n") != 0:
            die()
        self._at.discard(event.request_id)

    def failed(self, event: monitoring.CommandFailedEvent) -> None:
        self._at.discard(event.request_id)


class _Statements(sqlite3.Connection):
    """Each statement is a transaction; the first parameter of one that writes is the document."""

    def execute(self, statement: str, parameters: Any = ()) -> sqlite3.Cursor:
        does = statement.split(maxsplit=1)[0].lower()
        if does not in {"insert", "update"}:
            return super().execute(statement, parameters)
        document = json.loads(parameters[0])
        if is_at(does, "payments", document, "before"):
            die()
        done = super().execute(statement, parameters)
        if is_at(does, "payments", document, "after"):
            die()
        return done


def _listen_to_kafka() -> None:
    """Put an ear on the calls by which a record is sent, batches are read and their offsets are committed."""
    send, getmany, commit = AIOKafkaProducer.send, AIOKafkaConsumer.getmany, AIOKafkaConsumer.commit
    read: set[str] = set()

    async def sending(self: Any, topic: str, *args: Any, **named: Any) -> Any:
        if is_at("publish", topic, {}, "before"):
            die()
        sent = await send(self, topic, *args, **named)
        if is_at("publish", topic, {}, "after"):
            sent.add_done_callback(lambda done: None if done.exception() else die())
        return sent

    async def reading(self: Any, *args: Any, **named: Any) -> Any:
        batch = await getmany(self, *args, **named)
        for topic in {partition.topic for partition, records in batch.items() if records}:
            read.add(topic)
            if is_at("read", topic, {}, "after"):
                die()
        return batch

    async def committing(self: Any, *args: Any, **named: Any) -> None:
        topics, read_so_far = set(read), read
        if any(is_at("commit", topic, {}, "before") for topic in topics):
            die()
        await commit(self, *args, **named)
        if any(is_at("commit", topic, {}, "after") for topic in topics):
            die()
        read_so_far.difference_update(topics)

    AIOKafkaProducer.send, AIOKafkaConsumer.getmany, AIOKafkaConsumer.commit = sending, reading, committing
