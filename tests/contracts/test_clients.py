"""Clients that outsiders make of our references compile strictly: Python's and TypeScript's, of HTTP and of events."""

from __future__ import annotations

import json
import shutil
import sys
from pathlib import Path
from typing import Any

import pytest

from deploy.generate.files import REFERENCE, SCHEMAS
from shared.contracts.topics import SERVICES
from tests.contracts.conftest import ROOT, SCRIPTS, Node, made_once, run

OPENAPI = tuple(ROOT / REFERENCE / f"{service}.openapi.json" for service in SERVICES)
ASYNCAPI = tuple(ROOT / REFERENCE / f"{service}.asyncapi.json" for service in SERVICES)
EVENT_SCHEMAS = tuple(sorted((ROOT / SCHEMAS).glob("*.json")))
# As its authors deliver it, without a formatter behind it.
PYTHON_CLIENT = "post_hooks: []\nliteral_enums: true\n"
STRICT = ("--strict", "--noEmit", "--target", "es2022", "--module", "esnext", "--moduleResolution", "bundler")


def python_clients(folder: Path) -> None:
    """Make a client of each service; a warning, as of a part that is left out, is a failure."""
    config = folder / "config.yml"
    config.write_text(PYTHON_CLIENT)
    for document in OPENAPI:
        run(
            *(Path(sys.executable).parent / "openapi-python-client", "generate", "--fail-on-warning", "--meta", "none"),
            *("--config", config, "--path", document, "--output-path", folder / document.name.partition(".")[0]),
        )
    packages = [folder / service for service in SERVICES]
    run(sys.executable, "-m", "mypy", "--strict", "--no-incremental", "--config-file", "", *packages, cwd=folder)


def test_python_clients_of_all_services_compile_strictly() -> None:
    made = made_once("python", OPENAPI, python_clients)
    for service in SERVICES:
        assert list((made / service / "api").rglob("*.py")), service


def test_typescript_types_of_all_services_and_events_compile_strictly_and_so_does_who_uses_them(node: Node) -> None:
    def typescript(folder: Path) -> None:
        node("types.js", folder, *OPENAPI, *EVENT_SCHEMAS)
        shutil.copy(SCRIPTS / "consumer.ts", folder)
        node("typescript/bin/tsc", *STRICT, *sorted(folder.glob("*.ts")))

    made = made_once("typescript", (*OPENAPI, *EVENT_SCHEMAS), typescript)
    assert len(list(made.glob("*.ts"))) == len(OPENAPI) + len(EVENT_SCHEMAS) + 1


def integers(part: Any) -> list[dict[str, Any]]:
    if isinstance(part, list):
        return [found for inner in part for found in integers(inner)]
    if not isinstance(part, dict):
        return []
    mine = [part] if part.get("type") == "integer" else []
    return mine + [found for inner in part.values() for found in integers(inner)]


@pytest.mark.parametrize("document", [*OPENAPI, *ASYNCAPI, *EVENT_SCHEMAS], ids=lambda path: path.name)
def test_every_integer_takes_64_bits(document: Path) -> None:
    assert [found for found in integers(json.loads(document.read_text())) if found.get("format") != "int64"] == []
