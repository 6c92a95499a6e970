"""Who may do what: capabilities of guests, scopes of staff and machines, and the table that names every route."""

from __future__ import annotations

import hashlib
import hmac
import re
import secrets
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass

from fastapi import Request
from starlette.routing import BaseRoute

from shared.refusal import Refusal
from shared.sentence import Sentence
from shared.web.idempotency import crockford
from shared.web.issuer import InvalidToken, Issuer
from shared.web.routes import is_api, line_of

CAPABILITY_HEADER = "Diandian-Capability"
_OBJECT_ID = re.compile(r"\b(fp|ord|ben)_[0-9A-HJKMNP-TV-Z]{26}\b")


class Unauthenticated(Refusal):
    """Nothing was shown that says who asks (401)."""

    code = "unauthenticated"


class Forbidden(Refusal):
    """What was shown does not allow this (403)."""

    code = "forbidden"


class InsufficientScope(Forbidden):
    """The token lacks the scope of the route (403)."""

    code = "insufficient_scope"


@dataclass(frozen=True)
class Public:
    """Anybody may."""


@dataclass(frozen=True)
class Scope:
    """A bearer JWT of the issuer with this scope."""

    name: str


@dataclass(frozen=True)
class Capability:
    """The capability of the object whose id stands in the path under this parameter."""

    kind: str
    parameter: str


@dataclass(frozen=True)
class Signature:
    """A signature over the body in this header; the route itself checks it."""

    header: str


Access = Public | Scope | Capability | Signature
PUBLIC = Public()
HashOf = Callable[[str], Awaitable[str | None]]


class TokenExchanged(Exception):
    """A capability came in a link: it becomes a cookie, and the link is left behind."""

    def __init__(self, *, location: str, name: str, token: str) -> None:
        super().__init__(location)
        self.location, self.name, self.token = location, name, token


def token_of(secret: str, kind: str, object_id: str, key: str) -> str:
    """Return the capability of an object that a keyed request makes: 128 bits as 26 Crockford characters.

    The same request gives the same token again, so that nothing needs to store it.
    """
    digest = hmac.digest(secret.encode(), f"{kind}\x1f{object_id}\x1f{key}".encode(), "sha256")
    return crockford(int.from_bytes(digest[:16], "big"), 26)


def hash_of(kind: str, object_id: str, token: str) -> str:
    """Return what is stored, and published in events, of a capability: SHA-256 of `kind:id:token`."""
    return hashlib.sha256(f"{kind}:{object_id}:{token}".encode()).hexdigest()


def presented(request: Request, object_id: str) -> str | None:
    """Return the capability that the request presents for the object: its cookie, else the header."""
    return request.cookies.get(object_id) or request.headers.get(CAPABILITY_HEADER)


class Guard:
    """Holds every request against the access table before its route runs."""

    def __init__(self, table: Mapping[str, Access], *, hashes: Mapping[str, HashOf], issuer: Issuer) -> None:
        self._table, self._hashes, self._issuer = table, hashes, issuer

    def check_complete(self, routes: Sequence[BaseRoute], *, open_to_all: set[str]) -> None:
        """Raise LookupError naming each route without a line, and each line without a route."""
        found = {line for route in routes for line in _lines(route)} - open_to_all
        if missing := sorted(found - set(self._table)):
            raise LookupError(f"no line in the access table for {missing}")
        if dead := sorted(set(self._table) - found):
            raise LookupError(f"no route for the lines {dead} of the access table")

    async def __call__(self, request: Request) -> None:
        """Let the request pass and note its caller, or raise Unauthenticated, Forbidden or TokenExchanged."""
        access = self._table[line_of(request) or ""]
        request.state.caller = "guest"
        if request.method == "GET" and not is_api(request) and (token := request.query_params.get("t")):
            await self._exchange(request, token)
        if isinstance(access, Scope):
            await self._check_scope(request, access)
        elif isinstance(access, Capability):
            await self._check_capability(request, access)

    async def _exchange(self, request: Request, token: str) -> None:
        """Let a link's token become a cookie, if it fits: a wrong one must not take the place of a right one."""
        named = _OBJECT_ID.search(request.url.path)
        if named is None or (hash_of_kind := self._hashes.get(named[1])) is None:
            return
        object_id, kind = named[0], named[1]
        stored = await hash_of_kind(object_id)
        if stored is None or not secrets.compare_digest(stored, hash_of(kind, object_id, token)):
            raise Forbidden(Sentence("This link does not open it. Use the one that was given when it was made."))
        location = request.url.remove_query_params("t")
        query = f"?{location.query}" if location.query else ""
        raise TokenExchanged(location=location.path + query, name=object_id, token=token)

    async def _check_scope(self, request: Request, access: Scope) -> None:
        scheme, _, token = request.headers.get("Authorization", "").partition(" ")
        if scheme.lower() != "bearer" or not token:
            raise Unauthenticated(f"Send a bearer token with the scope {access.name}.")
        try:
            claims = await self._issuer.claims(token)
        except InvalidToken as wrong:
            raise Unauthenticated(str(wrong)) from None
        if access.name not in str(claims.get("scope", "")).split():
            raise InsufficientScope(f"The token lacks the scope {access.name}. Get one that has it.")
        request.state.caller = str(claims["sub"])
        request.state.claims = claims

    async def _check_capability(self, request: Request, access: Capability) -> None:
        object_id = request.path_params[access.parameter]
        token = presented(request, object_id)
        if token is None:
            raise Unauthenticated(
                Sentence(
                    "Open this with the link given when it was made, or send its capability in {header}.",
                    header=CAPABILITY_HEADER,
                )
            )
        stored = await self._hashes[access.kind](object_id)
        offered = hash_of(access.kind, object_id, token)
        if stored is None or not secrets.compare_digest(stored, offered):
            raise Forbidden(Sentence("The capability does not fit. Open the link that was given when this was made."))
        request.state.caller = offered


def _lines(route: BaseRoute) -> set[str]:
    # FastAPI keeps a router that was included as it is.
    if (router := getattr(route, "original_router", None)) is not None:
        return {line for inner in router.routes for line in _lines(inner)}
    methods = getattr(route, "methods", None)
    path = getattr(route, "path", None)
    if methods is None or path is None:
        return set()
    return {f"{method} {path}" for method in methods if method != "HEAD"}
