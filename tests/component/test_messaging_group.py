"""A consumer that has to wait keeps its place in the group, and loses nothing when the group is shared out anew."""

from __future__ import annotations

import asyncio
import contextlib
import secrets
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from functools import partial
from typing import Any

import pytest
from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.protocol.fetch import FetchRequest

from deploy.dead import dead_letters
from shared.contracts.event import PARTITIONS, Envelope, to_record
from shared.contracts.orders import OrderPlaced
from shared.messaging import broker, delivery
from shared.messaging.aiokafka_internals import FETCH_WAIT_MS_MAX, FETCH_WAIT_MS_MIN
from shared.messaging.delivery import Delivery
from shared.messaging.failures import LostRace
from shared.messaging.retries import ATTEMPTS_BY_REQUEST_MAX, retry_lost_race
from shared.mongodb import AutoReconnect, OperationFailure
from tests.component.test_messaging import Record, placed
from tests.conftest import PATIENCE_SECONDS, Infra, enveloped, until

Handle = Callable[[Sequence[Envelope[Any]]], Awaitable[None]]


@contextlib.asynccontextmanager
async def consuming(
    infra: Infra,
    producer: Any,
    handle: Handle,
    *,
    group: str,
    replica: str,
    contract: type[Any] = OrderPlaced,
    begins: bool = False,
) -> AsyncIterator[tuple[Any, Delivery]]:
    """Read the contract's topic as a service does, in a group of its own; yield the consumer and its delivery.

    Who begins passes over what other tests have left there.
    """
    reader = broker.reader(infra.kafka, replica=replica)
    to = Delivery({contract: handle}, service="ranking", livemode=False, dead_letters=producer)
    subscriber = broker.subscribe(reader, [contract.topic], to.deliver, group=group, replica=replica)
    await reader.start()

    async def assigned() -> Any:
        consumer = subscriber.consumer
        return consumer if consumer and consumer.assignment() else None

    try:
        consumer = await until(assigned)
        if begins:
            await consumer.seek_to_end()
            await consumer.commit(
                {partition: await consumer.position(partition) for partition in consumer.assignment()}
            )
        yield consumer, to
    finally:
        await reader.stop()


async def send(producer: Any, *events: Envelope[Any]) -> None:
    for event in events:
        await (await producer.send(event.data.topic, to_record(event)))


@pytest.mark.parametrize("why", ["database away", "lost race", "halted"])
async def test_a_consumer_that_waits_longer_than_it_may_stay_away_stays_in_its_group(
    infra: Infra, producer: Any, monkeypatch: pytest.MonkeyPatch, why: str
) -> None:
    monkeypatch.setattr(delivery, "POLL_SECONDS", 0.5)
    event, failing, done, tries = enveloped(placed()), asyncio.Event(), list[str](), 0

    async def handle(batch: Sequence[Envelope[Any]]) -> None:
        nonlocal tries
        mine = [one.subject for one in batch if one.subject == event.subject]
        if mine and not failing.is_set():
            tries += 1
            raise AutoReconnect("gone") if why == "database away" else LostRace("another was first")
        done.extend(mine)

    group = f"waiting-{secrets.token_hex(4)}"
    async with consuming(infra, producer, handle, group=group, replica=group, begins=True) as (consumer, to):
        coordinator = consumer._coordinator
        # More than the longest pause between two tries, which is two seconds.
        coordinator._max_poll_interval = 3.0
        if why == "halted":
            failing.set()
            to.halted = "too many"
        generation = coordinator.generation
        await send(producer, event)
        await asyncio.sleep(7)
        assert done == []
        assert coordinator.generation == generation
        assert consumer.assignment()
        failing.set()
        if why != "halted":
            await until(_once(lambda: done == [event.subject]))
            assert tries > 1


async def test_a_fetch_waits_long_where_nothing_comes_and_briefly_once_something_has(
    infra: Infra, producer: Any
) -> None:
    event, done = enveloped(placed()), list[str]()

    async def handle(batch: Sequence[Envelope[Any]]) -> None:
        done.extend(one.subject for one in batch)

    group = f"fetching-{secrets.token_hex(4)}"
    async with consuming(infra, producer, handle, group=group, replica=group, begins=True) as (consumer, _):
        waits, fetch = list[int](), consumer._client.send

        async def observed(node_id: Any, request: Any, **options: Any) -> Any:
            if isinstance(request, FetchRequest):
                waits.append(request._max_wait_ms)
            return await fetch(node_id, request, **options)

        consumer._client.send = observed
        await until(_once(lambda: waits[-2:] == [FETCH_WAIT_MS_MAX, FETCH_WAIT_MS_MAX]))
        count = len(waits)
        await send(producer, event)
        await until(_once(lambda: event.subject in done and waits[-1] == FETCH_WAIT_MS_MAX and len(waits) > count + 2))
        assert FETCH_WAIT_MS_MIN in waits[count:]


def _once(condition: Callable[[], bool]) -> Callable[[], Awaitable[bool]]:
    async def holds() -> bool:
        return condition()

    return holds


async def test_partitions_lost_while_a_batch_is_tried_again_are_not_committed_past_what_took_effect(
    infra: Infra, producer: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(delivery, "POLL_SECONDS", 0.2)
    group = f"shared-{secrets.token_hex(4)}"
    events = [enveloped(placed().model_copy(update={"project_id": f"prj_{number:026d}"})) for number in range(60)]
    mine = {event.subject for event in events}
    away, done, others = asyncio.Event(), set[str](), set[str]()

    async def first(batch: Sequence[Envelope[Any]]) -> None:
        if not away.is_set() and any(event.subject in mine for event in batch):
            raise AutoReconnect("gone")
        done.update(event.subject for event in batch)

    async def second(batch: Sequence[Envelope[Any]]) -> None:
        others.update(event.subject for event in batch)

    async with consuming(infra, producer, first, group=group, replica=f"{group}-1", begins=True) as (one, _):
        await send(producer, *events)
        await asyncio.sleep(1)
        async with consuming(infra, producer, second, group=group, replica=f"{group}-2") as (two, _):

            async def shared_out() -> bool:
                return bool(len(one.assignment()) + len(two.assignment()) == PARTITIONS and two.assignment())

            await until(shared_out)
            theirs = {partition.partition for partition in two.assignment()}
            assert 0 < len(theirs) < PARTITIONS
            await until(_once(lambda: bool(others & mine)))
            away.set()
            await until(_once(lambda: mine <= done | others))
    # What the group has committed is the end of each partition: a third one finds nothing of it again.
    again = set[str]()

    async def third(batch: Sequence[Envelope[Any]]) -> None:
        again.update(event.subject for event in batch)

    async with consuming(infra, producer, third, group=group, replica=f"{group}-1"):
        late = enveloped(placed())
        await send(producer, late)
        await until(_once(lambda: late.subject in again))
    assert mine <= done | others | again


async def test_what_a_poll_brings_while_a_batch_waits_is_read_again(
    infra: Infra, producer: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(delivery, "POLL_SECONDS", 0.0)
    event = enveloped(placed())
    consumer = AIOKafkaConsumer(bootstrap_servers=infra.kafka, enable_auto_commit=False)
    await consumer.start()
    try:
        consumer.assign([TopicPartition("order.placed", partition) for partition in range(PARTITIONS)])
        await consumer.seek_to_end()
        before = {partition: await consumer.position(partition) for partition in consumer.assignment()}
        # Partitions that a rebalance has just brought are not paused.
        monkeypatch.setattr(consumer, "pause", lambda *_: None)
        await send(producer, event)
        to = Delivery({}, service="ranking", livemode=False, dead_letters=producer)
        for _ in range(20):
            await to._rest(0.05, consumer)
        assert {partition: await consumer.position(partition) for partition in consumer.assignment()} == before
        assert (await asyncio.wait_for(consumer.getone(), 5)).key == event.key.encode()
    finally:
        await consumer.stop()


async def test_a_consumer_that_is_refused_waits_and_makes_no_dead_letter(infra: Infra, producer: Any) -> None:
    """A right that is taken away for a moment: the message takes effect when it is given back."""
    event, tries = enveloped(placed()), 0

    async def handle(batch: Sequence[Envelope[Any]]) -> None:
        nonlocal tries
        tries += len([one for one in batch if one.subject == event.subject])
        # More often than a message is tried that is at fault itself.
        if 0 < tries < 2 * delivery.ATTEMPTS_MAX:
            raise OperationFailure("not authorized on registry to execute command", 13)

    group = f"refused-{secrets.token_hex(4)}"
    async with consuming(infra, producer, handle, group=group, replica=group, begins=True):
        await send(producer, event)
        await until(_once(lambda: tries == 2 * delivery.ATTEMPTS_MAX))
    letters = [letter async for letter in dead_letters(infra.kafka, "ranking") if letter.subject == event.subject]
    assert letters == []


@pytest.mark.parametrize("lost", [0, 4, 5])
async def test_a_lost_race_is_tried_again_four_times_whatever_kind_of_callable_it_is(lost: int) -> None:
    losses = 0

    async def act(answer: str) -> str:
        nonlocal losses
        if losses < lost:
            losses += 1
            raise LostRace("another was first")
        return answer

    for call in (lambda: act("done"), partial(act, "done")):
        losses = 0
        if lost < ATTEMPTS_BY_REQUEST_MAX:
            assert await retry_lost_race(call) == "done"
        else:
            with pytest.raises(LostRace):
                await retry_lost_race(call)
        assert losses == lost


async def test_a_handler_may_be_any_callable_that_returns_a_coroutine(producer: Any) -> None:
    taken: list[Any] = []

    async def take(into: list[Any], batch: Sequence[Any]) -> None:
        into.extend(batch)

    for handler in (partial(take, taken), lambda batch: take(taken, batch)):
        to = Delivery({OrderPlaced: handler}, service="ranking", livemode=False, dead_letters=producer)
        await to.deliver([Record(enveloped(placed()))])
    assert len(taken) == 2


@pytest.mark.parametrize("ticks", range(3))
async def test_a_consumer_that_is_stopped_while_it_gives_up_its_partitions_ends(infra: Infra, ticks: int) -> None:
    consumer = AIOKafkaConsumer(OrderPlaced.topic, bootstrap_servers=infra.kafka, auto_offset_reset="latest")
    await consumer.start()
    # It has asked for records, and Kafka has none.
    assert await consumer.getmany(timeout_ms=1000) == {}
    consumer.unsubscribe()
    for _ in range(ticks):
        await asyncio.sleep(0)
    stopping = asyncio.create_task(consumer.stop())
    ended, _ = await asyncio.wait([stopping], timeout=PATIENCE_SECONDS)
    assert ended
