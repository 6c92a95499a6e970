"""A relay in a process of its own that publishes what orders has written and dies before it marks it as published."""

from __future__ import annotations

import asyncio
import os
import signal
from datetime import UTC, datetime

from shared.messaging.broker import Producer
from shared.messaging.outbox import Outbox
from shared.messaging.relay import Relay
from shared.mongodb import connect


async def main() -> None:
    database = connect(os.environ["MONGODB"])["orders"]
    producer = Producer(os.environ["KAFKA"], replica="orders-1")
    await producer.start()
    outbox = Outbox(database["orders"], livemode=False, wake=lambda: None)
    relay = Relay(producer, owner="orders-1")
    relay.add(outbox)
    await outbox.release()
    parcels = await outbox.take(now=datetime.now(UTC))
    if parcels:
        await relay.publish(parcels)
    print("published", len(parcels), flush=True)
    os.kill(os.getpid(), signal.SIGKILL)


if __name__ == "__main__":
    asyncio.run(main())
