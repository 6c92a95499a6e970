"""Keeps the chains of footprints as footprints and live orders have them, however often and late it looks."""

from __future__ import annotations

from collections.abc import Collection
from functools import partial

from services.orders.domain.balance.balance import chain
from services.orders.store.store import Store
from shared.messaging.retries import retry_lost_race

AT_ONCE_MAX = 500


async def count(store: Store, roots: Collection[str]) -> None:
    """Write how these chains stand now. Raises LostRace when another has written one meanwhile.

    The chains are read first: who is slower writes nothing older than what they say by then.
    """
    chains = store.chains
    before = await chains.chains(roots)
    members, covering = await chains.members(roots), await chains.covering(roots)
    after = [
        chain(footprints, covering.get(root), before[root].chain if root in before else None)
        for root, footprints in members.items()
    ]
    await chains.record(before, after)


async def catch_up(store: Store) -> None:
    """Count the footprints of all orders that have begun or ceased to cover them."""
    while orders := await store.chains.uncounted(limit=AT_ONCE_MAX):
        roots = {root for order in orders for root in order.roots}
        await retry_lost_race(partial(count, store, roots))
        await store.chains.counted(orders)
        if len(orders) < AT_ONCE_MAX:
            return
