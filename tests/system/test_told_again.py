"""Whatever these services have been through, hearing all of it once more leaves everything as it was."""

from __future__ import annotations

import httpx

from tests.system.conftest import System
from tests.system.doubler import Doubler
from tests.system.guests import GROVES, Buyer, ranked_anew


async def test_s18_the_whole_past_told_once_more_changes_no_document_and_no_board(running: System) -> None:
    async with running.client() as client:
        await _something_of_everything(client)
        before, stored, shown = await running.holds(), await running.stored(), await ranked_anew(running, client)
        running.doubler = Doubler(running.kafka)
        try:
            async with running.doubler.running():
                after = await running.holds()
        finally:
            running.doubler = None
        assert len(after.messages) > len(before.messages)
        assert await running.stored() == stored
        assert await ranked_anew(running, client) == shown


async def _something_of_everything(client: httpx.AsyncClient) -> None:
    """A guest who has it all done and is erased, one who is certified by name, one who cancels, one who is held."""
    erased, named, cancelled, held = (Buyer(client, name="An Ning (demo)") for _ in range(4))
    await erased.count()
    await erased.place(GROVES)
    await erased.bought()
    await erased.profile("DELETE")
    await named.buy(GROVES, money_fen=500)
    await named.bought()
    for guest in (cancelled, held):
        await guest.buy(GROVES, mass_g=1)
        await guest.reaches("held")
    await cancelled.cancel()
