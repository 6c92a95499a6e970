"""Reads the OpenAPI documents as outsiders get them: their operations, what they refer to, what their schemas take."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from jsonschema import Draft202012Validator

from shared.contracts.topics import SERVICES

REFERENCE = Path(__file__).resolve().parents[2] / "docs/reference"
Json = dict[str, Any]


@dataclass(frozen=True)
class Operation:
    """An operation of one document."""

    document: Json
    path: str
    method: str

    @property
    def here(self) -> Json:
        """What the document says of it."""
        found: Json = self.document["paths"][self.path][self.method]
        return found

    @property
    def id(self) -> str:
        return str(self.here.get("operationId"))

    def parameters(self, where: str = "") -> dict[str, Json]:
        """Return its parameters by name, of one place or of all."""
        return {one["name"]: one for one in self.here.get("parameters", ()) if where in ("", one["in"])}

    def bodies(self) -> Iterator[tuple[str, Json]]:
        """Return what is sent and answered, by a name for each."""
        for content in self.here.get("requestBody", {}).get("content", {}).values():
            yield "request", content
        for status, answer in self.here["responses"].items():
            for content in answer.get("content", {}).values():
                yield status, content

    def resolved(self, schema: Json) -> Json:
        """Return the schema that is meant."""
        while "$ref" in schema:
            schema = self.document["components"]["schemas"][schema["$ref"].rpartition("/")[2]]
        return schema

    def wrong(self, value: Any, schema: Json) -> list[str]:
        """Return what a value has against the schema."""
        whole = {**schema, "components": self.document["components"]}
        return [f"{error.json_path}: {error.message}" for error in Draft202012Validator(whole).iter_errors(value)]


def documents() -> dict[str, Json]:
    """Return the committed documents by service."""
    return {service: json.loads((REFERENCE / f"{service}.openapi.json").read_text()) for service in SERVICES}


def operations(document: Json) -> list[Operation]:
    """Return all operations of a document."""
    return [Operation(document, path, method) for path, methods in document["paths"].items() for method in methods]


def parts(part: Any) -> Iterator[Json]:
    """Return every object inside a part of a document, but for examples, which are no part of it."""
    if isinstance(part, list):
        for inner in part:
            yield from parts(inner)
    if isinstance(part, dict):
        yield part
        for name, inner in part.items():
            if name not in ("example", "examples"):
                yield from parts(inner)
