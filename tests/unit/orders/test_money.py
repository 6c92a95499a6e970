"""Money and mass: exact, rounded once, and never more than was offered."""

from __future__ import annotations

import contextlib
from fractions import Fraction
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.orders.domain.order.money import cost_fen, grams_for
from services.orders.domain.order.offers import ORDER_GRAMS_MAX, ORDER_MONEY_FEN_MAX, AmountOutOfRange, price_list
from services.orders.domain.order.order import Wish
from shared.contracts.registry import ProjectListed
from tests.unit.orders.examples import LISTING, PROJECT, made

prices = st.integers(1, 10**9)
masses = st.integers(1, ORDER_GRAMS_MAX)
amounts = st.integers(1, ORDER_MONEY_FEN_MAX)


def test_s11_500_fen_at_4800_fen_a_tonne_buy_104166_grams() -> None:
    assert grams_for(500, 4800) == 104_166
    order = made(Wish(PROJECT, 3, money_fen=500)).order
    assert (order.grams, order.subtotal_fen, order.total_fen) == (104_166, 500, 700)


def test_the_worked_example_costs_27_59_with_the_fee() -> None:
    order = made(Wish(PROJECT, 3, mass_g=533_014)).order
    assert (order.subtotal_fen, order.fee_fen, order.total_fen) == (2559, 200, 2759)


@given(masses, prices)
def test_a_price_is_exact_and_rounded_up_once(grams: int, unit_price_fen: int) -> None:
    exact = Fraction(grams * unit_price_fen, 10**6)
    assert 0 <= cost_fen(grams, unit_price_fen) - exact < 1


@given(amounts, prices)
def test_money_buys_what_it_pays_for_and_one_gram_more_would_cost_more(money_fen: int, unit_price_fen: int) -> None:
    grams = grams_for(money_fen, unit_price_fen)
    assert cost_fen(grams, unit_price_fen) <= money_fen
    assert cost_fen(grams + 1, unit_price_fen) > money_fen


@given(st.integers(10**6, 10**9), prices)
def test_m2_an_order_by_money_costs_at_most_the_money_and_buys_all_that_it_pays_for(
    money_fen: int, unit_price_fen: int
) -> None:
    listing = LISTING.model_copy(update={"unit_price_fen": unit_price_fen})
    with contextlib.suppress(AmountOutOfRange):
        order = made(Wish(PROJECT, 3, money_fen=money_fen), listing=listing).order
        assert order.grams is not None
        assert order.subtotal_fen == cost_fen(order.grams, unit_price_fen) <= money_fen
        assert Fraction((order.grams + 1) * unit_price_fen, 10**6) > money_fen
        return
    assert Fraction(money_fen * 10**6, unit_price_fen) > ORDER_GRAMS_MAX


@given(masses, prices)
def test_every_order_adds_up(grams: int, unit_price_fen: int) -> None:
    listing = LISTING.model_copy(update={"unit_price_fen": unit_price_fen})
    order = made(Wish(PROJECT, 3, mass_g=grams), listing=listing).order
    assert order.total_fen == cost_fen(grams, unit_price_fen) + 200
    assert order.total_fen <= 10**15, "what the contract can carry"


@pytest.mark.parametrize(("wish", "field"), [({"money_fen": 1}, "money_fen"), ({"mass_g": 10**12 + 1}, "mass_g")])
def test_less_than_a_gram_or_more_than_an_order_holds_is_refused(wish: dict[str, Any], field: str) -> None:
    listing = LISTING.model_copy(update={"unit_price_fen": 10**9})
    with pytest.raises(AmountOutOfRange) as refusal:
        made(Wish(PROJECT, 3, **wish), listing=listing)
    assert (refusal.value.code, refusal.value.field) == ("amount_out_of_range", field)


def test_offers_show_cdcer_first_then_the_cheaper() -> None:
    def listing(name: str, **changes: object) -> ProjectListed:
        return LISTING.model_copy(update={"project_id": f"prj_{name}", **changes})

    listings = [
        listing("gs", standard="GS", unit_price_fen=100),
        listing("dear", unit_price_fen=9000),
        listing("cheap", unit_price_fen=4500),
        listing("gone", status="delisted"),
        listing("paused", status="suspended"),
        listing("free", unit_price_fen=0),
        listing("dollars", currency="USD"),
    ]
    offers = price_list(listings, mass_g=1_000_000, money_fen=None, fee_fen=200)
    assert [offer.listing.project_id for offer in offers] == ["prj_cheap", "prj_dear", "prj_gs"]
    assert [offer.total_fen for offer in offers] == [4700, 9200, 300]
    by_money = price_list(
        [listing("a"), listing("huge", unit_price_fen=10**9)], mass_g=None, money_fen=500, fee_fen=200
    )
    assert [(offer.listing.project_id, offer.grams) for offer in by_money] == [("prj_a", 104_166)]
