"""Boards: rank, page, update and build of a million members against Redis, and the fold against bare decoding.

Redis answers the same questions from a sorted set: rank and page with a script on the server, so that each takes one
round trip. It orders a tie by name where a board orders it by time; of that it does less.
"""

from __future__ import annotations

import contextlib
import gc
import random
import shutil
import subprocess
import time
from collections.abc import Awaitable, Callable, Iterator, Sequence
from datetime import UTC, datetime, timedelta
from itertools import islice
from pathlib import Path
from typing import Any, Literal

import redis

from services.ranking.app import COLLECTED_AFTER
from services.ranking.domain.boards import Boards
from services.ranking.domain.ranking import Ranking
from services.ranking.domain.selection import select
from shared.contracts.calculator import FootprintCalculated
from shared.contracts.certificates import CertificateIssued
from shared.contracts.event import Envelope, Event, Record, from_record, to_record
from shared.contracts.orders import BeneficiaryNamed
from shared.web.idempotency import id_of
from tests.embedded import free_port

MEMBERS = 1_000_000
# Grams of a person's visits in a year: nearly as many values as members.
GRAMS_MAX = 5_000_000
PAGE_ROWS = 20
CALLS = 5_000
PIPELINED = 100
EVENTS = 60_000
BUILT_ONE_BY_ONE = 100_000
LIMIT = (
    "the memory of one core: a million keys lie far apart, and each step of a search fetches another one; "
    "of a page, making twenty rows in Python"
)
FOLD_LIMIT = "making sense of JSON and headers, which both sides do"
Question = Literal["rank", "page", "update", "build"]
# How many times as fast as Redis queried one by one, which is how a service would query it for a guest.
AIMS: dict[Question, float] = {"rank": 10, "page": 15, "update": 5, "build": 20}
Timed = Callable[[], Awaitable[float]]
KEY = "board"
RANK = """
local value = redis.call('ZSCORE', KEYS[1], ARGV[1])
return {value, redis.call('ZCOUNT', KEYS[1], '(' .. value, '+inf'), redis.call('ZCOUNT', KEYS[1], value, value)}
"""
# With a neighbour on each side, for a tie may go on across the edge.
PAGE = """
local rows = redis.call('ZRANGE', KEYS[1], ARGV[1] - 1, ARGV[2], 'REV', 'WITHSCORES')
return {rows, redis.call('ZCOUNT', KEYS[1], '(' .. rows[2], '+inf')}
"""


class Sides:
    """The same members in a ranking and in a sorted set, and the same questions to both."""

    def __init__(self, client: Any) -> None:
        self._client = client
        self._rank, self._page = client.register_script(RANK), client.register_script(PAGE)
        chance = random.Random(1)
        since = 1_700_000_000_000_000
        self._standing = [
            (f"ben_{number:026}", chance.randint(1, GRAMS_MAX), (since + chance.randrange(10**13), f"cert_{number}"))
            for number in range(MEMBERS)
        ]
        self._ranking = Ranking(self._standing)
        self._fill(self._standing, PIPELINED)
        self._chance = chance
        _as_in_service()

    def _fill(self, standing: Sequence[tuple[str, int, Any]], at_once: int) -> None:
        rest = iter(standing)
        while some := list(islice(rest, at_once)):
            with self._client.pipeline(transaction=False) as pipe:
                for member, value, _ in some:
                    pipe.zadd(KEY, {member: value})
                pipe.execute()

    def _members(self) -> list[str]:
        return [self._standing[self._chance.randrange(MEMBERS)][0] for _ in range(CALLS)]

    async def ours(self, question: Question) -> float:
        """Return calls a second of ours."""
        members, chance, ranking = self._members(), self._chance, self._ranking
        starts = [chance.randrange(1, MEMBERS - PAGE_ROWS) for _ in members]
        values = [(chance.randint(1, GRAMS_MAX), (chance.randrange(10**15), "cert")) for _ in members]
        began, calls = time.perf_counter(), CALLS
        match question:
            case "rank":
                for member in members:
                    ranking.row(member)
            case "page":
                for start in starts:
                    ranking.rows(start, start + PAGE_ROWS)
            case "update":
                for member, (value, reached) in zip(members, values, strict=True):
                    ranking.place(member, value, reached)
            case "build":
                calls = len(Ranking(self._standing))
        return calls / (time.perf_counter() - began)

    async def redis(self, question: Question, at_once: int) -> float:
        """Return calls a second of Redis, so many sent together."""
        members, chance = self._members(), self._chance
        starts = [chance.randrange(1, MEMBERS - PAGE_ROWS) for _ in members]
        began, calls = time.perf_counter(), CALLS
        match question:
            case "rank":
                self._send(lambda pipe, member: self._rank([KEY], [member], client=pipe), members, at_once)
            case "page":
                self._send(
                    lambda pipe, start: self._page([KEY], [start, start + PAGE_ROWS], client=pipe), starts, at_once
                )
            case "update":
                moves = [(member, chance.randint(1, GRAMS_MAX)) for member in members]
                began = time.perf_counter()
                self._send(lambda pipe, move: pipe.zadd(KEY, {move[0]: move[1]}), moves, at_once)
            case "build":
                some = self._standing if at_once > 1 else self._standing[:BUILT_ONE_BY_ONE]
                self._client.delete(KEY)
                began, calls = time.perf_counter(), len(some)
                self._fill(some, at_once)
        return calls / (time.perf_counter() - began)

    def _send(self, query: Callable[[Any, Any], Any], about: Sequence[Any], at_once: int) -> None:
        if at_once == 1:
            for one in about:
                query(self._client, one)
            return
        rest = iter(about)
        while some := list(islice(rest, at_once)):
            with self._client.pipeline(transaction=False) as pipe:
                for one in some:
                    query(pipe, one)
                pipe.execute()


@contextlib.contextmanager
def running(home: Path) -> Iterator[Sides]:
    """Start Redis, which writes nothing to a disk, and fill both sides. Raises SystemExit when it is not here."""
    program = shutil.which("redis-server")
    if program is None:
        raise SystemExit("The benchmark of boards needs redis-server: sudo apt-get install redis-server")
    home.mkdir(parents=True, exist_ok=True)
    port = free_port()
    arguments = ["--port", str(port), "--bind", "127.0.0.1", "--save", "", "--appendonly", "no", "--dir", str(home)]
    server = subprocess.Popen([program, *arguments], stdout=subprocess.DEVNULL)
    client: Any = redis.Redis(port=port)
    try:
        for _ in range(100):
            with contextlib.suppress(redis.ConnectionError):
                client.ping()
                break
            time.sleep(0.05)
        yield Sides(client)
    finally:
        client.close()
        server.terminate()
        server.wait()


def _as_in_service() -> None:
    """Collect garbage as ranking does, and leave what only the benchmark keeps in memory out of it."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(*COLLECTED_AFTER)


def _events() -> list[Envelope[Event]]:
    """A scene's worth of stories: each guest counts, is named and gets a certificate."""
    at, events = datetime(2026, 11, 1, tzinfo=UTC), []
    for number in range(EVENTS // 3):
        guest, footprint = id_of("ben", str(number)), id_of("fp", str(number))
        scene, moment = id_of("scn", str(number % 200)), at + timedelta(seconds=number)
        story: tuple[Event, ...] = (
            FootprintCalculated(
                footprint_id=footprint, root=footprint, replaces=None, scene_id=scene, role="guest", people=1,
                grams=533_014, low_grams=355_000, high_grams=711_000, release="2026.2", jurisdiction="CN",
                grams_by_category={"transport": 500_000, "stay": 30_000, "meals": 3_014}, claim_hash="0" * 64,
            ),
            BeneficiaryNamed(
                beneficiary_id=guest, name="Lin Yue", alias="Ginkgo 17", kind="person", board="alias", profile_hash=None
            ),
            CertificateIssued(
                certificate_id=id_of("cert", str(number)), number=f"DD-2026-{number}",
                order_id=id_of("ord", str(number)), beneficiary_id=guest, beneficiary_kind="person", scene_id=scene,
                project_id=id_of("prj", "1"), footprint_ids=(footprint,), grams=533_014, issued_at=moment,
            ),
        )  # fmt: skip
        events += [Envelope(id=f"{number}", time=moment, sequence=1, livemode=False, data=event) for event in story]
    return events


class Stream:
    """A log in memory, decoded only, or decoded and folded with the people's board looked at."""

    def __init__(self) -> None:
        self._records: list[tuple[type[Event], Record]] = [(type(one.data), to_record(one)) for one in _events()]
        self._read_at_ms = int(time.time() * 1000)
        _as_in_service()

    async def folded(self) -> float:
        """Return events a second that are decoded and folded."""
        boards = Boards()
        boards.standing(select("people"), datetime.now(UTC))
        began = time.perf_counter()
        for contract, (_, value, headers) in self._records:
            boards.fold(from_record(contract, value or b"", headers, livemode=False, timestamp_ms=self._read_at_ms))
        return len(self._records) / (time.perf_counter() - began)

    async def decoded(self) -> float:
        """Return events a second that are decoded."""
        began = time.perf_counter()
        for contract, (_, value, headers) in self._records:
            from_record(contract, value or b"", headers, livemode=False, timestamp_ms=self._read_at_ms)
        return len(self._records) / (time.perf_counter() - began)
