"""How a replica gets to Kafka however long that is away: no topic is read before all are as their table says."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

import structlog
from aiokafka.errors import KafkaError

from shared import process
from shared.messaging.broker import TopicDiffers, verify_topics
from shared.messaging.failures import is_infrastructure, unavailable

RECONNECT_SECONDS = 1.0
TOPIC_CHECK_SECONDS = 3.0

log = structlog.get_logger()


async def check_topics(bootstrap_servers: str, *, service: str) -> None:
    """Compare the topics with their table, if Kafka answers soon. Raises TopicDiffers."""
    try:
        async with asyncio.timeout(TOPIC_CHECK_SECONDS):
            await verify_topics(bootstrap_servers)
    except (KafkaError, TimeoutError, OSError):
        log.warning("kafka does not answer yet", service=service)


async def connect(
    bootstrap_servers: str,
    *,
    service: str,
    start: Callable[[], Awaitable[None]],
    stop: Callable[[], Awaitable[None]],
) -> None:
    """Return once `start` has succeeded; whatever has started by half when it fails is stopped before the next try.

    Where topics differ from their table it ends the process. Raises what is no failure of the surroundings.
    """
    while True:
        try:
            await verify_topics(bootstrap_servers)
            await start()
        except TopicDiffers as differs:
            process.end(str(differs))
            await asyncio.Event().wait()
        except Exception as failure:
            if not is_infrastructure(failure):
                raise
            what = f"retrying: {unavailable(failure)}"
            log.warning(what, service=service, failure=repr(failure)[:200])
            await stop()
            await asyncio.sleep(RECONNECT_SECONDS)
        else:
            return
