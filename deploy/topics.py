"""Creates the topics of the table of topics; run before anything starts, and as often as you like."""

import asyncio
import os
import sys

from aiokafka.admin import AIOKafkaAdminClient, NewTopic
from aiokafka.errors import KafkaError, TopicAlreadyExistsError, for_code

from shared.contracts.topics import TOPICS
from shared.messaging.broker import TopicDiffers, verify_topics

CREATE_TIMEOUT_MS = 30_000


async def create(bootstrap_servers: str) -> int:
    """Create what is missing and return how many that were.

    With three brokers or more a topic is kept three times and a write waits for two. Raises TopicDiffers when one
    that is there differs from the table, KafkaError when Kafka does not answer or refuses.
    """
    admin = AIOKafkaAdminClient(bootstrap_servers=bootstrap_servers.split(","), request_timeout_ms=CREATE_TIMEOUT_MS)
    await admin.start()
    try:
        brokers = len((await admin.describe_cluster())["brokers"])
        there = set(await admin.list_topics())
        replicated = {"min.insync.replicas": "2"} if brokers >= 3 else {}
        missing = [
            NewTopic(topic.name, topic.partitions, min(brokers, 3), topic_configs=dict(topic.settings) | replicated)
            for topic in TOPICS
            if topic.name not in there
        ]
        if missing:
            answer = await admin.create_topics(missing, timeout_ms=CREATE_TIMEOUT_MS)
            for name, code, *said in answer.topic_errors:
                failure = for_code(code)
                if code and failure is not TopicAlreadyExistsError:
                    raise failure(f"{name}: {said}")
    finally:
        await admin.close()
    await _settled(bootstrap_servers)
    return len(missing)


async def _settled(bootstrap_servers: str) -> None:
    """A broker may take a moment to know its newest topics."""
    for _ in range(50):
        try:
            return await verify_topics(bootstrap_servers)
        except TopicDiffers as differs:
            last = differs
            await asyncio.sleep(0.1)
    raise last


def main() -> None:
    """Create the topics at KAFKA_BOOTSTRAP_SERVERS; exit 1 with the reason when that is not possible."""
    try:
        made = asyncio.run(create(os.environ["KAFKA_BOOTSTRAP_SERVERS"]))
    except (KafkaError, TopicDiffers) as failure:
        sys.exit(f"topics: {failure}")
    print(f"topics: {made} created, {len(TOPICS)} as they must be")


if __name__ == "__main__":
    main()
