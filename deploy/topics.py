"""Creates the topics of the table of topics and sets what differs in them; run before anything else starts."""

import asyncio
import os
import sys
from collections.abc import Sequence

from aiokafka.admin import AIOKafkaAdminClient, NewTopic
from aiokafka.admin.config_resource import ConfigResource, ConfigResourceType
from aiokafka.errors import KafkaError, TopicAlreadyExistsError, for_code

from shared.contracts.topics import TOPICS, Topic
from shared.messaging.broker import TopicDiffers, verify_topics

CREATE_TIMEOUT_MS = 30_000


async def create(bootstrap_servers: str) -> int:
    """Create what is missing and return how many that were.

    With three brokers or more a topic is kept three times and a write waits for two. Settings that differ from the
    table are set. Raises TopicDiffers when a topic still differs, as in its partitions, KafkaError when Kafka does not
    answer or refuses.
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
            for name, code, *reasons in answer.topic_errors:
                failure = for_code(code)
                if code and failure is not TopicAlreadyExistsError:
                    raise failure(f"{name}: {reasons}")
        await _set(admin, [topic for topic in TOPICS if topic.name in there], replicated)
    finally:
        await admin.close()
    await _settled(bootstrap_servers)
    return len(missing)


async def _set(admin: AIOKafkaAdminClient, topics: Sequence[Topic], replicated: dict[str, str]) -> None:
    """Give topics of an older version the settings of the table; others that somebody set on them are lost."""
    described = await admin.describe_configs([ConfigResource(ConfigResourceType.TOPIC, topic.name) for topic in topics])
    found = {one[3]: {entry[0]: entry[1] for entry in one[4]} for answer in described for one in answer.resources}
    differing = [topic for topic in topics if not dict(topic.settings).items() <= found[topic.name].items()]
    if differing:
        await admin.alter_configs(
            [
                ConfigResource(ConfigResourceType.TOPIC, topic.name, configs=dict(topic.settings) | replicated)
                for topic in differing
            ]
        )


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
