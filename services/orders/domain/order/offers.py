"""What can be bought and for how much: the listed projects, and the price of exactly what is wished for."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import timedelta

from services.orders.domain.order.money import cost_fen, grams_for
from shared.contracts.registry import ProjectListed
from shared.refusal import Refusal
from shared.sentence import Money, Sentence

CURRENCY = "CNY"
# After that a price list should be requested again; it promises nothing meanwhile.
QUOTE_LIFE = timedelta(minutes=5)
# A million tonnes in one order: far more than anybody buys, and what it costs still fits the contract.
ORDER_GRAMS_MAX = 10**12
ORDER_MONEY_FEN_MAX = 10**12
FIRST_STANDARD = "CDCER"
# CDCER before others, then by price and project.
OfferPlace = tuple[bool, int, str]


class ProjectUnknown(Refusal):
    """No listing of this project has arrived (404)."""

    code = "project_unknown"


class ProjectNotForSale(Refusal):
    """The project takes no new orders; `listing_status` says why (409)."""

    code = "project_not_for_sale"


class PriceChanged(Refusal):
    """The listing is not the version that the buyer saw; the facts carry the present one (409)."""

    code = "price_changed"


class AmountOutOfRange(Refusal):
    """What is wanted comes to less than a gram, or to more than one order may hold (422)."""

    code = "amount_out_of_range"


@dataclass(frozen=True)
class Offer:
    """One project's price for exactly what is wished for."""

    listing: ProjectListed
    grams: int
    subtotal_fen: int
    fee_fen: int

    @property
    def place(self) -> OfferPlace:
        """Where it stands in the price list."""
        return _place(self.listing)

    @property
    def total_fen(self) -> int:
        """What is to be paid."""
        return self.subtotal_fen + self.fee_fen


def is_for_sale(listing: ProjectListed) -> bool:
    """Say whether new orders of the project are taken; without a price, or in other money, it is not sold here."""
    return listing.status == "listed" and listing.unit_price_fen > 0 and listing.currency == CURRENCY


def bought(listing: ProjectListed, *, mass_g: int | None, money_fen: int | None) -> tuple[int, int]:
    """Return grams and subtotal in fen of a mass, or of what the money buys. Raises AmountOutOfRange."""
    grams, subtotal_fen = _amount(listing, mass_g, money_fen)
    if not 0 < grams <= ORDER_GRAMS_MAX:
        raise AmountOutOfRange(
            Sentence("This comes to {grams} g; an order holds 1 to {most} g.", grams=grams, most=ORDER_GRAMS_MAX),
            field="money_fen" if money_fen is not None else "mass_g",
        )
    return grams, subtotal_fen


def price_list(
    listings: Iterable[ProjectListed], *, mass_g: int | None, money_fen: int | None, fee_fen: int
) -> tuple[Offer, ...]:
    """Return the price of each project on sale that can serve the wish, CDCER first, then by price and id."""
    on_sale = sorted((listing for listing in listings if is_for_sale(listing)), key=_place)
    priced = (Offer(listing, *_amount(listing, mass_g, money_fen), fee_fen=fee_fen) for listing in on_sale)
    return tuple(offer for offer in priced if 0 < offer.grams <= ORDER_GRAMS_MAX)


def _place(listing: ProjectListed) -> OfferPlace:
    return listing.standard != FIRST_STANDARD, listing.unit_price_fen, listing.project_id


def _amount(listing: ProjectListed, mass_g: int | None, money_fen: int | None) -> tuple[int, int]:
    grams = grams_for(money_fen, listing.unit_price_fen) if money_fen is not None else mass_g or 0
    return grams, cost_fen(grams, listing.unit_price_fen)


def seen(listing: ProjectListed | None, *, project_id: str, version: int) -> ProjectListed:
    """Return the listing if the buyer saw this one. Raises ProjectUnknown, ProjectNotForSale or PriceChanged."""
    if listing is None:
        raise ProjectUnknown(
            Sentence("There is no project {project_id} on sale. Ask for a quote first.", project_id=project_id),
            field="project_id",
        )
    if not is_for_sale(listing):
        raise ProjectNotForSale(
            Sentence("This project takes no new orders. Choose another one."),
            field="project_id",
            listing_status=listing.status,
        )
    if listing.listing_version != version:
        raise PriceChanged(
            Sentence(
                "The price is now {price} a tonne; it has changed since you looked. Look at it and order again.",
                price=Money(listing.unit_price_fen, listing.currency),
            ),
            field="listing_version",
            unit_price_fen=listing.unit_price_fen,
            listing_version=listing.listing_version,
        )
    return listing
