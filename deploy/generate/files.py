"""Which files follow from the code, and what stands in each."""

from __future__ import annotations

import importlib
import json
from pathlib import Path
from typing import Any

from deploy.generate.asyncapi import asyncapi
from deploy.generate.cards import with_tables
from deploy.generate.exchanges import EXAMPLE_URL
from deploy.generate.schemas import name_of, schema
from deploy.server.runtime import runtime
from deploy.settings import settings_of
from shared.contracts.topics import EVENTS, SERVICES

ROOT = Path(__file__).resolve().parents[2]
SCHEMAS = Path("shared/contracts/schemas")
REFERENCE = Path("docs/reference")
RUNTIME = Path("deploy/server/runtime.txt")


def generated() -> dict[Path, str]:
    """Return every generated file by its path below the root."""
    files = {SCHEMAS / name_of(event): _json(schema(event)) for event in EVENTS}
    for service in SERVICES:
        files[REFERENCE / f"{service}.asyncapi.json"] = _json(asyncapi(service))
        files[REFERENCE / f"{service}.openapi.json"] = _json(openapi(service))
    files[Path("ARCHITECTURE.md")] = with_tables((ROOT / "ARCHITECTURE.md").read_text())
    files[RUNTIME] = runtime(ROOT)
    return files


def openapi(service: str) -> dict[str, Any]:
    """Return a service's OpenAPI document, as it is wherever the service runs."""
    app = importlib.import_module(f"services.{service}.app")
    settings = settings_of(service).model_copy(update={"public_url": EXAMPLE_URL})
    document: dict[str, Any] = app.create_app(settings).openapi()
    return document


def _json(document: dict[str, Any]) -> str:
    return json.dumps(document, indent=2, ensure_ascii=False, sort_keys=False) + "\n"
