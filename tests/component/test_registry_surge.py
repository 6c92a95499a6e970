"""S3: a thousand orders at once for the last million grams, over real Kafka to two replicas of the registry."""

from __future__ import annotations

import asyncio
import contextlib
from collections import Counter
from collections.abc import Callable
from typing import Any

import httpx
from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.errors import GroupCoordinatorNotAvailableError

from deploy.issuer import LocalIssuer
from services.registry.app import create_app
from services.registry.domain.proof import BatchProof
from services.registry.domain.recount import Recount
from shared.contracts.event import PARTITIONS, to_record
from shared.contracts.orders import OrderPlaced
from shared.messaging import broker
from tests.component.test_registry import answers, listed, placed
from tests.component.walks import walked
from tests.conftest import Infra, client_of, enveloped, until

ORDERS, EACH_G, LEFT_G = 1_000, 2_000, 1_000_000


async def test_s3_of_a_thousand_orders_at_once_two_replicas_hold_exactly_those_that_fit(
    infra: Infra, issuer: tuple[LocalIssuer, str, str], settings: Callable[..., Any]
) -> None:
    one = settings("registry")
    both = [one, one.model_copy(update={"replica": f"{one.replica}-2"})]
    async with contextlib.AsyncExitStack() as stack:
        registry, _ = [await stack.enter_async_context(client_of(create_app(replica))) for replica in both]
        registry.headers["Authorization"] = f"Bearer {issuer[0].token('registrar', 'registry:write')}"
        project_id = await listed(registry, tonnes=LEFT_G // 1_000_000)
        await until(lambda: share_the_work(infra, {replica.replica for replica in both}))
        orders = [placed(project_id, EACH_G) for _ in range(ORDERS)]
        await publish_at_once(infra, orders)
        answered: list[Any] = list(await answers(infra, orders, count=ORDERS))
        batches = await after_each_page(registry, project_id)
    # Whoever lost a race decided again, and no order has learnt of that.
    assert Counter(event.order_id for event in answered) == {order.order_id: 1 for order in orders}
    assert Counter(getattr(event, "reason", "held") for event in answered) == {
        "held": LEFT_G // EACH_G,
        "insufficient_stock": ORDERS - LEFT_G // EACH_G,
    }
    for batch in batches:
        assert (batch.issued, batch.available + batch.held, batch.allocated, batch.cancelled) == (LEFT_G, LEFT_G, 0, 0)
        assert batch.available >= 0
    assert (batches[-1].held, batches[-1].available) == (LEFT_G, 0)


async def publish_at_once(infra: Infra, orders: list[OrderPlaced]) -> None:
    """Tell them over all partitions, which the key would not do: so both replicas write one chain of pages."""
    producer = broker.Producer(infra.kafka, replica="surge")
    await producer.start()
    try:
        sent = [
            await producer.send(order.topic, to_record(enveloped(order)), partition=number % PARTITIONS)
            for number, order in enumerate(orders)
        ]
        await asyncio.gather(*sent)
    finally:
        await producer.stop()


async def share_the_work(infra: Infra, replicas: set[str]) -> bool:
    """Whether these replicas, and nobody who is gone, read what is published about orders."""
    admin = AIOKafkaAdminClient(bootstrap_servers=infra.kafka)
    await admin.start()
    try:
        ((_, _, state, _, _, members),) = (await admin.describe_consumer_groups(["registry"]))[0].groups
    except GroupCoordinatorNotAvailableError:
        # A broker that has just started has yet to decide who keeps the groups.
        return False
    finally:
        await admin.close()
    readers = {client_id for _, client_id, _, _, assigned in members if OrderPlaced.topic.encode() in assigned}
    return bool(state == "Stable" and readers == replicas)


async def after_each_page(registry: httpx.AsyncClient, project_id: str) -> list[BatchProof]:
    """Return how the project's one batch stood after each page, by a recount of the pages that anybody may get."""
    recount, proofs = Recount(project_id), list[BatchProof]()
    for page in await walked(registry, f"/v1/projects/{project_id}/pages", limit=100):
        assert recount.take(page), recount.proof().wrong
        proofs += recount.proof().batches
    return proofs
