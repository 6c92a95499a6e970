"""Every query of every store costs the same among few documents and among many, on the server that the tests run on.

Who owns a store describes it as a `Stored` (tests/component/stores.py) in a file `stores_<service>.py` and names it in
STORES. Two databases are filled, one with FEW and one with MANY documents a collection, and each query runs on both by
turns: whatever else the machine does slows both.
"""

from __future__ import annotations

import asyncio
import contextlib
import inspect
import os
import secrets
import time
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass
from typing import Any

import pytest
import pytest_asyncio

from shared.mongodb import CommandListener, Database, connect
from tests.component.stores import Run, Stored
from tests.component.stores_calculator import CALCULATOR
from tests.component.stores_certificates import CERTIFICATES
from tests.component.stores_orders import ORDERS
from tests.component.stores_ranking import RANKING
from tests.component.stores_registry import REGISTRY
from tests.conftest import Infra, until

STORES = (CALCULATOR, REGISTRY, ORDERS, CERTIFICATES, RANKING)
# Filling takes half a minute a store on an idle machine; a tenth of it shows the same where somebody is in a hurry.
FEW, MANY = 50, int(os.environ.get("MANY_DOCUMENTS", "20000"))
FILLED_AT_ONCE = 250
ROUNDS, SETTLING_SECONDS = 5, 10.0
# Who reads the whole collection needs some hundred times as long among MANY; who reads by an index, about as long.
RATIO_MAX = 4.0
# Of a page as many as it has; no query below finds more.
EXAMINED_MAX = 60


class Recorder(CommandListener):
    """Keeps the commands that were sent."""

    def __init__(self) -> None:
        self.commands: list[tuple[str, dict[str, Any]]] = []

    def started(self, event: Any) -> None:
        self.commands.append((event.command_name, dict(event.command)))

    def succeeded(self, event: Any) -> None:
        pass

    def failed(self, event: Any) -> None:
        pass


@dataclass
class Filled:
    """A store among few documents and the same among many, and what is sent to the database of the latter."""

    stored: Stored
    few: Any
    many: Any
    database: Database
    recorder: Recorder


@pytest_asyncio.fixture(scope="module", params=STORES, ids=[stored.service for stored in STORES])
async def filled(infra: Infra, request: Any) -> AsyncIterator[Filled]:
    stored: Stored = request.param
    recorder = Recorder()
    client = connect(infra.mongodb_url("unnamed"), listeners=[recorder])
    mark = secrets.token_hex(4)
    databases = [client[f"{stored.service}_{name}_{mark}"] for name in ("few", "many")]
    try:
        few, many = [await stored.open(database) for database in databases]
        for database, count in zip(databases, (FEW, MANY), strict=True):
            for first in range(0, count, FILLED_AT_ONCE):
                await stored.fill(database, range(first, min(count, first + FILLED_AT_ONCE)))
        yield Filled(stored, few, many, databases[1], recorder)
    finally:
        client.close()


@pytest.mark.parametrize("stored", STORES, ids=[stored.service for stored in STORES])
def test_every_query_of_a_store_is_in_its_table(stored: Stored) -> None:
    known = {name.partition(":")[0] for name in (*stored.queries, *stored.left_out)}
    public = {
        f"{part}.{name}".removeprefix(".")
        for part, kind in stored.parts.items()
        for name, _ in inspect.getmembers(kind, inspect.iscoroutinefunction)
        if not name.startswith("_")
    }
    assert known == public


def dearer(fastest: dict[str, list[float]]) -> dict[str, float]:
    """Return the queries that took too long among many, and how many times as long."""
    ratios = {name: many / few for name, (few, many) in fastest.items()}
    return {name: round(ratio, 1) for name, ratio in ratios.items() if ratio > RATIO_MAX}


async def test_a_query_costs_the_same_among_few_documents_and_among_many(filled: Filled) -> None:
    queries = {name: run for name, run in filled.stored.queries.items() if name not in filled.stored.reads_on}
    fastest = {name: [float("inf"), float("inf")] for name in queries}

    async def as_cheap() -> bool:
        for name in dearer(fastest) or queries:
            for number in range(2 * ROUNDS):
                took = await _time(queries[name], (filled.few, filled.many)[number % 2])
                fastest[name][number % 2] = min(fastest[name][number % 2], took)
        return not dearer(fastest)

    # The server may be busy for a while with what was filled in; who reads a whole collection is dearer for ever.
    with contextlib.suppress(AssertionError):
        await until(as_cheap, seconds=SETTLING_SECONDS)
    assert dearer(fastest) == {}, "so many times as long among many"


async def test_each_query_is_answered_by_an_index_in_the_plans_of_mongodb(filled: Filled) -> None:
    """The embedded server's explain does not tell how it reads, so there the test above stands alone."""
    explains = "secantusVersion" not in await filled.database.command("buildInfo")
    # Two queries of the table read on among many there, and on a busy machine that has stood still for forty seconds.
    store = filled.many if explains else filled.few
    count, wrong = 0, {}
    for name, run in filled.stored.queries.items():
        filled.recorder.commands.clear()
        await run(store)
        for question in [question for sent in filled.recorder.commands for question in _questions(*sent)]:
            count += 1
            if not explains:
                continue
            plan = await filled.database.command("explain", question, verbosity="executionStats")
            if "COLLSCAN" in _stages(plan) or plan["executionStats"]["totalDocsExamined"] > EXAMINED_MAX:
                wrong[name] = question
    assert count >= len(filled.stored.queries), "each asks the server for something"
    assert wrong == {}


async def _time(run: Run, store: Any) -> float:
    await asyncio.sleep(0)
    began = time.perf_counter()
    await run(store)
    return time.perf_counter() - began


def _questions(name: str, command: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """Yield what a command looks for, as commands that can be explained."""
    match name:
        case "find":
            yield {part: command[part] for part in ("find", "filter", "sort", "limit") if part in command}
        case "aggregate":
            yield {"aggregate": command["aggregate"], "pipeline": command["pipeline"], "cursor": {}}
        case "update" | "delete":
            for one in command[f"{name}s"]:
                yield {"find": command[name], "filter": one["q"]}


def _stages(plan: Any) -> set[str]:
    if isinstance(plan, list):
        return set().union(*map(_stages, plan))
    if not isinstance(plan, dict):
        return set()
    stage = {plan["stage"]} if isinstance(plan.get("stage"), str) else set()
    return stage.union(*map(_stages, plan.values()))
