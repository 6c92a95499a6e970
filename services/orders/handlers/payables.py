"""Keeps what owners are due up to the orders that are retired, however often and late it looks."""

from __future__ import annotations

from functools import partial

from services.orders.handlers.retries import persistently
from services.orders.store.store import Store

AT_ONCE_MAX = 500


async def count_payables(store: Store) -> None:
    """Add all orders that have come to be retired to what their owners are due."""
    count = partial(store.payables.count, limit=AT_ONCE_MAX)
    while await persistently(count) == AT_ONCE_MAX:
        pass
