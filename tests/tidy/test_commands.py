"""What commands say when nothing runs."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.embedded import free_port

pytestmark = pytest.mark.starts_processes
ROOT = Path(__file__).resolve().parents[2]


@pytest.mark.parametrize(
    ("command", "away"),
    [
        (["audit"], "MongoDB does not answer"),
        (["dead", "list", "orders"], "Kafka does not answer"),
        (["dead", "replay", "orders"], "Kafka does not answer"),
        (["seed"], "does not answer"),
        (["story"], "does not answer"),
        (["ranking", "rebuild"], "does not answer"),
    ],
)
def test_a_command_says_in_one_line_that_nothing_answers(command: list[str], away: str, tmp_path: Path) -> None:
    environment = {"DIANDIAN_HOME": str(tmp_path), "DIANDIAN_PORT": str(free_port()), "PATH": ""}
    ended = subprocess.run(
        [sys.executable, "-m", "deploy.cli", *command],
        cwd=ROOT, env=environment, capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip
    assert ended.returncode == 1
    assert ended.stderr.count("\n") == 1, ended.stderr
    assert away in ended.stderr
    assert "`make up`" in ended.stderr
    assert "`docker compose up -d`" in ended.stderr


def test_tests_on_containers_say_in_one_line_that_no_engine_answers(tmp_path: Path) -> None:
    nowhere = f"unix://{tmp_path}/docker.sock"
    ended = subprocess.run(
        [sys.executable, "-m", "pytest", "--quiet", "tests/component/test_registry.py"],
        cwd=ROOT, env={**os.environ, "INFRA": "containers", "DOCKER_HOST": nowhere}, capture_output=True, text=True,
        timeout=60, check=False,
    )  # fmt: skip
    assert ended.returncode == 2
    assert f"no Docker engine answers at {nowhere}" in ended.stdout
    assert "Traceback" not in ended.stdout + ended.stderr
