"""What the operator's command says when nothing runs."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from tests.embedded import free_port

ROOT = Path(__file__).resolve().parents[2]


@pytest.mark.parametrize(
    ("command", "away"),
    [
        (["audit"], "MongoDB does not answer"),
        (["dead", "list", "orders"], "Kafka does not answer"),
        (["dead", "replay", "orders"], "Kafka does not answer"),
        (["seed"], "does not answer"),
        (["story"], "does not answer"),
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
    assert "make up" in ended.stderr
