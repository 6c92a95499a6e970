"""`make bench`: starts what it needs for itself, runs each pair in turn, says what it finds and keeps it."""

from __future__ import annotations

import asyncio
import sys
import tempfile
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from datetime import UTC, datetime
from functools import partial
from pathlib import Path

from benchmarks import boards, holds, page, purchases, recount, relay
from benchmarks.results import Comparison, Durations, Found, Rates, keep, machine, run_of, summary
from tests.embedded import embedded

ROUNDS = 5
ALLOCATIONS = 1_000_000
# Of each arrangement 2,000 orders in all.
ORDERS_PER_ROUND = 400
ALONE_PER_ROUND = 40
RELAYED: dict[relay.Kind, str] = {
    "acknowledged": "from documents with an outbox to acknowledged",
    "settled": "from documents with an outbox to taken out of them",
    "pages": "from pages of the ledger to settled",
}
RESULTS = Path(__file__).parent / "results"
Timed = Callable[[], Awaitable[float]]


async def compare(
    name: str, ours: Timed, peer: Timed, *, unit: str, peer_is: str, aim: float | None, limit: str
) -> Found:
    """Run both in turn, so that a change of the machine's pace hits both."""
    pairs = [(await ours(), await peer()) for _ in range(ROUNDS)]
    mine, theirs = zip(*pairs, strict=True)
    return Comparison(name, unit, mine, theirs, peer_is=peer_is, aim=aim, limit=limit)


async def ledger_and_relay(kafka: str, mongodb: str) -> AsyncIterator[Found]:
    """Yield what is found of the ledger and of the relay, each alone on its own Kafka and MongoDB."""
    async with holds.running(kafka, mongodb) as (pages, naive):
        yield await compare(
            "Holds on one project, from Kafka to durable pages", pages, naive,
            unit="holds/s", peer_is="consume one, conditional update, insert, commit", aim=25, limit=holds.LIMIT,
        )  # fmt: skip
    for kind, name in RELAYED.items():
        async with relay.running(kafka, mongodb, kind) as (ours, bare):
            yield await compare(
                f"Relay, {name}", ours, bare,
                unit="events/s", peer_is="bare idempotent send loop", aim=0.6, limit=relay.LIMIT,
            )  # fmt: skip
    yield Durations("Age of the oldest unsent event", tuple(await relay.ages(kafka, mongodb)), {99: 0.1})
    async with recount.running(mongodb) as seconds:
        yield Durations(f"Recount of {ALLOCATIONS:,} allocations", (await seconds(ALLOCATIONS),), {100: 30})


async def million_members(home: Path) -> AsyncIterator[Found]:
    """Yield what is found of boards, in memory, against Redis and against decoding alone."""
    stream = boards.Stream()
    yield await compare(
        "Fold of the stream, with a board looked at", stream.folded, stream.decoded,
        unit="events/s", peer_is="decoding alone", aim=0.5, limit=boards.FOLD_LIMIT,
    )  # fmt: skip
    with boards.running(home) as sides:
        for requested, aim in boards.AIMS.items():
            for at_once, peer_is in ((1, "Redis, one connection"), (boards.PIPELINED, "Redis, pipelined")):
                yield await compare(
                    f"Board of {boards.MEMBERS:,}, {requested}",
                    partial(sides.ours, requested), partial(sides.redis, requested, at_once),
                    unit="calls/s", peer_is=peer_is, aim=aim if at_once == 1 else None, limit=boards.LIMIT,
                )  # fmt: skip


async def whole_system(home: Path) -> AsyncIterator[Found]:
    """Yield what is found of purchases through all five services; the buyers share the machine with them."""
    async with purchases.running(home) as shop:
        one_by_one = partial(shop.one_by_one, ALONE_PER_ROUND)
        ways: dict[str, Callable[[], Awaitable[list[purchases.Waits]]]] = {
            "one order at a time": one_by_one,
            "fifty at once": shop.at_once,
        }
        for way, buy in ways.items():
            waits = [wait for _ in range(ROUNDS) for wait in await buy()]
            purchase, approval = zip(*((wait.since_purchase, wait.since_approval) for wait in waits), strict=True)
            yield Durations(f"From the accepted payment to the certificate, {way}", purchase, {50: 0.3, 99: 2})
            yield Durations(f"From the buyer's approval to the certificate, {way}", approval, {50: None, 99: None})
        rates: dict[str, list[float]] = {}
        await _rates(shop, rates, "one registry")
        async with shop.second_registry():
            await _rates(shop, rates, "two registries")
        rounds = {arrangement: tuple(found) for arrangement, found in rates.items()}
        yield Rates("Orders completed a second, from the first request to the last certificate", "orders/s", rounds)


async def _rates(shop: purchases.Shop, rates: dict[str, list[float]], replicas: str) -> None:
    for _ in range(ROUNDS):
        for projects in (1, purchases.PROJECTS):
            rate = await shop.rate(ORDERS_PER_ROUND, shop.projects[:projects])
            rates.setdefault(f"{replicas}, {projects} project{'s' * (projects > 1)}", []).append(rate)


async def _all(measured: AsyncIterator[Found]) -> list[Found]:
    found = []
    async for one in measured:
        print(summary(one), flush=True)
        found.append(one)
    return found


def main(home: Path, parts: Sequence[str]) -> None:
    """Measure these parts, or all; say and keep. Raises SystemExit when one is not known."""
    if unknown := set(parts) - set(PARTS):
        raise SystemExit(f"There is no {', '.join(sorted(unknown))}. Parts are {', '.join(PARTS)}.")
    began, on = datetime.now(UTC), machine()
    print(", ".join(f"{what} {text}" for what, text in on.items()), flush=True)
    found = [one for part in parts or PARTS for one in PARTS[part](home / part)]
    run = run_of(found, began=began, on=on)
    file = keep(run, RESULTS)
    page.draw(run, file.with_suffix(".html"))
    print(f"kept in {file.relative_to(Path.cwd())} and as a page beside it")


def _ledger(home: Path) -> list[Found]:
    with embedded(home) as (kafka, mongodb):
        return asyncio.run(_all(ledger_and_relay(kafka, mongodb)))


PARTS: dict[str, Callable[[Path], list[Found]]] = {
    "ledger": _ledger,
    "boards": lambda home: asyncio.run(_all(million_members(home))),
    "system": lambda home: asyncio.run(_all(whole_system(home))),
}

if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as folder:
        main(Path(folder), sys.argv[1:])
