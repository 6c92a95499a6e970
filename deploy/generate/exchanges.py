"""What was sent and answered in a run, by operation: the examples of the OpenAPI documents."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
from starlette.routing import compile_path

ROOT = Path(__file__).resolve().parents[2]
SERVICES = Path("services")
# A committed document names no machine; what a service answers names its own public address.
EXAMPLE_URL = "https://diandian.example"
Exchange = dict[str, Any]
PROBLEM_JSON = "application/problem+json"


def file_of(service: str) -> Path:
    """Return where a service has its examples."""
    return ROOT / SERVICES / service / "api/examples.json"


@dataclass(frozen=True)
class Operation:
    """An operation of a service, and how its address is told."""

    service: str
    line: str
    document: Mapping[str, Any]
    pattern: re.Pattern[str]

    @property
    def id(self) -> str:
        """Its name in the document."""
        name: str = self.document["operationId"]
        return name


@dataclass
class Recorder:
    """Keeps the newest exchange of each operation that was done, and of each kind of refusal.

    `public_url` is where the copy says that it is; examples say `https://diandian.example` instead.
    """

    documents: Mapping[str, Mapping[str, Any]]
    public_url: str
    exchanges: dict[str, Exchange] = field(default_factory=dict)
    # As it went out, so that a refusal can be had by changing it.
    sent: dict[str, httpx.Request] = field(default_factory=dict)
    # Set while requests are sent that are to be refused: that one is taken all the same is no example.
    only_refusals: bool = False

    def __post_init__(self) -> None:
        self.operations = [
            Operation(service, f"{method.upper()} {path}", operation, compile_path(path)[0])
            for service, document in self.documents.items()
            for path, operations in document["paths"].items()
            for method, operation in operations.items()
        ]
        # What is spelled out goes before what stands for anything.
        self.operations.sort(key=lambda operation: "{" in operation.line)

    async def __call__(self, answer: httpx.Response) -> None:
        """Keep an answer; it is a hook of the client."""
        found = self._operation_of(answer.request)
        if found is None or (answer.is_success and self.only_refusals):
            return
        await answer.aread()
        operation, places = found
        exchange = self.exchanges.setdefault(operation.id, {"responses": {}})
        if answer.is_success:
            self.sent[operation.id] = answer.request
            responses = exchange["responses"]
            exchange.clear()
            exchange.update({**self._requested(operation, answer.request, places), "responses": responses})
        responses, status = operation.document["responses"], str(answer.status_code)
        if answer.is_success or answer.headers.get("Content-Type") == PROBLEM_JSON:
            exchange["responses"][status if status in responses else "default"] = self._body(answer)

    def line(self, name: str) -> str:
        """Return method and address of an operation."""
        return next(operation.line for operation in self.operations if operation.id == name)

    def files(self) -> dict[Path, str]:
        """Return the files of all services, in the order of their documents."""
        return {file_of(service): self._text(service) for service in self.documents}

    def missing(self) -> list[str]:
        """Name each answer that a document names and that was not had, and each body that was not sent."""
        return [f"{operation.id} {what}" for operation in self.operations for what in self.lacks(operation.id)]

    def lacks(self, name: str) -> list[str]:
        """Name what is missing of an operation."""
        document = next(operation.document for operation in self.operations if operation.id == name)
        exchange = self.exchanges.get(name, {"responses": {}})
        needed = [*(["body"] if "requestBody" in document else []), *document["responses"]]
        return [what for what in needed if what not in exchange and what not in exchange["responses"]]

    def _text(self, service: str) -> str:
        mine = [operation.id for operation in self.operations if operation.service == service]
        kept = {name: self.exchanges[name] for name in sorted(mine) if name in self.exchanges}
        return json.dumps(kept, indent=1, ensure_ascii=False).replace(self.public_url, EXAMPLE_URL) + "\n"

    def _operation_of(self, request: httpx.Request) -> tuple[Operation, dict[str, str]] | None:
        for operation in self.operations:
            if operation.line.startswith(f"{request.method} ") and (found := operation.pattern.match(request.url.path)):
                return operation, found.groupdict()
        return None

    def _requested(self, operation: Operation, request: httpx.Request, places: Mapping[str, str]) -> Exchange:
        came: dict[str, Mapping[str, str]] = {"path": places, "query": request.url.params, "header": request.headers}
        requested: Exchange = {}
        for parameter in operation.document.get("parameters", ()):
            name, where = parameter["name"], parameter["in"]
            if (text := came[where].get(name)) is not None:
                value = int(text) if parameter["schema"].get("type") == "integer" else text
                requested.setdefault(where, {})[name] = value
        return {**requested, "body": json.loads(request.content)} if request.content else requested

    @staticmethod
    def _body(answer: httpx.Response) -> Any:
        if answer.content and "json" in answer.headers.get("Content-Type", ""):
            return answer.json()
        return answer.text or None
