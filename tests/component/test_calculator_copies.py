"""What the calculator copies of listings, whatever comes when."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

from services.calculator.store.store import Store
from shared.contracts.registry import ProjectListed
from shared.web.app import database
from shared.web.idempotency import id_of
from tests.conftest import enveloped


def listed(name: str, *, sequence: int, **changes: Any) -> Any:
    plain = {
        "project_id": id_of("prj", name),
        "names": {"en": f"{name} (demo)"},
        "standard": "CDCER",
        "type": "forest_management",
        "owner_id": "own_demo",
        "unit_price_fen": 1_000 * sequence,
        "currency": "CNY",
        "listing_version": sequence,
        "status": "listed",
    }
    return enveloped(ProjectListed(**{**plain, **changes}), sequence=sequence)


async def test_of_a_listing_the_latest_word_is_kept_in_whatever_order_and_however_at_once_it_comes(
    settings: Callable[..., Any],
) -> None:
    store = Store(database(settings("calculator")), livemode=False, wake=lambda: None)
    words = [listed("groves", sequence=sequence) for sequence in (3, 1, 8, 2, 7, 5, 4, 6)]
    await asyncio.gather(*(store.prices.keep([word]) for word in words))
    assert await store.prices.lowest_fen() == (8_000, "CNY")
    for word in words:
        await store.prices.keep([word])
    assert await store.prices.lowest_fen() == (8_000, "CNY")
    store.close()


async def test_the_lowest_price_is_that_of_a_project_that_is_listed_now(settings: Callable[..., Any]) -> None:
    store = Store(database(settings("calculator")), livemode=False, wake=lambda: None)
    assert await store.prices.lowest_fen() is None
    await store.prices.keep([listed("cheap", sequence=1)])
    await store.prices.keep([listed("dear", sequence=5)])
    assert await store.prices.lowest_fen() == (1_000, "CNY")
    await store.prices.keep([listed("cheap", sequence=2, status="suspended")])
    assert await store.prices.lowest_fen() == (5_000, "CNY")
    store.close()
