"""Programs of outsiders: what npm has to say about our documents and messages, and where clients are made."""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
from collections.abc import Callable, Iterable
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
SCRIPTS = Path(__file__).parent / "node"
NODE = ROOT / ".local/node"
CLIENTS = ROOT / ".local/clients"
# Of a program that compiles on a machine under load.
PATIENCE_SECONDS = 300

Node = Callable[..., str]


def run(*command: str | Path, cwd: Path = ROOT, text: str | None = None, **environment: str) -> str:
    """Return what the program prints. Raises AssertionError with all that it said when it fails."""
    ended = subprocess.run(
        [str(part) for part in command], cwd=cwd, input=text, capture_output=True, text=True, check=False,
        timeout=PATIENCE_SECONDS, env={**os.environ, **environment},
    )  # fmt: skip
    assert ended.returncode == 0, f"{command[0]} says\n{ended.stdout[-4000:]}{ended.stderr[-4000:]}"
    return ended.stdout


def made_once(name: str, made_of: Iterable[Path], make: Callable[[Path], None]) -> Path:
    """Return a folder in which `make` has succeeded with these very files, tools and tests."""
    digest = hashlib.sha256()
    tools = (ROOT / "requirements.lock", SCRIPTS / "package-lock.json", *sorted(SCRIPTS.glob("*.[jt]s")))
    tests = sorted(SCRIPTS.parent.glob("*.py"))
    for file in (*tools, *tests, *made_of):
        digest.update(file.name.encode() + file.read_bytes())
    folder = CLIENTS / f"{name}-{digest.hexdigest()[:16]}"
    if not (folder / "complete").exists():
        for older in CLIENTS.glob(f"{name}-*"):
            shutil.rmtree(older)
        folder.mkdir(parents=True)
        make(folder)
        (folder / "complete").touch()
    return folder


@pytest.fixture(scope="session")
def node() -> Node:
    """Runs one of our scripts, or a program of npm, with what the lock names."""
    lock = NODE / "package-lock.json"
    wanted = (SCRIPTS / "package-lock.json").read_text()
    is_there = (NODE / "complete").exists() and lock.read_text() == wanted
    assert is_there, "run `sh tests/contracts/node/install.sh`, as `make test` does"

    def run_node(program: str, *arguments: str | Path, text: str | None = None) -> str:
        script = SCRIPTS / program
        return run(
            *("node", script if script.exists() else NODE / "node_modules" / program, *arguments),
            text=text, NODE_PATH=str(NODE / "node_modules"),
        )  # fmt: skip

    return run_node
