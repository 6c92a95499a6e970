"""How a failure is answered: RFC 9457 problems with stable types to programs, a page in plain words to people."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, Literal

import structlog
from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import HTMLResponse, JSONResponse, PlainTextResponse, Response
from pydantic import BaseModel, Field
from pydantic.json_schema import SkipJsonSchema
from starlette.exceptions import HTTPException

from shared.messaging.failures import LostRace, is_infrastructure
from shared.mongodb import MongoError
from shared.refusal import Refusal
from shared.sentence import Sentence
from shared.web import places
from shared.web.auth import Access
from shared.web.challenges import challenge
from shared.web.codes import PLAIN_CODES, TITLES, OwnCode, RefusalCode
from shared.web.idempotency import KEY_HEADER, key_missing
from shared.web.pages import Pages
from shared.web.routes import Routes, is_api, line_of

PROBLEM_JSON = "application/problem+json"
RETRY_AFTER_SECONDS = 2
UNREADABLE = Sentence("The body cannot be read. Send it whole, in UTF-8, as its Content-Type says.")
UNREAD = {
    411: Sentence("Send the body with its Content-Length."),
    413: Sentence("Send at most {limit} bytes."),
}
ERRORS_MAX = 20

log = structlog.get_logger()


class FieldError(BaseModel):
    """One thing that is wrong: where, and what to do."""

    where: Annotated[
        Literal["body", "query", "header", "path", "cookie"], Field(alias="in", description="which part of the request")
    ]
    pointer: Annotated[
        str | SkipJsonSchema[None],
        Field(description='of the body: a JSON Pointer (RFC 6901) into it as it was sent; `""` is the whole body'),
    ] = None
    name: Annotated[str | SkipJsonSchema[None], Field(description="of all but the body: the name of the parameter")] = (
        None
    )
    detail: Annotated[str, Field(description="what is wrong, and what to do")]


class Problem(BaseModel):
    """RFC 9457 problem details; `code` is stable, `request_id` finds the request in the logs."""

    type: Annotated[str, Field(description="the address of a page that explains the code and says what to do")]
    title: Annotated[str, Field(description="the kind of failure in a few words, for people")]
    status: Annotated[int, Field(description="the HTTP status")]
    detail: Annotated[str, Field(description="what went wrong here and what to do, for people")]
    code: Annotated[str, Field(description="what went wrong, for programs; it never changes")]
    request_id: Annotated[str, Field(description="finds the request in our logs")]
    errors: Annotated[list[FieldError], Field(description="what is wrong, place by place")] = []


class Problems:
    """How one service answers every failure.

    `statuses` is its table of refusals, `access` that of its routes, `explained_at` the address of the pages that
    explain codes.
    """

    def __init__(
        self,
        *,
        statuses: Mapping[type[Refusal], int],
        pages: Pages,
        access: Mapping[str, Access] | None = None,
        routes: Routes | None = None,
        explained_at: str = "",
    ) -> None:
        self._statuses, self._pages, self._access = statuses, pages, access or {}
        self._routes, self._explained_at = routes, explained_at

    def install(self, app: FastAPI) -> None:
        """Let the app answer what its routes raise."""
        app.add_exception_handler(Refusal, self._refused)
        app.add_exception_handler(RequestValidationError, self._invalid)
        app.add_exception_handler(HTTPException, self._plain)
        for kind in (MongoError, LostRace, TimeoutError):
            app.add_exception_handler(kind, self._away)

    def unhandled(self, request: Request, failure: Exception) -> Response:
        """Answer what nobody expected: it is our fault, and the log has it under the request id."""
        log.error("request failed", exc_info=failure)
        detail = Sentence("It is in our log under the request id. Please try again later.")
        try:
            return self._answer(request, 500, "internal", detail)
        except Exception:
            log.exception("no page for a failure")
            return PlainTextResponse(detail, 500)

    def unread(self, request: Request, status: int, code: OwnCode, **facts: int) -> Response:
        """Answer a request whose body nobody will read."""
        return self._answer(request, status, code, Sentence(UNREAD[status].template, **facts))

    def unreadable(self, request: Request) -> Response:
        """Answer a body that is not JSON in UTF-8, or is nested too deeply."""
        return self._answer(request, 400, "body_unreadable", UNREADABLE)

    def wrong_values(self, request: Request, wrong: list[tuple[str, str]]) -> Response:
        """Answer a body with values that no JSON may hold; each is named by its JSON Pointer."""
        return self._mend(request, [{**places.in_body(pointer), "detail": detail} for pointer, detail in wrong])

    def _answer(
        self,
        request: Request,
        status: int,
        code: OwnCode | RefusalCode,
        detail: str,
        *,
        errors: list[dict[str, str]] | None = None,
        facts: Mapping[str, Any] | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> Response:
        title = TITLES.get(status, Sentence("The request was refused"))
        request_id = request.state.request_id
        headers = dict(headers or {})
        if status in (401, 403) and (challenge := self._challenge(request, status, code)):
            headers["WWW-Authenticate"] = challenge
        if is_api(request):
            # What the refusal adds may not take the place of a member that means something of its own.
            body = {
                **(facts or {}),
                "type": f"{self._explained_at}/{code}" if self._explained_at else "about:blank",
                "title": title,
                "status": status,
                "detail": detail,
                "code": code,
                "request_id": request_id,
                "errors": errors or [],
            }
            return JSONResponse(body, status, headers, media_type=PROBLEM_JSON)
        page = self._pages.render(
            "error.html", status=status, title=title, detail=detail, errors=errors or [], request_id=request_id
        )
        return HTMLResponse(page, status, headers)

    def _challenge(self, request: Request, status: int, code: str) -> str | None:
        token_came = request.headers.get("Authorization", "").lower().startswith("bearer ")
        return challenge(self._access.get(line_of(request) or ""), status, code, token_came=token_came)

    async def _refused(self, request: Request, refusal: Exception) -> Response:
        assert isinstance(refusal, Refusal)
        status = next((self._statuses[kind] for kind in type(refusal).__mro__ if kind in self._statuses), 409)
        errors = refusal.facts.get("errors", await self._named(request, refusal))
        again = refusal.facts.get("retry_after_seconds")
        headers = {"Retry-After": str(again)} if again else None
        code = RefusalCode(refusal.code)
        return self._answer(request, status, code, refusal.detail, errors=errors, facts=refusal.facts, headers=headers)

    async def _named(self, request: Request, refusal: Refusal) -> list[dict[str, str]]:
        """Return the field of a refusal by its place in the request; a page has only the field."""
        if not refusal.field:
            return []
        if not is_api(request) or self._routes is None:
            return [{**places.in_body(f"/{refusal.field}"), "detail": refusal.detail}]
        operation = self._routes.operation_of(request)
        try:
            body = await request.json() if operation.members else None
        except ValueError:
            body = None
        place = places.of_field(refusal.field, body, parameters=operation.parameters, members=operation.members)
        return [{**place, "detail": refusal.detail}] if place else []

    async def _invalid(self, request: Request, failure: Exception) -> Response:
        assert isinstance(failure, RequestValidationError)
        if not is_api(request):
            # Pages send nothing that their routes do not take: who gets here came by a broken address.
            detail = Sentence("The address or the form holds something that we cannot read. Go back and try again.")
            return self._answer(request, 422, "invalid_request", detail)
        found = failure.errors()[:ERRORS_MAX]
        if any(tuple(error["loc"]) == ("header", KEY_HEADER) for error in found):
            return await self._refused(request, key_missing())
        errors = [{**places.of_error(error, failure.body), "detail": str(error["msg"])} for error in found]
        return self._mend(request, errors)

    def _mend(self, request: Request, errors: list[dict[str, str]]) -> Response:
        errors = errors[:ERRORS_MAX]
        # Of a union each of its kinds may have something to say of one place.
        named = list({tuple(place.items()): place for place in map(_place, errors)}.values())
        detail = Sentence("Mend {places} and send it again.", places=places.in_words(named))
        return self._answer(request, 422, "invalid_request", detail, errors=errors)

    async def _plain(self, request: Request, failure: Exception) -> Response:
        assert isinstance(failure, HTTPException)
        code = PLAIN_CODES.get(failure.status_code, "request_refused")
        detail = str(failure.detail)
        if failure.status_code == 400:
            detail = UNREADABLE
        if failure.status_code == 404 and detail == "Not Found":
            detail = Sentence("Check the address, or start again from the first page.")
        headers = failure.headers
        if failure.status_code == 405 and self._routes is not None:
            # The framework names the methods of one route, and an address may have several.
            headers = {"Allow": self._routes.allowed(request.url.path)}
        return self._answer(request, failure.status_code, code, detail, headers=headers)

    async def _away(self, request: Request, failure: Exception) -> Response:
        if not is_infrastructure(failure):
            return self.unhandled(request, failure)
        log.warning("answered 503", failure=repr(failure)[:300])
        return self._answer(
            request,
            503,
            "unavailable",
            Sentence(
                "Our store does not answer at the moment. Nothing is lost; send the same request again in a moment."
            ),
            headers={"Retry-After": str(RETRY_AFTER_SECONDS)},
        )


def _place(error: Mapping[str, str]) -> places.Place:
    return {name: value for name, value in error.items() if name != "detail"}
