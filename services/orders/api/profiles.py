"""The addresses of profiles: how a beneficiary is called and shown, and its erasure."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Path, Request, Response

from services.orders.api.served import Served
from services.orders.api.shapes import ProfileChanged, ProfileShown
from shared.web.app import cause_of

ProfilePath = Annotated[str, Path(pattern=r"^ben_[0-9A-HJKMNP-TV-Z]{26}$", examples=["ben_" + "0" * 25 + "1"])]


def profile_router(served: Served) -> APIRouter:
    """Build the routes behind a profile's capability."""
    routes = APIRouter(tags=["profiles"])
    handlers, livemode = served.handlers, served.settings.livemode

    @routes.patch("/v1/beneficiaries/{beneficiary_id}", operation_id="change_beneficiary")
    async def change_beneficiary(request: Request, beneficiary_id: ProfilePath, asked: ProfileChanged) -> ProfileShown:
        """Call or show a beneficiary otherwise; a new name corrects the certificates of its last 30 days."""
        after = await handlers.rename(beneficiary_id, name=asked.name, board=asked.board, cause=cause_of(request))
        return ProfileShown.of(after, livemode=livemode)

    @routes.delete("/v1/beneficiaries/{beneficiary_id}", operation_id="erase_beneficiary", status_code=204)
    async def erase_beneficiary(request: Request, response: Response, beneficiary_id: ProfilePath) -> None:
        """Take every name off a beneficiary for ever; what it neutralised stays neutralised."""
        await handlers.erase(beneficiary_id, cause=cause_of(request))
        response.delete_cookie(beneficiary_id, path="/")

    return routes
