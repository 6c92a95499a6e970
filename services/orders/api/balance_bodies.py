"""What an organiser sends, and what its balance looks like."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Self

from pydantic import BaseModel, Field

from services.orders.api.requests import NameText, RequestBody
from services.orders.domain.balance.balance import Balance, Chain, Share, Standing
from services.orders.domain.beneficiary.beneficiary import Naming
from shared.contracts.calculator import ScenePublished
from shared.contracts.event import ProjectId
from shared.contracts.orders import Board
from shared.web.lists import ListResponse
from shared.web.livemode import Livemode


class OrganiserNaming(RequestBody):
    """How the organiser is to be called on its certificates and shown on boards; the name is needed once."""

    name: Annotated[NameText, Field(description="stands on its certificates")]
    board: Annotated[
        Board | None, Field(description="how boards show it: by its alias, by its name, or not at all; null: as before")
    ] = None

    @property
    def naming(self) -> Naming:
        """Itself in the domain's words."""
        return Naming("organiser", self.name, self.board)


class RestRequest(RequestBody):
    """An order over what is left of a closed scene. `listing_version` is what the organiser saw."""

    project_id: Annotated[ProjectId, Field(description="the project whose credits are bought")]
    listing_version: Annotated[
        int, Field(ge=1, strict=True, description="the version of the listing that the organiser saw")
    ]
    beneficiary: Annotated[
        OrganiserNaming | None, Field(description="how the organiser is called; needed once, null: as before")
    ] = None
    mandate_version: Annotated[str, Field(description="the mandate that the organiser gives; quotes show it")]


class StrikeRequest(RequestBody):
    """Why the organiser does not answer for a footprint; no names of persons."""

    reason: Annotated[
        str,
        Field(
            min_length=1,
            max_length=200,
            examples=["entered for a joke"],
            description="is shown to the organiser and to auditors; no names of persons",
        ),
    ]


class ShareResponse(BaseModel):
    """A part of a scene's footprints; `own_g` of its mass are the organiser's own account."""

    footprints: Annotated[int, Field(description="how many")]
    mass_g: Annotated[int, Field(description="their mass, in grams")]
    own_g: Annotated[int, Field(description="of it the organiser's own account, in grams")]

    @classmethod
    def of(cls, share: Share) -> Self:
        """Show a share."""
        return cls(footprints=share.footprints, mass_g=share.grams, own_g=share.own_grams)


class BalanceResponse(BaseModel):
    """A scene's counting footprints: left to its organiser, covered by live orders, or struck."""

    scene_id: Annotated[str, Field(description="the scene")]
    scene_names: Annotated[dict[str, str], Field(description="its name by language tag")]
    scene_status: Annotated[str, Field(description="what is left is ordered once it is `closed`")]
    livemode: Livemode
    left: Annotated[ShareResponse, Field(description="what nobody neutralises yet")]
    covered: Annotated[ShareResponse, Field(description="what orders cover that are alive or completed")]
    struck: Annotated[ShareResponse, Field(description="what the organiser does not answer for")]

    @classmethod
    def of(cls, scene: ScenePublished, balance: Balance, *, livemode: bool) -> Self:
        """Show a balance."""
        return cls(
            scene_id=scene.scene_id,
            scene_names=scene.names,
            scene_status=scene.status,
            livemode=livemode,
            left=ShareResponse.of(balance.left),
            covered=ShareResponse.of(balance.covered),
            struck=ShareResponse.of(balance.struck),
        )


class CountedResponse(BaseModel):
    """A counting footprint of a scene, and how it stands."""

    footprint_id: Annotated[str, Field(description="the footprint that counts of its chain")]
    role: Annotated[str, Field(description="whose it is: a guest's, or the organiser's own account")]
    mass_g: Annotated[int, Field(description="its mass, in grams")]
    standing: Annotated[Standing, Field(description="left, covered by an order, or struck")]
    struck_reason: Annotated[str | None, Field(description="why it is struck; null: it is not")]
    struck_at: Annotated[datetime | None, Field(description="since when it is struck; null: it is not")]

    @classmethod
    def of(cls, chain: Chain) -> Self:
        """Show the counting footprint of a chain."""
        return cls(
            footprint_id=chain.footprint_id,
            role=chain.role,
            mass_g=chain.grams,
            standing=chain.standing,
            struck_reason=chain.struck.reason if chain.struck else None,
            struck_at=chain.struck.at if chain.struck else None,
        )


class CountedPage(ListResponse[CountedResponse]):
    """Counting footprints that stand alike."""

    livemode: Livemode
