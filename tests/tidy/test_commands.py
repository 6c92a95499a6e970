"""What commands say when nothing runs."""

from __future__ import annotations

import os
import shutil
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
def test_a_command_reports_in_one_line_that_nothing_answers(command: list[str], away: str, tmp_path: Path) -> None:
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


@pytest.fixture(scope="module")
def checkout(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A checkout whose lock asks for an embedded server that no index has."""
    made = tmp_path_factory.mktemp("checkout")
    shutil.copytree(ROOT / "deploy", made / "deploy", ignore=shutil.ignore_patterns("__pycache__"))
    (made / "requirements.lock").write_text(f"secantusdb==99.9 \\\n    --hash=sha256:{'0' * 64}\n")
    return made


def bootstrapped(checkout: Path, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "deploy.local.bootstrap"],
        cwd=checkout, env={**os.environ, "PIP_NO_INDEX": "1", **environment}, capture_output=True, text=True,
        timeout=300, check=False,
    )  # fmt: skip


def test_where_the_embedded_server_cannot_be_had_the_start_explains_what_to_do(checkout: Path) -> None:
    vanished = bootstrapped(checkout, MONGODB_URL="")
    assert vanished.returncode == 1
    assert "may have left the package index" in vanished.stderr
    assert "make up MONGODB_URL=" in vanished.stderr
    assert "docker compose up" in vanished.stderr
    without_it = bootstrapped(checkout, MONGODB_URL="mongodb://127.0.0.1:27017")
    assert without_it.returncode == 0, without_it.stderr
    assert (checkout / ".local/venv/requirements.lock").read_text() == ""


def test_make_up_refuses_a_misspelt_name_with_2_before_it_does_anything(tmp_path: Path) -> None:
    refused = subprocess.run(
        [sys.executable, "-m", "deploy.local", "up"],
        cwd=ROOT, env={"DIANDIAN_HOME": str(tmp_path), "DIANDIAN_PORTT": "9000"}, capture_output=True, text=True,
        timeout=60, check=False,
    )  # fmt: skip
    assert refused.returncode == 2
    assert refused.stderr == "wrong setting: DIANDIAN_PORTT: nothing reads it here; write DIANDIAN_PORT\n"
    assert not list(tmp_path.iterdir())
