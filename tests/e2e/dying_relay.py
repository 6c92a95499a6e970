"""A relay in a process of its own that publishes what orders has written and dies before it marks it as published."""

from __future__ import annotations

import asyncio
import os
import signal
from datetime import UTC, datetime

from shared.messaging.broker import Producer
from shared.messaging.outbox import Outbox
from shared.messaging.publisher import Publisher
from shared.mongodb import connect


async def main() -> None:
    database = connect(os.environ["MONGODB"])["orders"]
    producer = Producer(os.environ["KAFKA"], replica="orders-1")
    await producer.start()
    outbox = Outbox(database["orders"], livemode=False, wake=lambda: None)
    outbox.lease.owner = "orders-1"
    await outbox.release()
    pending = await outbox.take(now=datetime.now(UTC))
    await Publisher(producer).publish(pending)
    print("published", len(pending), flush=True)
    os.kill(os.getpid(), signal.SIGKILL)


if __name__ == "__main__":
    asyncio.run(main())
