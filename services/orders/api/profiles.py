"""The addresses of profiles, for programs and for people: how a beneficiary is called and shown, and its erasure."""

from __future__ import annotations

from typing import Annotated, Literal

from fastapi import APIRouter, Form, Path, Request, Response
from fastapi.responses import HTMLResponse, RedirectResponse

from services.orders.api.dependencies import Dependencies
from services.orders.api.requests import ProfileChanged
from services.orders.api.responses import ProfileResponse
from services.orders.domain.beneficiary.beneficiary import check_not_erased
from shared.contracts.orders import Board
from shared.web.app import cause_of

ProfilePath = Annotated[
    str,
    Path(pattern=r"^ben_[0-9A-HJKMNP-TV-Z]{26}$", description="the beneficiary", examples=["ben_" + "0" * 25 + "1"]),
]


def profile_router(deps: Dependencies) -> APIRouter:
    """Build the routes behind a profile's capability."""
    routes = APIRouter(tags=["profiles"])
    beneficiaries, livemode = deps.handlers.beneficiaries, deps.settings.livemode

    @routes.patch("/v1/beneficiaries/{beneficiary_id}", operation_id="change_beneficiary")
    async def change_beneficiary(
        request: Request, beneficiary_id: ProfilePath, body: ProfileChanged
    ) -> ProfileResponse:
        """Call or show a beneficiary otherwise; a new name corrects the certificates of its last 30 days."""
        after = await beneficiaries.rename(beneficiary_id, name=body.name, board=body.board, cause=cause_of(request))
        return ProfileResponse.of(after, livemode=livemode)

    @routes.delete("/v1/beneficiaries/{beneficiary_id}", operation_id="erase_beneficiary", status_code=204)
    async def erase_beneficiary(request: Request, response: Response, beneficiary_id: ProfilePath) -> None:
        """Take every name off a beneficiary for ever; what it neutralised stays neutralised."""
        await beneficiaries.erase(beneficiary_id, cause=cause_of(request))
        response.delete_cookie(beneficiary_id, path="/")

    @routes.get("/orders/profiles/{beneficiary_id}", include_in_schema=False)
    async def profile_page(beneficiary_id: ProfilePath, *, saved: bool = False) -> HTMLResponse:
        """Show how boards show the profile."""
        loaded = await deps.store.beneficiary(beneficiary_id)
        assert loaded is not None, "the guard has seen it"
        check_not_erased(loaded.value)
        page = deps.pages.render(
            "profile.html",
            beneficiary_id=beneficiary_id,
            called=loaded.value.name or "",
            alias=loaded.value.alias or "",
            board=loaded.value.board,
            saved=saved,
        )
        return HTMLResponse(page)

    @routes.post("/orders/profiles/{beneficiary_id}", include_in_schema=False)
    async def change_profile(
        request: Request, beneficiary_id: ProfilePath, do: Annotated[Literal[Board, "erase"], Form()]
    ) -> RedirectResponse:
        """Show the profile on boards as chosen, or erase its names."""
        if do == "erase":
            await beneficiaries.erase(beneficiary_id, cause=cause_of(request))
            erased = RedirectResponse("/boards/people", 303)
            erased.delete_cookie(beneficiary_id, path="/")
            return erased
        await beneficiaries.rename(beneficiary_id, name=None, board=do, cause=cause_of(request))
        return RedirectResponse(f"/orders/profiles/{beneficiary_id}?saved=1", 303)

    return routes
