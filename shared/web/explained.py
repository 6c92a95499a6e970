"""Where the type of a problem leads: a page for each code, in the language of whoever opens it, and a list of all.

Every service has all of them, so a page opens while the service that answered is away.
"""

from __future__ import annotations

from fastapi import APIRouter
from fastapi.responses import HTMLResponse
from starlette.exceptions import HTTPException

from shared.contracts.problems.table import EXPLANATIONS
from shared.web.codes import TITLES
from shared.web.pages import Pages

LINES = frozenset({"GET /problems", "GET /problems/{code}"})


def router(pages: Pages) -> APIRouter:
    """Build the routes."""
    routes = APIRouter(include_in_schema=False)

    @routes.get("/problems")
    async def problems() -> HTMLResponse:
        return HTMLResponse(pages.render("problems.html", explanations=EXPLANATIONS))

    @routes.get("/problems/{code}")
    async def problem(code: str) -> HTMLResponse:
        explanation = EXPLANATIONS.get(code)
        if explanation is None:
            raise HTTPException(404)
        return HTMLResponse(
            pages.render("problem.html", code=code, explanation=explanation, title=TITLES[explanation.status])
        )

    return routes
