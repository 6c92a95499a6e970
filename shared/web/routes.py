"""What the routes of a service take: the methods of an address, and the parameters and members of an operation."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

from fastapi import Request
from starlette.routing import compile_path

from shared.refusal import Refusal


class ParametersUnknown(Refusal):
    """The query has parameters that the operation does not take (422)."""

    code = "invalid_request"


class ConditionNotTaken(Refusal):
    """The request has a condition that the operation would not look at (422)."""

    code = "precondition_not_taken"


@dataclass(frozen=True)
class Operation:
    """What a route for programs takes: its parameters by where they stand, and what its body may have at its top."""

    parameters: Mapping[str, Collection[str]] = field(default_factory=dict)
    members: Collection[str] = ()


NOTHING = Operation()
# Caches send conditions with what they read, and lose nothing when they get the whole.
READS = ("GET", "HEAD", "OPTIONS")
CONDITIONS = ("If-Match", "If-None-Match", "If-Unmodified-Since")


class Routes:
    """The routes of one service, by the lines of its access table, and by its OpenAPI document for what they take."""

    def __init__(self, lines: Iterable[str], document: Callable[[], dict[str, Any]]) -> None:
        self._methods = [(compile_path(path)[0], method) for method, path in map(str.split, lines)]
        self._document = document

    def allowed(self, path: str) -> str:
        """Return the methods that an address takes, as the header Allow lists them."""
        methods = {method for pattern, method in self._methods if pattern.fullmatch(path)}
        return ", ".join(sorted(methods | ({"HEAD"} if "GET" in methods else set())))

    def operation_of(self, request: Request) -> Operation:
        """Return what the route of a request takes; nothing of one that no program asks for."""
        return self._operations.get(line_of(request) or "", NOTHING)

    async def refuse_unknown(self, request: Request) -> None:
        """Raise ParametersUnknown for what the query has beside what its route takes; pages may get anything."""
        if not is_api(request):
            return
        known = self.operation_of(request).parameters.get("query", ())
        unknown = [name for name in dict.fromkeys(request.query_params) if name not in known]
        if unknown:
            takes = f"It takes {', '.join(known)}." if known else "It takes none."
            raise ParametersUnknown(
                f"This address takes no query parameter {' or '.join(unknown)}. {takes}",
                errors=[{"in": "query", "name": name, "detail": f"Leave it out. {takes}"} for name in unknown],
            )

    async def refuse_untaken(self, request: Request) -> None:
        """Raise ConditionNotTaken for a condition of a write that its route would pass over."""
        if not is_api(request) or request.method in READS:
            return
        taken = self.operation_of(request).parameters.get("header", ())
        for name in CONDITIONS:
            if name in request.headers and name not in taken:
                raise ConditionNotTaken(
                    f"This operation looks at no {name}. Leave it out, if you want it done whatever is there.",
                    errors=[{"in": "header", "name": name, "detail": "Leave it out."}],
                )

    @cached_property
    def _operations(self) -> dict[str, Operation]:
        document = self._document()
        return {
            f"{method.upper()} {path}": Operation(_parameters(operation), _members(operation, document))
            for path, operations in document["paths"].items()
            for method, operation in operations.items()
        }


def line_of(request: Request) -> str | None:
    """Return the line of the access table for a request; none before its route is found."""
    path = getattr(request.scope.get("route"), "path", None)
    return f"{'GET' if request.method == 'HEAD' else request.method} {path}" if path else None


def is_api(request: Request) -> bool:
    """Programs ask under /v1; all else is a page for people."""
    return request.url.path.startswith(("/v1/", "/health", "/metrics"))


def _parameters(operation: Mapping[str, Any]) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    for parameter in operation.get("parameters", ()):
        found.setdefault(parameter["in"], []).append(parameter["name"])
    return found


def _members(operation: Mapping[str, Any], document: Mapping[str, Any]) -> list[str]:
    return [
        member
        for content in operation.get("requestBody", {}).get("content", {}).values()
        for shape in (content["schema"], *content["schema"].get("anyOf", ()))
        for member in _resolved(shape, document).get("properties", ())
    ]


def _resolved(shape: Mapping[str, Any], document: Mapping[str, Any]) -> Mapping[str, Any]:
    found: Mapping[str, Any] = document["components"]["schemas"].get(shape.get("$ref", "/").rpartition("/")[2], shape)
    return found
