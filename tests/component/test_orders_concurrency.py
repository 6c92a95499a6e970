"""What happens between a reading and a writing: two replicas at once, and what D6 keeps from being forgotten."""

# ruff: noqa: F811 -- a test asks for its fixtures by their names

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from datetime import datetime
from typing import Any

import httpx
import pytest

from services.orders.domain.beneficiary.beneficiary import MANDATE_VERSION
from services.orders.domain.order.claim import FootprintCovered
from services.orders.domain.order.machine import DoesNotFit
from services.orders.domain.order.order import Decision, Offered, Order, Wish
from services.orders.handlers.orders import Handlers, Keyed
from services.orders.store.store import Store
from shared.contracts.event import Cause
from shared.contracts.orders import OffsetPurchased, OrderClosed, OrderPlaced
from tests.component.orders_world import (  # noqa: F401 -- the fixtures are used by name
    GRAMS,
    Footprint,
    World,
    new_id,
    running,
    world,
)
from tests.component.test_orders_money import send_notice
from tests.conftest import enveloped

CAUSE = Cause(id="test")


class Died(Exception):
    """The replica is gone."""


class Interleaved(Store):
    """A store in which something else happens just before the first order is inserted, and that may die after it."""

    meanwhile: Callable[[], Awaitable[Any]] | None = None
    dies = False

    async def insert_order(self, decision: Decision, *, now: datetime, cause: Cause) -> None:
        act, self.meanwhile = self.meanwhile, None
        if act:
            await act()
        await super().insert_order(decision, now=now, cause=cause)
        if self.dies:
            raise Died


def interleaved(world: World, meanwhile: Callable[[], Awaitable[Any]], *, dies: bool = False) -> Handlers:
    """Handlers of a replica to which that happens between its reading and its writing."""
    store = Interleaved(world.replica.store._database, livemode=False, wake=lambda: None)
    store.meanwhile, store.dies = meanwhile, dies
    return Handlers(store, world.clock, fee_fen=200)


async def make(handlers: Handlers, project_id: str, *footprints: Footprint, profile_id: str | None = None) -> Order:
    """Make an order by footprints, or by mass without any, as a request of its own would."""
    offered = tuple(Offered(one.event.footprint_id, one.event.claim_hash) for one in footprints)
    made = await handlers.make(
        Wish(project_id, 1, offered=offered, mass_g=None if offered else GRAMS),
        None,
        mandate_version=MANDATE_VERSION,
        profile_id=profile_id,
        keyed=Keyed(new_id("ord"), "1" * 64, new_id("ben"), "2" * 64, "3" * 64),
        cause=CAUSE,
    )
    return made.order


async def stored(world: World, order: Order) -> Order:
    loaded = await world.replica.store.order(order.order_id)
    assert loaded is not None
    return loaded.value


async def test_a_footprint_that_comes_while_its_order_is_being_made_is_not_missed(world: World) -> None:
    project_id, footprint = await world.project(), world.footprint()
    handlers = interleaved(world, lambda: world.replica.handlers.footprints([enveloped(footprint.event)]))  # type: ignore[list-item]
    order = await make(handlers, project_id, footprint)
    assert order.state == "waiting", "nobody had consumed the footprint when the order was decided"
    assert (await stored(world, order)).state == "placed"


async def test_s15_an_order_whose_maker_died_before_it_looked_again_is_found(world: World) -> None:
    project_id, footprint, guest = await world.project(), world.footprint(), await world.guest()
    handlers = interleaved(
        world,
        lambda: world.replica.handlers.footprints([enveloped(footprint.event)]),  # type: ignore[list-item]
        dies=True,
    )
    with pytest.raises(Died):
        await make(handlers, project_id, footprint)
    (forgotten,) = await world.replica.store.waiting_for([footprint.event.footprint_id])
    await world.replica.handlers.look_again()
    assert (await stored(world, forgotten.value)).state == "waiting", "its maker is given five seconds"
    world.clock.forward(seconds=6)
    await world.replica.handlers.look_again()
    assert (await stored(world, forgotten.value)).state == "placed"
    taken = await world.order(guest, project_id, claims=[footprint.claim])
    assert taken.json()["code"] == "footprint_covered"


async def test_a_name_that_changes_while_an_order_is_being_made_is_the_one_that_it_asks_for(world: World) -> None:
    project_id, guest = await world.project(), await world.guest()
    beneficiary_id = (await world.order(guest, project_id)).json()["beneficiary_id"]

    async def rename() -> None:
        await world.replica.handlers.beneficiaries.rename(
            beneficiary_id, name="Lin Yue (demo)", board=None, cause=CAUSE
        )

    order = await make(interleaved(world, rename), project_id, profile_id=beneficiary_id)
    beneficiary = await world.replica.store.beneficiary(beneficiary_id)
    assert beneficiary is not None
    assert order.buyer.name_sequence < beneficiary.value.sequence
    assert (await stored(world, order)).buyer.name_sequence == beneficiary.value.sequence


async def test_an_order_that_takes_the_footprint_while_another_is_being_made_wins(world: World) -> None:
    project_id, footprint = await world.project(), await world.known_footprint()
    handlers = interleaved(world, lambda: make(world.replica.handlers, project_id, footprint))
    refusal = await asyncio.gather(make(handlers, project_id, footprint), return_exceptions=True)
    assert isinstance(refusal[0], FootprintCovered)


async def test_two_replicas_that_end_and_buy_one_order_at_once_leave_one_end(world: World) -> None:
    project_id, guest = await world.project(), await world.guest()
    for _ in range(6):
        held = await world.held_order(guest, project_id, mass_g=GRAMS)
        payment_id = await world.pay(guest, held, approve=False)
        _, cancelled = await asyncio.gather(
            send_notice(world, guest, payment_id),
            world.replica.handlers.cancel(held["order_id"], cause=CAUSE),
            return_exceptions=True,
        )
        # The other replica has no relay: what it wrote is published by ours once its leases have ended.
        await world.replica.store.sources[1].release()
        order = await world.look(guest, held)
        events = await world.events_of_subject(held["order_id"], OrderPlaced, OffsetPurchased, OrderClosed, count=2)
        if isinstance(cancelled, DoesNotFit):
            assert order["state"] == "purchased"
            assert [type(event.data) for event in events] == [OrderPlaced, OffsetPurchased]
        else:
            assert order["state"] == "cancelled"
            assert [type(event.data) for event in events] == [OrderPlaced, OrderClosed]
            assert order["payments"][0]["refund"]["why"] == "late"


async def test_two_replicas_make_one_order_for_one_footprint(world: World) -> None:
    project_id, guest = await world.project(), await world.guest()
    footprint = await world.known_footprint()
    here = [world.order(guest, project_id, claims=[footprint.claim]) for _ in range(4)]
    there = [make(world.replica.handlers, project_id, footprint) for _ in range(4)]
    ends = await asyncio.gather(*here, *there, return_exceptions=True)
    codes = [
        one.json().get("code", "made") if isinstance(one, httpx.Response) else getattr(one, "code", "made")
        for one in ends
    ]
    assert sorted(codes) == [*["footprint_covered"] * 7, "made"]
