"""Replicas of the registry that write at once: what each gets, and what all read afterwards."""

# ruff: noqa: F811 -- a test asks for its fixtures by their names

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from datetime import timedelta
from typing import Any

import pytest

from services.registry import api
from services.registry.api.programs import api_router
from services.registry.api.reserves import reserves_router
from services.registry.handlers.ledger import Handlers
from shared.contracts.orders import OrderPlaced
from shared.messaging.lease import LeaseLost
from shared.messaging.outbox import clock
from shared.messaging.retries import ATTEMPTS_BY_REQUEST_MAX
from shared.web.app import create
from shared.web.idempotency import id_of
from shared.web.pages import Pages
from tests.component.test_registry import placed
from tests.component.test_registry_replicas import (  # noqa: F401 -- the fixtures are used by name
    PAGES,
    PROJECT,
    Interleaved,
    chain_of,
    kinds,
    listed,
    poll,
    store,
    stores,
)
from tests.conftest import client_of, enveloped


async def test_c5_two_replicas_at_once_hold_exactly_what_is_there(
    store: Interleaved, stores: Callable[[], Interleaved]
) -> None:
    one, other = Handlers(store, clock), Handlers(stores(), clock)
    await listed(one)
    orders = [placed(PROJECT, 2_000) for _ in range(1_000)]

    async def take(registry: Handlers, mine: Sequence[OrderPlaced]) -> int:
        return sum([await poll(registry, *map(enveloped, mine[at : at + 50])) for at in range(0, len(mine), 50)])

    # Some orders come to both, as after a rebalance.
    lost = await asyncio.gather(take(one, orders[:600]), take(other, orders[400:]))
    pages, proof = await chain_of(store)
    assert sum(lost) > 0
    assert sorted(kinds(pages)) == ["hold"] * 500 + ["hold_refused"] * 500
    assert {entry["reason"] for page in pages for entry in page["entries"] if entry["kind"] == "hold_refused"} == {
        "insufficient_stock"
    }
    assert proof.wrong is None
    assert (proof.batches[0].held, proof.batches[0].available) == (1_000_000, 0)


async def test_a_command_that_loses_five_times_is_answered_503_with_when_to_come_again(
    settings: Callable[..., Any], issuer: Any, stores: Callable[[], Interleaved]
) -> None:
    store = stores()
    rival = Handlers(stores(), clock)
    handlers = Handlers(store, clock)
    set_up = settings("registry")
    app = create(
        set_up,
        service="registry",
        description="",
        routers=[api_router(store, handlers, livemode=False), reserves_router(store, livemode=False)],
        access={line: access for line, access in api.ACCESS.items() if "/v1/" in line},
        statuses=api.STATUSES,
        store=store,
        pages=Pages(PAGES, service="registry", livemode=False),
    )
    losses = 0

    async def rival_is_first() -> None:
        nonlocal losses
        losses += 1
        await poll(rival, enveloped(placed(PROJECT, 1)))

    async with client_of(app) as client:
        await listed(rival, tonnes=3)
        store.before_append = rival_is_first
        token = issuer[0].token("registrar", "registry:write")
        cancel = {
            "url": f"/v1/projects/{PROJECT}/cancellations",
            "json": {"batch_id": id_of("bat", "1"), "tonnes": 1, "reason": "buffer"},
            "headers": {"Authorization": f"Bearer {token}", "Idempotency-Key": "five races"},
        }
        lost = await client.post(**cancel)
        store.before_append = None
        won = await client.post(**cancel)
    assert (lost.status_code, losses) == (503, ATTEMPTS_BY_REQUEST_MAX)
    assert int(lost.headers["Retry-After"]) > 0
    assert (won.status_code, won.json()["batches"][0]["cancelled"]) == (201, 1_000_000)


async def test_a_relay_whose_lease_another_has_taken_finds_out_when_it_renews(
    stores: Callable[[], Interleaved],
) -> None:
    one, other = stores(), stores()
    await listed(Handlers(one, clock))
    await one.source.take(now=clock())
    await one.source.lease.renew([PROJECT])
    await other.source.take(now=clock() + timedelta(minutes=1))
    with pytest.raises(LeaseLost):
        await one.source.lease.renew([PROJECT])
    await other.source.lease.renew([PROJECT])


async def test_the_heads_of_projects_are_those_of_the_newest_pages_whoever_wrote_them(
    store: Interleaved, stores: Callable[[], Interleaved]
) -> None:
    one, other = Handlers(store, clock), Handlers(stores(), clock)
    await listed(one)
    reader = stores()
    for grams in (0, 100_000, 200_000):
        if grams:
            await poll(other, enveloped(placed(PROJECT, 100_000)))
        (head,) = await reader.heads()
        last = await store.head(PROJECT)
        assert last == head
        newest = await store.page(PROJECT, head.sequence)
        assert newest is not None
        assert head == newest.model_copy(update={"entries": ()})
        assert head.batches[0].held == grams
    assert await store.page(PROJECT, head.sequence + 1) is None
