"""How a failure is told: RFC 9457 problems with stable types to programs, a page in plain words to people."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import structlog
from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import HTMLResponse, JSONResponse, Response
from pydantic import BaseModel
from starlette.exceptions import HTTPException

from shared.messaging.failures import LostRace, is_infrastructure
from shared.mongodb import MongoError
from shared.refusal import Refusal
from shared.sentence import Sentence
from shared.web.pages import Pages

PROBLEM_JSON = "application/problem+json"
RETRY_AFTER_SECONDS = 2
TITLES = {
    400: Sentence("The request is incomplete"),
    401: Sentence("This opens only with its own link or a token"),
    403: Sentence("This is not yours to do"),
    404: Sentence("There is nothing here"),
    405: Sentence("This address does not take that method"),
    409: Sentence("That does not fit the present state"),
    411: Sentence("Say how long it is"),
    412: Sentence("It has changed since you looked"),
    413: Sentence("That is too large"),
    415: Sentence("That kind of content is not understood"),
    422: Sentence("Something in the request is not right"),
    428: Sentence("Say which version you change"),
    429: Sentence("Too many requests"),
    500: Sentence("Something went wrong on our side"),
    503: Sentence("Not available right now"),
}

log = structlog.get_logger()


class FieldError(BaseModel):
    """One thing that is wrong: where (a JSON Pointer into the body, or the parameter), and what to do."""

    pointer: str
    detail: str


class Problem(BaseModel):
    """RFC 9457 problem details; `type` and `code` are stable, `request_id` finds the request in the logs."""

    type: str
    title: str
    status: int
    detail: str
    code: str
    request_id: str
    errors: list[FieldError] = []


def install(app: FastAPI, *, statuses: Mapping[type[Refusal], int], pages: Pages) -> None:
    """Let the app answer every failure; `statuses` is the service's table of refusals."""

    def answer(
        request: Request,
        status: int,
        code: str,
        detail: str,
        *,
        errors: list[dict[str, str]] | None = None,
        facts: Mapping[str, Any] | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> Response:
        title = TITLES.get(status, Sentence("The request was refused"))
        request_id = getattr(request.state, "request_id", "")
        if is_api(request):
            # What the refusal adds may not take the place of a member that means something of its own.
            body = {
                **(facts or {}),
                "type": f"/problems/{code}",
                "title": title,
                "status": status,
                "detail": detail,
                "code": code,
                "request_id": request_id,
                "errors": errors or [],
            }
            return JSONResponse(body, status, dict(headers or {}), media_type=PROBLEM_JSON)
        page = pages.render(
            "error.html", status=status, title=title, detail=detail, errors=errors or [], request_id=request_id
        )
        return HTMLResponse(page, status, dict(headers or {}))

    async def refused(request: Request, refusal: Exception) -> Response:
        assert isinstance(refusal, Refusal)
        status = next((statuses[kind] for kind in type(refusal).__mro__ if kind in statuses), 409)
        named = [{"pointer": f"/{refusal.field}", "detail": refusal.detail}] if refusal.field else []
        errors = refusal.facts.get("errors", named)
        again = refusal.facts.get("retry_after_seconds")
        headers = {"Retry-After": str(again)} if again else None
        return answer(
            request, status, refusal.code, refusal.detail, errors=errors, facts=refusal.facts, headers=headers
        )

    async def invalid(request: Request, failure: Exception) -> Response:
        assert isinstance(failure, RequestValidationError)
        if not is_api(request):
            # Pages send nothing that their routes do not take: who gets here came by a broken address.
            detail = Sentence("The address or the form holds something that we cannot read. Go back and try again.")
            return answer(request, 422, "invalid_request", detail)
        errors = [{"pointer": _pointer(error), "detail": str(error["msg"])} for error in failure.errors()[:20]]
        places = ", ".join(error["pointer"] for error in errors)
        detail = Sentence("Mend {places} and send it again.", places=places)
        return answer(request, 422, "invalid_request", detail, errors=errors)

    async def plain(request: Request, failure: Exception) -> Response:
        assert isinstance(failure, HTTPException)
        codes = {400: "body_unreadable", 404: "not_found", 405: "method_not_allowed"}
        code = codes.get(failure.status_code, f"http_{failure.status_code}")
        detail = str(failure.detail)
        if failure.status_code == 400:
            detail = Sentence("The body cannot be read. Send it whole, in UTF-8, as its Content-Type says.")
        if failure.status_code == 404 and detail == "Not Found":
            detail = Sentence("Check the address, or start again from the first page.")
        return answer(request, failure.status_code, code, detail, headers=failure.headers)

    async def away(request: Request, failure: Exception) -> Response:
        if not is_infrastructure(failure):
            return await broken(request, failure)
        log.warning("answered 503", path=request.url.path, failure=repr(failure)[:300])
        return answer(
            request,
            503,
            "unavailable",
            Sentence(
                "Our store does not answer at the moment. Nothing is lost; send the same request again in a moment."
            ),
            headers={"Retry-After": str(RETRY_AFTER_SECONDS)},
        )

    async def broken(request: Request, failure: Exception) -> Response:
        log.error("request failed", path=request.url.path, exc_info=failure)
        detail = Sentence("It is in our log under the request id. Please try again later.")
        return answer(request, 500, "internal", detail)

    app.add_exception_handler(Refusal, refused)
    app.add_exception_handler(RequestValidationError, invalid)
    app.add_exception_handler(HTTPException, plain)
    for kind in (MongoError, LostRace, TimeoutError):
        app.add_exception_handler(kind, away)
    app.add_exception_handler(Exception, broken)


def _pointer(error: Mapping[str, Any]) -> str:
    # Of a body that is no JSON the place is the number of a byte, which points to nothing.
    steps = () if error["type"] == "json_invalid" else error["loc"][1:]
    return "/" + "/".join(str(step) for step in steps)


def unread(request: Request, status: int, code: str, detail: str) -> Response:
    """Answer a request whose body nobody will read."""
    request_id = request.state.request_id
    body = {"type": f"/problems/{code}", "title": TITLES[status], "status": status, "detail": detail, "code": code}
    return JSONResponse({**body, "request_id": request_id, "errors": []}, status, media_type=PROBLEM_JSON)


def is_api(request: Request) -> bool:
    """Programs ask under /v1; all else is a page for people."""
    return request.url.path.startswith(("/v1/", "/health", "/metrics"))
