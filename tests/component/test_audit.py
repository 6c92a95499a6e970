"""The audit on a real Kafka: books that are followed are those that are read from the beginning."""

from __future__ import annotations

from collections import Counter

from deploy.audit.books import Follower, read
from shared.contracts.event import to_record
from shared.messaging import broker
from tests.component.test_messaging import placed
from tests.component.town import Publish
from tests.conftest import Infra, enveloped


async def test_books_that_are_followed_are_those_that_are_read_from_the_beginning(
    infra: Infra, publish: Publish, producer: broker.Producer
) -> None:
    key, _, headers = to_record(enveloped(placed()))
    async with Follower(infra.kafka, infra.mongodb).running() as follower:
        await publish(*(enveloped(placed()) for _ in range(20)))
        before = await follower.read()
        await publish(*(enveloped(placed()) for _ in range(3)))
        await (await producer.send("order.placed", (key, b"no event", headers)))
        after, whole = await follower.read(), await read(infra.kafka, infra.mongodb)
    assert len(after.messages) == len(before.messages) + 3
    assert Counter(after.messages) == Counter(whole.messages)
    assert after.foreign == whole.foreign == before.foreign + 1
