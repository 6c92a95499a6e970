"""Kafka with its topics and MongoDB for one test session, in containers of the images that one server runs."""

from __future__ import annotations

import asyncio
import contextlib
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from docker.errors import DockerException
from testcontainers.core.container import DockerContainer
from testcontainers.core.docker_client import DockerClient
from testcontainers.core.wait_strategies import LogMessageWaitStrategy

from deploy.topics import create
from tests.embedded import free_port

COMPOSE = Path(__file__).resolve().parents[1] / "docker-compose.yml"
READY_SECONDS_MAX = 90


@contextlib.contextmanager
def contained() -> Iterator[tuple[str, str]]:
    """Yield the addresses of Kafka and MongoDB, and remove both afterwards; end the session when there is no engine."""
    _engine_answers()
    parts = yaml.safe_load(COMPOSE.read_text())["services"]
    port = free_port()
    with _kafka(parts["kafka"], port), _mongodb(parts["mongodb"]) as mongodb:
        asyncio.run(create(f"127.0.0.1:{port}"))
        yield f"127.0.0.1:{port}", f"mongodb://127.0.0.1:{mongodb.get_exposed_port(27017)}"


def _engine_answers() -> None:
    try:
        DockerClient().client.close()
    except DockerException:
        where = os.environ.get("DOCKER_HOST", "its usual address")
        pytest.exit(f"INFRA=containers: no Docker engine answers at {where}. Start one, or leave INFRA out.", 2)


def _kafka(part: dict[str, Any], port: int) -> DockerContainer:
    """Clients are sent to the address that a broker advertises, so its port here must be known before it starts."""
    container = DockerContainer(part["image"]).with_bind_ports(9092, port)
    for name, value in part["environment"].items():
        container = container.with_env(name, value)
    container = container.with_env("KAFKA_ADVERTISED_LISTENERS", f"PLAINTEXT://127.0.0.1:{port}")
    return container.waiting_for(_logs("Kafka Server started"))


def _mongodb(part: dict[str, Any]) -> DockerContainer:
    """Without a user and a set of its own: the tests are alone with it."""
    return DockerContainer(part["image"]).with_exposed_ports(27017).waiting_for(_logs("Waiting for connections"))


def _logs(line: str) -> LogMessageWaitStrategy:
    return LogMessageWaitStrategy(line).with_startup_timeout(READY_SECONDS_MAX)
