"""`make bench`: starts Kafka and SecantusDB for itself, runs each pair in turn, and prints medians of the ratios."""

from __future__ import annotations

import asyncio
import os
import platform
import statistics
import tempfile
from collections.abc import Awaitable, Callable
from importlib.metadata import version
from pathlib import Path

from benchmarks import holds, relay
from tests.embedded import embedded

ROUNDS = 5
Timed = Callable[[], Awaitable[float]]


async def compare(name: str, unit: str, ours: Timed, peer: Timed) -> None:
    """Run both in turn, so that a change of the machine's pace hits both, and print rates and ratio."""
    pairs = [(await ours(), await peer()) for _ in range(ROUNDS)]
    mine, theirs = (statistics.median(rates) for rates in zip(*pairs, strict=True))
    ratio = statistics.median(our / their for our, their in pairs)
    print(f"{name}: {mine:,.0f} {unit} against {theirs:,.0f}, ratio {ratio:.2f}")


async def main(kafka: str, mongodb: str) -> None:
    """Print what was measured, and on what."""
    load = os.getloadavg()[0]
    parts = ", ".join(f"{name} {version(name)}" for name in ("aiokafka", "motor", "pydantic", "secantusdb"))
    print(f"{platform.python_version()}, {os.cpu_count()} cores, load {load:.2f}; {parts}; {ROUNDS} rounds, medians")
    async with holds.running(mongodb) as (pages, naive):
        await compare("holds: one page a poll against one conditional update and one insert each", "/s", pages, naive)
    async with relay.running(kafka, mongodb) as (ours, bare):
        await compare("relay: events from outboxes against a bare idempotent send loop", "/s", ours, bare)


with tempfile.TemporaryDirectory() as home, embedded(Path(home)) as (kafka_at, mongodb_at):
    asyncio.run(main(kafka_at, mongodb_at))
