"""Whatever these services have been through: hearing all of it again, in whatever order, changes nothing."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Callable
from itertools import zip_longest
from typing import Any

import httpx
import pytest

from deploy.log import whole
from shared.messaging import broker
from shared.web.idempotency import id_of
from tests.conftest import until
from tests.system.conftest import TOPICS, System
from tests.system.doubler import MARK
from tests.system.guests import GROVES, Buyer, ranked_anew

BICYCLES = id_of("prj", "demo", "0103")
MORE_THAN_THERE_IS_G = 10**11
Records = list[Any]
Stored = dict[tuple[str, str], list[dict[str, Any]]]


def backwards(log_records: Records) -> Records:
    """The newest first, whatever its key."""
    return sorted(log_records, key=lambda record: record.timestamp, reverse=True)


def three_times_and_shuffled(log_records: Records) -> Records:
    """Three readings of the log at once, each of which keeps the order of a key and of nothing else."""
    by_key: dict[tuple[str, bytes], Records] = {}
    for record in log_records:
        by_key.setdefault((record.topic, record.key), []).append(record)
    lines = [list(reversed(records)) for records in by_key.values() for _ in range(3)]
    reading_order = [line for line in lines for _ in line]
    random.Random(18).shuffle(reading_order)
    return [line.pop() for line in reading_order]


@pytest.mark.parametrize("order", [backwards, three_times_and_shuffled])
async def test_s18_the_whole_past_published_again_changes_no_document_and_no_board(
    running: System, order: Callable[[Records], Records]
) -> None:
    async with running.client() as client:
        await _something_of_everything(running, client)
        before, stored, shown = await running.holds(), await running.stored(), await ranked_anew(running, client)
        log_records = await _publish_again(running.kafka, order)
        after = await running.holds()
        assert len(after.messages) >= len(before.messages) + log_records
        assert changed(stored, await running.stored()) == []
        assert await ranked_anew(running, client) == shown


def changed(before: Stored, after: Stored) -> list[Any]:
    """Return what differs, document by document."""
    assert before.keys() == after.keys()
    pairs = [(place, pair) for place in before for pair in zip_longest(before[place], after[place])]
    return [(place, *pair) for place, pair in pairs if pair[0] != pair[1]]


async def _something_of_everything(system: System, client: httpx.AsyncClient) -> None:
    """Guests of whom one corrects the name, one is erased, one cancels, one is refused, one only holds.

    One pays after the time is up and gets the money back, and one pays after the price has changed.
    """
    late, corrected, erased, cancelled, refused, held, old = (Buyer(client, name="An Ning (demo)") for _ in range(7))
    await _pays_too_late(system, late)
    for guest in (corrected, erased):
        await guest.count()
        await guest.place(GROVES)
        await guest.bought()
    await corrected.profile("PATCH", name="An Ningning (demo)", board="named")
    await erased.profile("DELETE")
    await refused.buy(GROVES, mass_g=MORE_THAN_THERE_IS_G)
    assert (await refused.reaches("refused"))["state"] == "refused"
    for guest in (cancelled, held):
        await guest.buy(GROVES, mass_g=1)
        await guest.reaches("held")
    await cancelled.cancel()
    await old.buy(BICYCLES, mass_g=1_000_000)
    await old.reaches("held")
    price_fen = await _dearer(system)
    assert (await old.bought())["unit_price_fen"] < price_fen


async def _pays_too_late(system: System, guest: Buyer) -> None:
    await guest.buy(GROVES, mass_g=1)
    await guest.reaches("held")
    payment_id = (await guest.start_payment()).json()["payment_id"]
    system.clock.forward(minutes=16)
    await guest.reaches("expired")
    (await guest.client.post(f"/v1/sandbox/payments/{payment_id}/approve")).raise_for_status()

    async def returned() -> bool:
        (payment,) = (await guest.seen())["payments"]
        return bool(payment["refund"] and payment["refund"]["state"] == "made")

    await until(returned)


async def _dearer(system: System) -> int:
    """Raise the price of a project by a fen and return it."""
    async with system.staff() as staff:
        found = await staff.get(f"/v1/projects/{BICYCLES}")
        listing = {name: value for name, value in found.json()["listing"].items() if name != "version"}
        listing["unit_price_fen"] += 1
        changed = await staff.post(
            f"/v1/projects/{BICYCLES}/listings", json=listing, headers={"If-Match": found.headers["ETag"]}
        )
        changed.raise_for_status()
    return int(listing["unit_price_fen"])


async def _publish_again(kafka: str, order: Callable[[Records], Records]) -> int:
    """Put every message on its topic again, in this order; return how many that are."""
    log = [record async for record in whole(kafka, *TOPICS)]
    # A null holds nothing, and what was doubled is there once more already.
    log_records = order([record for record in log if record.value is not None and MARK not in record.headers])
    producer = broker.Producer(kafka, replica="again")
    await producer.start()
    try:
        sent = [await producer.send(one.topic, (one.key, one.value, list(one.headers))) for one in log_records]
        await asyncio.gather(*sent)
    finally:
        await producer.stop()
    return len(log_records)
