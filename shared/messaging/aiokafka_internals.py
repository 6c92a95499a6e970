"""What we take of aiokafka beyond its public interface, and the three methods of it that we replace.

`AIOKafkaClient.bootstrap` keeps the connection that it is opening in a local name, so when it is cancelled nobody can
close that one; it stays open until the process ends, and Python warns of it. The nearest issue upstream is
https://github.com/aio-libs/aiokafka/issues/715 (a failure during a start), open since 2021; of a cancelled start none
was found.

`Fetcher.close` cancels the task that fetches, once. A task that has just lost its partitions waits for its own requests
and takes that cancellation for theirs; then it waits for other partitions, and who stops the consumer waits for ever.
It came with the mending of https://github.com/aio-libs/aiokafka/issues/983; of this no issue was found.

`Fetcher._proc_fetch_request` is one fetch. While it waits for partitions that have nothing, one whose records are used
up since is not asked for (ADR 0027): where records come, that must be short; where none come, each fetch is work that
brings nothing.

In a version that is not named below nothing of these is replaced.

What closes waits for tasks that it has cancelled, and takes a cancellation of its caller for theirs. So each is brought
to its end in a task of its own, and whoever called it is cancelled then.

An idempotent producer sends for as long as Kafka is away, and nothing public lets it stop that. That it does not
recover from a refused record is https://github.com/aio-libs/aiokafka/issues/1017.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from functools import wraps
from importlib.metadata import version
from typing import Any

from aiokafka import AIOKafkaConsumer, AIOKafkaProducer
from aiokafka.client import AIOKafkaClient
from aiokafka.consumer.fetcher import Fetcher
from aiokafka.errors import KafkaConnectionError

# Whose source was read for all that this file says of it.
VERSIONS_KNOWN = ("0.14.0",)
GRACE_SECONDS = 1.0
# A fetch after one that brought records waits so long for more, and then twice as long each time, as long as none come.
FETCH_WAIT_MS_MIN, FETCH_WAIT_MS_MAX = 25, 500

_bootstrap: Callable[[AIOKafkaClient], Any] = AIOKafkaClient.bootstrap
_close: Callable[[Fetcher], Any] = Fetcher.close
_fetch: Callable[[Fetcher, Any, Any, Any], Any] = Fetcher._proc_fetch_request  # noqa: SLF001


async def bootstrap(client: AIOKafkaClient) -> None:
    """Find the brokers, to the end even if this is cancelled meanwhile, but for no longer than a second then."""
    finding = asyncio.ensure_future(_bootstrap(client))
    try:
        await asyncio.shield(finding)
    except asyncio.CancelledError:
        await asyncio.wait({finding}, timeout=GRACE_SECONDS)
        finding.cancel()
        await asyncio.gather(finding, return_exceptions=True)
        raise


async def close(fetcher: Fetcher) -> None:
    """Fetch no more, and cancel the task that does until it has ended."""
    fetching = fetcher._fetch_task  # noqa: SLF001
    while not fetching.done():
        fetching.cancel()
        await asyncio.wait({fetching}, timeout=GRACE_SECONDS)
    await _close(fetcher)


async def fetch(fetcher: Fetcher, assignment: Any, node_id: Any, request: Any) -> bool:
    """Fetch once, say whether that brought records, and choose how long the next one may wait."""
    brought: bool = await _fetch(fetcher, assignment, node_id, request)
    waited_ms = fetcher._fetch_max_wait_ms  # noqa: SLF001
    fetcher._fetch_max_wait_ms = FETCH_WAIT_MS_MIN if brought else min(2 * waited_ms, FETCH_WAIT_MS_MAX)  # noqa: SLF001
    return brought


if version("aiokafka") in VERSIONS_KNOWN:
    AIOKafkaClient.bootstrap = bootstrap
    Fetcher.close = close
    Fetcher._proc_fetch_request = fetch  # noqa: SLF001


def uninterrupted(close: Callable[[Any], Coroutine[Any, Any, None]]) -> Callable[[Any], Coroutine[Any, Any, None]]:
    """Return a method that comes to its end although its caller is cancelled meanwhile, and cancels that then."""

    @wraps(close)
    async def closed(self: Any) -> None:
        closing = asyncio.ensure_future(close(self))
        try:
            await asyncio.shield(closing)
        except asyncio.CancelledError:
            await asyncio.wait({closing})
            raise

    return closed


AIOKafkaClient.close = uninterrupted(AIOKafkaClient.close)
AIOKafkaConsumer.stop = uninterrupted(AIOKafkaConsumer.stop)
AIOKafkaProducer.stop = uninterrupted(AIOKafkaProducer.stop)


class Connection:
    """A producer of aiokafka that can be stopped at any moment; `failed` is called when a record has failed."""

    def __init__(self, producer: AIOKafkaProducer, failed: Callable[[Connection], None]) -> None:
        self.producer = producer
        self._failed = failed
        self._entering = 0
        # Set when a send has handed its record over, while somebody waits for that.
        self._entered: asyncio.Event | None = None

    @property
    def is_dead(self) -> bool:
        """Whether the producer's own task has ended, so that it will never send anything again."""
        return bool(self.producer._sender.sender_task.done())  # noqa: SLF001

    async def send(self, topic: str, **record: Any) -> asyncio.Future[Any]:
        """Hand a record over; the future is done when it is acknowledged or will never be. Raises KafkaError."""
        self._entering += 1
        try:
            sent: asyncio.Future[Any] = await self.producer.send(topic, **record)
        except Exception:
            if self.is_dead:
                self._failed(self)
            raise
        finally:
            self._entering -= 1
            if self._entered:
                self._entered.set()
        sent.add_done_callback(self._look_at)
        return sent

    async def stop(self, *, flush_seconds: float) -> None:
        """Send what is under way for so long at most, then nothing more, and disconnect.

        Whatever is not acknowledged fails; requests that were begun have ended afterwards.
        """
        sending = self.producer._sender.sender_task  # noqa: SLF001
        if flush_seconds:
            flushing = asyncio.create_task(self.producer.flush())
            await asyncio.wait({flushing, sending}, timeout=flush_seconds, return_when=asyncio.FIRST_COMPLETED)
            flushing.cancel()
        unacknowledged = KafkaConnectionError("not acknowledged when its producer was stopped")
        self.producer._message_accumulator.fail_all(unacknowledged)  # noqa: SLF001
        sending.cancel()
        await asyncio.wait({sending})
        # Whoever waits for a topic's metadata would wait for ever once the client is closed.
        while self._entering:
            self._entered = asyncio.Event()
            await self._entered.wait()
        await self.producer.stop()

    def _look_at(self, sent: asyncio.Future[Any]) -> None:
        if not sent.cancelled() and sent.exception() is not None:
            self._failed(self)
