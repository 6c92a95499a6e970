"""What a service's OpenAPI document says beside what its routes do: refusals are problems, and who may call."""

from __future__ import annotations

import json
from collections.abc import Mapping
from importlib.resources import files
from typing import Any

from shared.web.auth import CAPABILITY_HEADER, Access, Capability, Scope, Signature
from shared.web.problems import PROBLEM_JSON

PROBLEM = {"$ref": "#/components/schemas/Problem"}
SCHEMES: Mapping[str, dict[str, str]] = {
    "token": {"type": "http", "scheme": "bearer", "bearerFormat": "JWT", "description": "of staff and machines"},
    "capability": {
        "type": "apiKey",
        "in": "header",
        "name": CAPABILITY_HEADER,
        "description": "given when the object was made; a browser may show it as a cookie named by the object's id",
    },
}


def complete(
    document: dict[str, Any], access: Mapping[str, Access], recorded: Mapping[str, Any] | None = None
) -> dict[str, Any]:
    """Return the document with the media type of problems, what each guarded operation asks for, and examples.

    `recorded` holds, by operation id, what was sent and answered in a run.
    """
    for path, operations in document["paths"].items():
        for method, operation in operations.items():
            for answer in operation["responses"].values():
                _as_problem(answer.get("content", {}))
            named = access[f"{method.upper()} {path}"]
            if asks_for := _security(named):
                operation["security"] = [asks_for]
                operation["responses"] |= _challenges(named)
            _show(operation, (recorded or {}).get(operation["operationId"], {}))
    document["components"]["securitySchemes"] = {**SCHEMES, **_signatures(access)}
    say_int64(document)
    return document


def recorded_of(package: str) -> dict[str, Any]:
    """Return what was sent and answered in a run, which a service has as `examples.json` beside its routes."""
    found: dict[str, Any] = json.loads((files(package) / "examples.json").read_text(encoding="utf-8"))
    return found


def _show(operation: dict[str, Any], recorded: Mapping[str, Any]) -> None:
    """Put the examples that were recorded of an operation where they belong."""
    for parameter in operation.get("parameters", ()):
        if (value := recorded.get(parameter["in"], {}).get(parameter["name"])) is not None:
            parameter["example"] = value
    if "body" in recorded:
        for content in operation["requestBody"]["content"].values():
            content["example"] = recorded["body"]
    for status, answer in recorded.get("responses", {}).items():
        shown = operation["responses"][status]
        if "content" in shown:
            # Two answers may share what is said of both.
            content = {kind: {**one, "example": answer} for kind, one in shown["content"].items()}
            operation["responses"][status] = {**shown, "content": content}


def say_int64(part: Any) -> None:
    """Put `format: int64` at every integer of a document: without it generators make 32-bit ones.

    Grams pass 2**31, which is 2,147 t.
    """
    if isinstance(part, dict):
        if part.get("type") == "integer":
            part["format"] = "int64"
        for inner in part.values():
            say_int64(inner)
    elif isinstance(part, list):
        for inner in part:
            say_int64(inner)


def _as_problem(content: dict[str, Any]) -> None:
    """FastAPI gives a refusal the media type of the answer."""
    if content.get("application/json", {}).get("schema") == PROBLEM:
        content[PROBLEM_JSON] = content.pop("application/json")


def _security(named: Access) -> dict[str, list[str]] | None:
    if isinstance(named, Scope):
        return {"token": [named.name]}
    if isinstance(named, Signature):
        return {named.header: []}
    return {"capability": []} if isinstance(named, Capability) else None


def _challenges(named: Access) -> dict[str, dict[str, Any]]:
    """Return the answers that say in WWW-Authenticate what to show instead."""
    answer = {
        "headers": {"WWW-Authenticate": {"description": "what to show (RFC 6750)", "schema": {"type": "string"}}},
        "content": {PROBLEM_JSON: {"schema": PROBLEM}},
    }
    answers = {"401": {"description": "nothing was shown, or something that is not accepted", **answer}}
    if isinstance(named, Scope):
        answers["403"] = {"description": "the token lacks the scope, or is not of whom this belongs to", **answer}
    return answers


def _signatures(access: Mapping[str, Access]) -> dict[str, dict[str, str]]:
    headers = [named.header for named in access.values() if isinstance(named, Signature)]
    described = "of the payment provider, over the body as it was sent"
    return {name: {"type": "apiKey", "in": "header", "name": name, "description": described} for name in headers}
