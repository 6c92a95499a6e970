"""Whatever these services have been through: hearing all of it once more, even backwards, changes nothing."""

from __future__ import annotations

import httpx

from deploy.log import whole
from shared.messaging import broker
from tests.system.conftest import TOPICS, System
from tests.system.doubler import MARK
from tests.system.guests import GROVES, Buyer, ranked_anew


async def test_s18_the_whole_past_told_once_more_and_backwards_changes_no_document_and_no_board(
    running: System,
) -> None:
    async with running.client() as client:
        await _something_of_everything(client)
        before, stored, shown = await running.holds(), await running.stored(), await ranked_anew(running, client)
        told = await _told_backwards(running.kafka)
        after = await running.holds()
        assert len(after.messages) >= len(before.messages) + told
        assert await running.stored() == stored
        assert await ranked_anew(running, client) == shown


async def _something_of_everything(client: httpx.AsyncClient) -> None:
    """Guests of whom one corrects the name, one is erased, one cancels and one only holds."""
    corrected, erased, cancelled, held = (Buyer(client, name="An Ning (demo)") for _ in range(4))
    for guest in (corrected, erased):
        await guest.count()
        await guest.place(GROVES)
        await guest.bought()
    await corrected.profile("PATCH", name="An Ningning (demo)", board="named")
    await erased.profile("DELETE")
    for guest in (cancelled, held):
        await guest.buy(GROVES, mass_g=1)
        await guest.reaches("held")
    await cancelled.cancel()


async def _told_backwards(kafka: str) -> int:
    """Put every message once more on its topic, the newest first; return how many there are."""
    told = [record async for record in whole(kafka, *TOPICS) if MARK not in record.headers]
    producer = broker.Producer(kafka, replica="backwards")
    await producer.start()
    try:
        for record in sorted(told, key=lambda record: record.timestamp, reverse=True):
            await (await producer.send(record.topic, (record.key, record.value, list(record.headers))))
    finally:
        await producer.stop()
    return len(told)
