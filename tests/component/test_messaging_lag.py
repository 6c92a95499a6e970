"""How far a service is behind is a figure, and heartbeats of topics are no messages."""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import Callable, Sequence
from typing import Any

import pytest
from prometheus_client import REGISTRY

from deploy.log import whole
from shared.contracts.event import PARTITIONS, Envelope
from shared.contracts.orders import BeneficiaryNamed, OrderPlaced
from shared.messaging import lag
from shared.messaging.heartbeat import heartbeat
from shared.messaging.lag import LAG
from shared.messaging.service import Messaging
from shared.settings import Settings
from shared.web.app import database
from tests.component.test_messaging import named, placed
from tests.component.test_messaging_group import _once, consuming, send
from tests.conftest import PATIENCE_SECONDS, Infra, enveloped, until


async def test_a_heartbeat_is_on_every_partition_and_no_consumer_takes_it_for_a_message(
    infra: Infra, producer: Any, settings: Callable[..., Settings]
) -> None:
    async def beaten() -> dict[int, int]:
        found: dict[int, int] = {}
        async for record in whole(infra.kafka, "beneficiary.named"):
            if record.key == f"heartbeat-{record.partition}".encode() and record.value is None:
                found[record.partition] = found.get(record.partition, 0) + 1
        return found

    before = await beaten()
    given = settings("orders")
    mongodb = database(given)
    messaging = Messaging(given, service="orders", database=mongodb)
    messaging.heartbeat(BeneficiaryNamed)
    async with messaging.running():

        async def all_beaten() -> bool:
            now = await beaten()
            return all(now.get(partition, 0) > before.get(partition, 0) for partition in range(PARTITIONS))

        await until(all_beaten)
    mongodb.client.close()
    consumed: list[Envelope[Any]] = []

    async def handle(batch: Sequence[Envelope[Any]]) -> None:
        consumed.extend(batch)

    group = f"beaten-{secrets.token_hex(4)}"
    async with consuming(infra, producer, handle, group=group, replica=group, contract=BeneficiaryNamed, begins=True):
        await heartbeat(producer, "beneficiary.named")
        last = enveloped(named("Lin Yue (demo)"))
        await send(producer, last)
        await until(_once(lambda: last.subject in {event.subject for event in consumed}))
    assert not [letter async for letter in whole(infra.kafka, "dead.ranking") if letter.key.startswith(b"heartbeat")]


async def test_what_has_not_taken_effect_is_the_consumer_s_lag(
    infra: Infra, producer: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(lag, "LOOK_SECONDS", 0.1)
    polled, done = asyncio.Event(), asyncio.Event()

    async def handle(_: Sequence[Envelope[Any]]) -> None:
        polled.set()
        await done.wait()

    group = f"lagging-{secrets.token_hex(4)}"
    async with consuming(infra, producer, handle, group=group, replica=group, begins=True) as (consumer, to):
        looking = asyncio.create_task(lag.observe_lag(lambda: consumer, lambda: to.in_progress))

        def behind() -> float | None:
            return REGISTRY.get_sample_value("diandian_consumer_lag", {"topic": "order.placed"})

        # One is in progress when the others come; the lag counts it too, although it was polled.
        await send(producer, enveloped(placed()))
        await asyncio.wait_for(polled.wait(), PATIENCE_SECONDS)
        await send(producer, *(enveloped(placed()) for _ in range(4)))
        await until(_once(lambda: behind() == 5))
        done.set()
        await until(_once(lambda: behind() == 0))
        looking.cancel()


async def test_a_running_service_shows_its_lag(settings: Callable[..., Settings]) -> None:
    async def handle(_: Sequence[Envelope[Any]]) -> None:
        """Take it."""

    LAG.clear()
    mine = settings("registry", replica="registry-test")
    mongodb = database(mine)
    messaging = Messaging(mine, service="registry", database=mongodb)
    messaging.consume({OrderPlaced: handle})
    async with messaging.running():
        await until(
            _once(lambda: REGISTRY.get_sample_value("diandian_consumer_lag", {"topic": "order.placed"}) is not None)
        )
    mongodb.client.close()
