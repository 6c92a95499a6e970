"""What we take of aiokafka beyond its public interface, and the one method of it that we replace.

`AIOKafkaClient.bootstrap` keeps the connection that it is opening in a local name, so when it is cancelled nobody can
close that one; it stays open until the process ends, and Python warns of it. The nearest issue upstream is
https://github.com/aio-libs/aiokafka/issues/715 (a failure during a start), open since 2021; of a cancelled start none
was found. In a version that is not named below nothing is replaced.

An idempotent producer sends for as long as Kafka is away, and nothing public lets it stop that. That it does not
recover from a refused record is https://github.com/aio-libs/aiokafka/issues/1017.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from importlib.metadata import version
from typing import Any

from aiokafka import AIOKafkaProducer
from aiokafka.client import AIOKafkaClient
from aiokafka.errors import KafkaConnectionError

# Whose source was read for all that this file says of it.
VERSIONS_KNOWN = ("0.14.0",)
GRACE_SECONDS = 1.0

_bootstrap: Callable[[AIOKafkaClient], Any] = AIOKafkaClient.bootstrap


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


if version("aiokafka") in VERSIONS_KNOWN:
    AIOKafkaClient.bootstrap = bootstrap


def is_dead(producer: AIOKafkaProducer) -> bool:
    """Say whether the producer's own task has ended, so that it will never send anything again."""
    return bool(producer._sender.sender_task.done())  # noqa: SLF001


async def stop(producer: AIOKafkaProducer, *, flush_seconds: float) -> None:
    """Send what is under way for so long at most, then nothing more, and disconnect.

    Whatever is not acknowledged fails; requests that were begun have ended afterwards.
    """
    sending = producer._sender.sender_task  # noqa: SLF001
    if flush_seconds:
        flushing = asyncio.create_task(producer.flush())
        await asyncio.wait({flushing, sending}, timeout=flush_seconds, return_when=asyncio.FIRST_COMPLETED)
        flushing.cancel()
    unacknowledged = KafkaConnectionError("not acknowledged when its producer was stopped")
    producer._message_accumulator.fail_all(unacknowledged)  # noqa: SLF001
    sending.cancel()
    await asyncio.wait({sending})
    await producer.stop()
