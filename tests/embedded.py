"""Kafka with its topics and a MongoDB protocol server for one test session, started as `make up` starts them."""

from __future__ import annotations

import asyncio
import contextlib
import os
import random
import socket
from collections import deque
from collections.abc import Iterator
from functools import cache
from pathlib import Path

from deploy.local.runtime import Local
from deploy.topics import create

PORTS_NEEDED = 20
# Lanes beyond so many share the ports of others.
LANES = 20


def free_port() -> int:
    """Return a port from which on as many are free as a whole system takes, and that was not given out lately.

    By chance, so that two sessions on one machine hardly choose the same, and of the share of this lane, so that two
    lanes never do; below those that clients get by themselves.
    """
    candidates = _candidates()
    for _ in range(len(candidates)):
        # Who was given the last ones may not listen there yet.
        first = candidates[0]
        candidates.rotate(-1)
        if all(_free(first + offset) for offset in range(PORTS_NEEDED)):
            return first
    raise RuntimeError("no free ports")


@cache
def _candidates() -> deque[int]:
    lane = int(os.environ.get("PYTEST_XDIST_WORKER", "gw0").removeprefix("gw"))
    ports = list(range(12_000, 32_000, PORTS_NEEDED))[lane % LANES :: LANES]
    random.shuffle(ports)
    return deque(ports)


def _free(port: int) -> bool:
    with socket.socket() as tried:
        return tried.connect_ex(("127.0.0.1", port)) != 0


@contextlib.contextmanager
def embedded(home: Path) -> Iterator[tuple[str, str]]:
    """Yield the addresses of Kafka and MongoDB, and stop both afterwards."""
    local = Local(home, free_port(), parts=("kafka", "mongodb"))
    local.up(say=lambda _line: None)
    try:
        asyncio.run(create(local.place.address_of("kafka")))
        yield local.place.address_of("kafka"), f"mongodb://{local.place.address_of('mongodb')}"
    finally:
        local.down(say=lambda _line: None)
