"""What is quoted is what is ordered and paid, to the fen, by footprint, by mass and by money."""

# ruff: noqa: F811 -- a test asks for its fixtures by their names

from __future__ import annotations

import secrets
from typing import Any

import pytest

from tests.component.orders_world import (  # noqa: F401 -- the fixtures are used by name
    World,
    running,
    world,
)


@pytest.mark.parametrize(
    ("wish", "grams", "subtotal"),
    [
        ({"mass_g": 533_014}, 533_014, 2559),
        ({"mass_g": 1}, 1, 1),
        ({"money_fen": 500}, 104_166, 500),
        ({"money_fen": 1}, 208, 1),
        ("footprints", 2 * 533_014, 5117),
    ],
)
async def test_m1_subtotal_and_fee_are_the_total_of_quote_order_and_payment(
    world: World, wish: Any, grams: int, subtotal: int
) -> None:
    project_id, guest = await world.project(), await world.guest()
    quoted, ordered = wish, wish
    if wish == "footprints":
        scene_id = "scn_" + secrets.token_hex(13).upper()
        both = [await world.known_footprint(scene_id=scene_id) for _ in range(2)]
        quoted = {"footprint_ids": [one.event.footprint_id for one in both]}
        ordered = {"claims": [one.claim for one in both]}
    quote = (await guest.post("/v1/quotes", json=quoted)).json()
    (offer,) = [offer for offer in quote["data"] if offer["project_id"] == project_id]
    assert (offer["mass_g"], offer["subtotal_fen"], offer["fee_fen"]) == (grams, subtotal, 200)
    assert all(one["subtotal_fen"] + one["fee_fen"] == one["total_fen"] for one in quote["data"])
    held = await world.held_order(guest, project_id, **ordered)
    assert {name: held[name] for name in ("mass_g", "subtotal_fen", "fee_fen", "total_fen", "currency")} == {
        name: offer[name] for name in ("mass_g", "subtotal_fen", "fee_fen", "total_fen", "currency")
    }
    payment_id = await world.pay(guest, held, method="sandbox_card")
    await world.in_state(guest, held, "purchased")
    record = world.provider.records.payment(payment_id)
    assert record is not None
    assert (record.amount_fen, record.currency) == (offer["total_fen"], offer["currency"])


@pytest.mark.parametrize(
    ("wish", "pointer"),
    [
        ({}, ""),
        ({"mass_g": 1, "money_fen": 1}, ""),
        ({"mass_g": 0}, "/mass_g"),
        ({"money_fen": -1}, "/money_fen"),
        ({"money_fen": 0.5}, "/money_fen"),
        ({"money_fen": "500"}, "/money_fen"),
        ({"footprint_ids": ["fp_1"]}, "/footprint_ids/0"),
        ({"mass_g": 1, "surprise": 1}, "/surprise"),
    ],
)
async def test_a_quote_for_what_cannot_be_is_refused_with_its_field(
    world: World, wish: dict[str, Any], pointer: str
) -> None:
    answer = await (await world.guest()).post("/v1/quotes", json=wish)
    assert (answer.status_code, answer.json()["code"]) == (422, "invalid_request")
    assert answer.headers["Content-Type"] == "application/problem+json"
    assert pointer in [error["pointer"] for error in answer.json()["errors"]]
