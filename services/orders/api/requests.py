"""What programs send to orders."""

from __future__ import annotations

from typing import Annotated, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

from services.orders.domain.beneficiary.beneficiary import Naming
from services.orders.domain.order.claim import FOOTPRINTS_MAX
from services.orders.domain.order.offers import ORDER_GRAMS_MAX, ORDER_MONEY_FEN_MAX
from services.orders.handlers.sandbox import Method
from shared.contracts.event import BeneficiaryId, Country, FootprintId, ProjectId
from shared.contracts.orders import Board

Mass = Annotated[int, Field(gt=0, le=ORDER_GRAMS_MAX, strict=True, description="whole grams")]
Money = Annotated[int, Field(gt=0, le=ORDER_MONEY_FEN_MAX, strict=True, description="fen, for credits alone")]
Token = Annotated[str, Field(min_length=1, max_length=64, description="the capability that came with the object")]
# Longer texts are refused before anybody looks at them; what a name may be, the domain decides.
NameText = Annotated[str, Field(max_length=200, examples=["Lin Yue"])]

METHODS = """`sandbox` is charged at once. `sandbox_card` is first authorised and then captured: the order is
`capturing` until the bank has said yes or no."""


class RequestBody(BaseModel):
    """A body that is sent: unknown fields are refused."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class QuoteRequest(RequestBody):
    """What is to be priced: footprints, or a mass, or what money buys; exactly one of them."""

    footprint_ids: Annotated[
        list[FootprintId], Field(max_length=FOOTPRINTS_MAX, description="footprints that are to be neutralised")
    ] = []
    mass_g: Annotated[Mass | None, Field(description="a mass to be neutralised, in whole grams")] = None
    money_fen: Annotated[Money | None, Field(description="what is to be spent on credits, in fen, without the fee")] = (
        None
    )

    @model_validator(mode="after")
    def _one(self) -> Self:
        _exactly_one(footprint_ids=self.footprint_ids, mass_g=self.mass_g, money_fen=self.money_fen)
        return self


class ClaimRequest(RequestBody):
    """A footprint to be neutralised, with its capability."""

    footprint_id: Annotated[FootprintId, Field(description="the footprint")]
    token: Token


class NamingRequest(RequestBody):
    """How the beneficiary is to be called and shown; without a name, by an alias that is made for it."""

    kind: Annotated[Literal["person", "company"], Field(description="a person, or a company")] = "person"
    name: Annotated[NameText | None, Field(description="stands on the certificate; null: an alias is made")] = None
    board: Annotated[
        Board | None,
        Field(description="by alias, by name, or not on boards; null: persons by alias, companies by name"),
    ] = None

    @property
    def naming(self) -> Naming:
        """Itself in the domain's words."""
        return Naming(self.kind, self.name, self.board)


class OrderRequest(RequestBody):
    """An order by footprints, by mass, or by money; exactly one of them. `listing_version` is what the buyer saw."""

    project_id: Annotated[ProjectId, Field(description="the project whose credits are bought")]
    listing_version: Annotated[
        int,
        Field(
            ge=1,
            strict=True,
            description="the version of the listing that the buyer saw: another price is 409 `price_changed`",
        ),
    ]
    claims: Annotated[
        list[ClaimRequest], Field(max_length=FOOTPRINTS_MAX, description="footprints to be neutralised")
    ] = []
    mass_g: Annotated[Mass | None, Field(description="a mass to be neutralised, in whole grams")] = None
    money_fen: Annotated[Money | None, Field(description="what is to be spent on credits, in fen, without the fee")] = (
        None
    )
    country: Annotated[Country, Field(description="whose rules the claim follows; footprints bring their own")] = "CN"
    beneficiary: Annotated[
        NamingRequest | None,
        Field(description="a new beneficiary; null with `beneficiary_id`, or for one with an alias"),
    ] = None
    beneficiary_id: Annotated[
        BeneficiaryId | None, Field(description="a profile made before; its capability goes into the header")
    ] = None
    mandate_version: Annotated[str, Field(description="the mandate that the buyer gives; quotes show it")]

    @model_validator(mode="after")
    def _one(self) -> Self:
        _exactly_one(claims=self.claims, mass_g=self.mass_g, money_fen=self.money_fen)
        if len({claim.footprint_id for claim in self.claims}) < len(self.claims):
            raise ValueError("claims names a footprint twice")
        return self


class PaymentRequest(RequestBody):
    """How the order is to be paid."""

    method: Annotated[Method, Field(description=METHODS)] = "sandbox"


class RefundSettled(RequestBody):
    """How staff gave money back that the provider would not."""

    reference: Annotated[
        str,
        Field(min_length=1, max_length=100, pattern=r"^[!-~]([ -~]*[!-~])?$", examples=["BANK-2026-11-26-0042"]),
        Field(description="what finds the transfer in the books; no name"),
    ]


class ProfileChanged(RequestBody):
    """How a beneficiary is to be called or shown from now on; what is absent stays."""

    name: Annotated[NameText | None, Field(description="stands on its certificates from now on")] = None
    board: Annotated[
        Board | None, Field(description="how boards show it: by its alias, by its name, or not at all")
    ] = None


def _exactly_one(**given: object) -> None:
    if sum(1 for value in given.values() if value) != 1:
        raise ValueError(f"give exactly one of {', '.join(given)}")
