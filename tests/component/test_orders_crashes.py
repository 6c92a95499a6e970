"""Where a replica can die between what it writes and what it asks of the provider, and what a fresh one makes of it."""

from __future__ import annotations

import contextlib
import secrets
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import httpx
import pytest
import pytest_asyncio

from deploy.sandbox import payments as sandbox
from services.orders.app import Settings, create_app
from services.orders.domain.order.decide import apply_answer
from services.orders.domain.order.order import Order, Payment
from services.orders.domain.order.payments import Report
from services.orders.handlers.payments import Payments
from services.orders.handlers.sandbox import Sandbox
from services.orders.store.store import Store
from shared.contracts.event import Cause
from shared.contracts.orders import OffsetPurchased, OrderClosed, OrderPlaced
from shared.contracts.registry import CreditsHeld
from shared.web.app import database
from shared.web.idempotency import id_of
from tests.component.orders_clock import Clock
from tests.component.provider import Provider, provider
from tests.component.test_orders_capture import money_is_sound
from tests.conftest import Infra, client_of, consumed, until
from tests.unit.orders.examples import made

CAUSE = Cause(id="test")
Moment = Literal["before", "after"]


class Died(Exception):
    """The replica is gone."""


class Dying(Sandbox):
    """The provider, to a replica that dies just before it asks for something, or just after that was done."""

    dies: Moment = "before"

    async def capture(self, payment: Payment) -> Report:
        if self.dies == "after":
            await super().capture(payment)
        raise Died

    async def void(self, payment: Payment) -> Report:
        if self.dies == "after":
            await super().void(payment)
        raise Died

    async def refund(self, payment: Payment) -> str:
        if self.dies == "after":
            await super().refund(payment)
        raise Died


@dataclass
class Stage:
    """A database of orders that no service runs on yet, and the replica that will die."""

    infra: Infra
    settings: Callable[..., Settings]
    store: Store
    clock: Clock
    provider: Provider
    sandbox: Dying
    url: str

    @property
    def payments(self) -> Payments:
        return Payments(self.store, self.sandbox, self.clock)

    async def approved(self, method: str, *faults: sandbox.Fault) -> tuple[str, str]:
        """A held order with a payment that the guest has approved and nobody has been told of; both ids."""
        order_id, payment_id, now = id_of("ord", secrets.token_hex(8)), id_of("pay", secrets.token_hex(8)), self.clock()
        placed = made(order_id=order_id, now=now)
        await self.store.insert_order(placed, now=now, cause=CAUSE)
        loaded = await self.store.order(order_id)
        assert loaded is not None
        project_id = placed.order.listing.project_id
        credits_held = CreditsHeld(order_id=order_id, project_id=project_id, grams=533_014)
        held = apply_answer(loaded.value, credits_held, now=now)
        await self.store.record(loaded, held, now=now, cause=CAUSE)
        started = await self.payments.start(
            order_id, payment_id=payment_id, method=method, request_hash="2" * 64, cause=CAUSE
        )
        assert started.payment.state == "started"
        approved = sandbox.approve(await self.side(payment_id), ("silent", *faults), now=now)
        self.provider.records.update(approved)
        return order_id, payment_id

    async def look_up(self, payment_id: str) -> None:
        """Take in what the provider says when it is asked; the replica dies on the way, if it asks for something."""
        report = await self.sandbox.look_up(payment_id)
        assert report is not None
        await self.payments.notice(payment_id, report, cause=CAUSE)

    @contextlib.asynccontextmanager
    async def fresh(self, *, replicas: int = 1) -> AsyncIterator[httpx.AsyncClient]:
        """Start services on the database as it was left, once the leases of the dead have ended."""
        for source in self.store.sources:
            await source.release()
        async with contextlib.AsyncExitStack() as running:
            for _ in range(replicas):
                settings = self.settings("orders", kind=Settings, mongodb_url=self.url, **self.provider.settings)
                client = await running.enter_async_context(client_of(create_app(settings, clock=self.clock)))
            yield client

    async def order(self, order_id: str) -> Order:
        loaded = await self.store.order(order_id)
        assert loaded is not None
        return loaded.value

    async def comes_to(self, order_id: str, *, order: str, payment: str, refund: str | None = None) -> None:
        """Wait until the order, its only payment and the refund of that are in the states, and audit its money."""

        async def there() -> bool:
            found = await self.order(order_id)
            (one,) = found.payments
            return (found.state, one.state, one.refund and one.refund.state) == (order, payment, refund)

        await until(there)

        await money_is_sound(self.store, order_id, self.provider)

    async def topics(self, order_id: str, count: int) -> list[str]:
        """Wait until so many events are published about the order, and return what they are, each once."""

        async def there() -> list[str] | None:
            published = await consumed(self.infra, OrderPlaced, OffsetPurchased, OrderClosed)
            mine = {envelope.sequence: envelope.data.topic for envelope in published if envelope.subject == order_id}
            return [mine[sequence] for sequence in sorted(mine)] if len(mine) >= count else None

        return list(await until(there))

    async def side(self, payment_id: str) -> sandbox.Payment:
        record = self.provider.records.payment(payment_id)
        assert record is not None
        return record


@pytest_asyncio.fixture
async def stage(infra: Infra, settings: Callable[..., Any], tmp_path: Path) -> AsyncIterator[Stage]:
    url = infra.mongodb_url(f"orders_{secrets.token_hex(4)}")
    opened = database(settings("orders", kind=Settings, mongodb_url=url))
    store, clock = Store(opened, livemode=False, wake=lambda: None), Clock()
    await store.prepare()
    for source in store.sources:
        source.lease.owner = "orders-dead"
    async with provider(tmp_path, clock, notice_url="http://127.0.0.1:9/nobody") as played:
        dying = played.adapter(clock, Dying)
        assert isinstance(dying, Dying)
        async with dying.running():
            yield Stage(infra, settings, store, clock, played, dying, url)
    opened.client.close()


@pytest.mark.parametrize("dies", ["before", "after"])
async def test_s12_s15_a_capture_whose_asker_died_is_found_out_by_one_of_two_who_come_after(
    stage: Stage, dies: Moment
) -> None:
    stage.sandbox.dies = dies
    order_id, payment_id = await stage.approved("sandbox_card")
    with pytest.raises(Died):
        await stage.look_up(payment_id)
    assert (await stage.order(order_id)).state == "capturing"
    assert ((await stage.side(payment_id)).taken_at is not None) == (dies == "after")
    stage.clock.forward(minutes=20)
    async with stage.fresh(replicas=2):
        await stage.comes_to(order_id, order="purchased", payment="paid")
        assert await stage.topics(order_id, 2) == ["order.placed", "offset.purchased"]
    assert (await stage.side(payment_id)).captures == (1 if dies == "before" else 2)


async def test_s12_s15_a_capture_that_is_refused_to_whoever_comes_after_ends_an_order_whose_time_is_up(
    stage: Stage,
) -> None:
    order_id, payment_id = await stage.approved("sandbox_card", "capture_refused")
    with pytest.raises(Died):
        await stage.look_up(payment_id)
    stage.clock.forward(minutes=20)
    async with stage.fresh():
        await stage.comes_to(order_id, order="expired", payment="refused")
        assert await stage.topics(order_id, 2) == ["order.placed", "order.closed"]
    assert (await stage.side(payment_id)).taken_at is None


@pytest.mark.parametrize("dies", ["before", "after"])
async def test_s15_a_reconciler_that_dies_is_followed_by_another(stage: Stage, dies: Moment) -> None:
    order_id, payment_id = await stage.approved("sandbox_card")
    with pytest.raises(Died):
        await stage.look_up(payment_id)
    stage.sandbox.dies = dies
    stage.clock.forward(seconds=10)
    with pytest.raises(Died):
        await stage.payments.poll()
    stage.clock.forward(seconds=10)
    assert [payment.attempts for payment in (await stage.order(order_id)).payments] == [2]
    async with stage.fresh():
        await stage.comes_to(order_id, order="purchased", payment="paid")
        assert await stage.topics(order_id, 2) == ["order.placed", "offset.purchased"]


@pytest.mark.parametrize("dies", ["before", "after"])
async def test_s15_money_that_is_not_the_order_s_is_let_go_although_the_replica_dies(
    stage: Stage, dies: Moment
) -> None:
    stage.sandbox.dies = dies
    order_id, payment_id = await stage.approved("sandbox_card", "wrong_amount")
    await stage.look_up(payment_id)
    with pytest.raises(Died):
        await stage.payments.poll()
    stage.clock.forward(seconds=10)
    async with stage.fresh():
        await stage.comes_to(order_id, order="held", payment="voided")
        assert await stage.topics(order_id, 1) == ["order.placed"]
    record = await stage.side(payment_id)
    assert (record.taken_at, record.voided_at is not None) == (None, True)


@pytest.mark.parametrize("dies", ["before", "after"])
async def test_s15_money_goes_back_once_although_the_replica_dies(stage: Stage, dies: Moment) -> None:
    stage.sandbox.dies = dies
    order_id, payment_id = await stage.approved("sandbox", "wrong_amount")
    await stage.look_up(payment_id)
    with pytest.raises(Died):
        await stage.payments.give_back()
    stage.clock.forward(seconds=10)
    async with stage.fresh():
        await stage.comes_to(order_id, order="held", payment="paid", refund="made")
        assert await stage.topics(order_id, 1) == ["order.placed"]
    assert (await stage.side(payment_id)).refunds == 1, "the second time it was done already"


async def test_s15_a_silent_authorisation_is_looked_up_and_captured_by_whoever_comes_after(stage: Stage) -> None:
    order_id, payment_id = await stage.approved("sandbox_card")
    stage.clock.forward(seconds=61)
    async with stage.fresh():
        await stage.comes_to(order_id, order="purchased", payment="paid")
        assert await stage.topics(order_id, 2) == ["order.placed", "offset.purchased"]
    assert (await stage.side(payment_id)).captures == 1
