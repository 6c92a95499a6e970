"""What owners are due: each retired order is added once, whoever dies or comes second while adding it."""

# ruff: noqa: F811 -- a test asks for its fixtures by their names

from __future__ import annotations

import asyncio
import secrets
from collections.abc import Collection

import pytest

from services.orders.handlers.payables import count_payables
from services.orders.store.documents import order_document
from services.orders.store.payables import NEW, Payable, Payables
from services.orders.store.store import Store
from shared.messaging.failures import LostRace
from shared.web.idempotency import id_of
from tests.component.test_orders_store import store  # noqa: F401 -- a fixture
from tests.unit.orders.examples import in_every_state


class Died(Exception):
    """The replica is gone."""


class Dying(Payables):
    """A replica that dies after it has written the sums, before it has marked the orders."""

    async def _counted(self, order_ids: Collection[str]) -> None:
        if order_ids:
            raise Died


async def retire(store: Store, count: int) -> None:
    """Keep so many orders that have just been retired."""
    retired = order_document(in_every_state()["retired"])
    await store._database["orders"].insert_many(
        [
            {**retired, "_id": id_of("ord", secrets.token_hex(8)), "roots": [secrets.token_hex(8)]}
            | {"payable": NEW, "version": 1, "said": 0}
            for _ in range(count)
        ]
    )


def due(orders: int) -> list[Payable]:
    return [Payable("own_groves", "CNY", orders, 533_014 * orders, 2559 * orders)]


async def test_an_order_whose_adder_died_is_added_once(store: Store) -> None:
    await retire(store, 3)
    with pytest.raises(Died):
        await Dying(store._database).count(limit=2)
    assert await store.payables.page(limit=9) == due(2)
    await retire(store, 2)
    await count_payables(store)
    assert await store.payables.page(limit=9) == due(5)
    await count_payables(store)
    assert await store.payables.page(limit=9) == due(5)


async def test_replicas_that_add_at_once_add_each_order_once(store: Store) -> None:
    async def adds() -> None:
        for _ in range(20):
            try:
                if await store.payables.count(limit=3) == 0:
                    return
            except LostRace:
                continue

    await retire(store, 20)
    await asyncio.gather(*(adds() for _ in range(4)))
    await count_payables(store)
    assert await store.payables.page(limit=9) == due(20)


async def test_orders_that_were_retired_before_there_were_sums_are_added_at_the_start(store: Store) -> None:
    await retire(store, 2)
    await store._database["orders"].update_many({}, {"$unset": {"payable": ""}})
    await store.payables.prepare()
    await count_payables(store)
    await store.payables.prepare()
    await count_payables(store)
    assert await store.payables.page(limit=9) == due(2)
