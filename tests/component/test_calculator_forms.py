"""What is typed into a form comes back, changes, and is refused at its own field."""

# ruff: noqa: F811 -- a test asks for its fixtures by their names

from __future__ import annotations

import secrets

import httpx
import pytest

from tests.component.calculator_forms import (  # noqa: F401 -- the fixtures are used by name
    AT_HOME,
    CAR,
    COACH_LEG,
    FLIGHT_LEG,
    HOTEL,
    TRAIN,
    calculator,
    errors_of,
    lines_of,
    refined,
    sent,
    typed_of,
)
from tests.component.test_calculator import CODE


@pytest.mark.parametrize(
    ("typed", "field"),
    [
        ({"mode": "rocket"}, "mode"),
        ({"mode": ""}, "mode"),
        ({"origin": ""}, "origin"),
        ({"origin": "TFU"}, "origin"),
        ({"origin": "Atlantis"}, "origin"),
        ({**TRAIN, "origin": "Atlantis"}, "origin"),
        ({**TRAIN, "origin": "TFU"}, "origin"),
        ({**TRAIN, "origin": ""}, "origin"),
        ({**TRAIN, "km": "12abc"}, "km"),
        ({**CAR, "km": ""}, "km"),
        ({**CAR, "km": "1e309"}, "km"),
        ({"mode": "walk", "km": "-1"}, "km"),
        ({**CAR, "stay": "tent"}, "stay"),
        ({**CAR, "nights": "367"}, "nights"),
        ({**CAR, "meals": "lots"}, "meals"),
        ({**CAR, "meals": "19"}, "meals"),
        ({**CAR, "meals": "1" * 5000}, "meals"),
    ],
)
async def test_s21_a_wrong_answer_comes_back_at_its_own_question_alone(
    calculator: httpx.AsyncClient, typed: dict[str, str], field: str
) -> None:
    assert errors_of(await sent(calculator, typed)) == [field]


@pytest.mark.parametrize(
    ("typed", "field"),
    [
        ({**FLIGHT_LEG, "legs-0-cabin": "hammock"}, "legs-0-cabin"),
        ({**FLIGHT_LEG, "legs-0-origin": ""}, "legs-0-origin"),
        ({**FLIGHT_LEG, "legs-0-destination": "Atlantis"}, "legs-0-destination"),
        ({**FLIGHT_LEG, "legs-0-destination": "PEK"}, "legs-0-destination"),
        ({**FLIGHT_LEG, "legs-0-times": "0"}, "legs-0-times"),
        ({**FLIGHT_LEG, "legs-0-times": "often", "legs-0-back": "yes"}, "legs-0-times"),
        ({**COACH_LEG, "legs-0-mode": "jet"}, "legs-0-mode"),
        ({**COACH_LEG, "legs-0-km": "NaN"}, "legs-0-km"),
        ({**COACH_LEG, "legs-0-km": ""}, "legs-0-km"),
        ({**COACH_LEG, "legs-7-mode": "metro", "legs-7-km": "20001"}, "legs-1-km"),
        ({**COACH_LEG, "legs-0-mode": "car", "legs-0-occupants": "0"}, "legs-0-occupants"),
        ({**COACH_LEG, "legs-0-mode": "car", "legs-0-occupants": "many"}, "legs-0-occupants"),
        ({**COACH_LEG, "legs-0-mode": "car", "legs-0-fuel": "coal"}, "legs-0-fuel"),
        ({**COACH_LEG, "stay": "tent"}, "stay"),
        ({**COACH_LEG, **HOTEL, "nights": "367"}, "nights"),
        ({**COACH_LEG, **HOTEL, "hotel_class": "6"}, "hotel_class"),
        ({**COACH_LEG, **HOTEL, "guests_per_room": "0"}, "guests_per_room"),
        ({**COACH_LEG, **HOTEL, "country": "France"}, "country"),
        ({**COACH_LEG, "meals_fish": "one"}, "meals_fish"),
        ({**COACH_LEG, "meals_vegan": "-1"}, "meals_vegan"),
        ({**COACH_LEG, "people": "51"}, "people"),
    ],
)
async def test_s21_a_wrong_answer_of_the_refined_form_comes_back_at_its_own_field_alone(
    calculator: httpx.AsyncClient, typed: dict[str, str], field: str
) -> None:
    assert errors_of(await refined(calculator, typed)) == [field]


@pytest.mark.parametrize(
    "typed",
    [
        {"origin": "PEK"},
        TRAIN,
        {**CAR, **AT_HOME},
        {"mode": "walk", "stay": "none", "meals": "3"},
    ],
)
async def test_the_three_questions_refined_and_sent_unchanged_give_nearly_the_same_grams(
    calculator: httpx.AsyncClient, typed: dict[str, str]
) -> None:
    first = await lines_of(calculator, await sent(calculator, typed))
    page = await sent(calculator, {**typed, "do": "refine"})
    assert page.status_code == 200
    again = await lines_of(calculator, await refined(calculator, typed_of(page.text)))
    assert {name: line["quantity"] for name, line in again.items()} == {
        name: line["quantity"] for name, line in first.items()
    }
    assert {name: line["mass_g"] for name, line in again.items()} == {
        name: line["mass_g"] for name, line in first.items()
    }


@pytest.mark.parametrize(
    "typed",
    [
        {**FLIGHT_LEG, "legs-0-back": "yes", "legs-0-times": "2"},
        {**COACH_LEG, "legs-0-times": "5", "legs-1-mode": "metro", "legs-1-km": "12"},
        {**COACH_LEG, "legs-0-mode": "car", "legs-0-fuel": "diesel", "legs-0-occupants": "4", "people": "4"},
        {**FLIGHT_LEG, "stay": "hotel", "nights": "3", "country": "IN", "hotel_class": "5", "guests_per_room": "2"},
    ],
)
async def test_a_footprint_shown_again_and_sent_unchanged_gives_the_same_grams(
    calculator: httpx.AsyncClient, typed: dict[str, str]
) -> None:
    first = await refined(calculator, typed)
    before = await lines_of(calculator, first)
    footprint_id = first.headers["location"].rpartition("/")[2]
    page = await calculator.get(f"/s/{CODE}/refine", params={"replaces": footprint_id})
    again = await refined(calculator, {**typed_of(page.text), "replaces": footprint_id})
    after = await lines_of(calculator, again)
    assert {name: line["mass_g"] for name, line in after.items()} == {
        name: line["mass_g"] for name, line in before.items()
    }


async def test_legs_are_added_and_removed_and_nothing_else_changes(calculator: httpx.AsyncClient) -> None:
    typed = {**FLIGHT_LEG, "legs-1-mode": "taxi", "legs-1-km": "7", "nights": "12abc", "stay": "hotel"}
    more = await refined(calculator, {**typed, "do": "add-leg"})
    fewer = await refined(calculator, {**typed, "do": "remove-leg-0"})
    none = await refined(calculator, {**typed, "do": "remove-leg-99"})
    assert [page.status_code for page in (more, fewer, none)] == [200] * 3
    assert typed_of(more.text)["legs-2-mode"] == "metro"
    assert typed_of(more.text)["nights"] == "12abc"
    assert typed_of(fewer.text)["legs-0-km"] == "7"
    assert "legs-1-mode" not in typed_of(fewer.text)
    assert typed_of(none.text)["legs-1-km"] == "7"


async def test_the_running_total_is_that_of_the_footprint_and_none_while_something_is_wrong(
    calculator: httpx.AsyncClient,
) -> None:
    form = {"form": "refined", **FLIGHT_LEG, "stay": "none", "idempotency_key": secrets.token_hex(16)}
    preview_page = await calculator.post(f"/s/{CODE}/preview", data=form, headers={"Accept-Language": "hi"})
    wrong = await calculator.post(f"/s/{CODE}/preview", data={**form, "legs-0-origin": "Atlantis"})
    lines = await lines_of(calculator, await refined(calculator, FLIGHT_LEG))
    (flight,) = lines.values()
    assert preview_page.json() == {"mass": f"{round(flight['mass_g'] / 1000)} किग्रा"}
    assert wrong.json() == {"mass": None}


async def test_a_wrong_answer_is_named_at_its_field_and_the_others_stay(calculator: httpx.AsyncClient) -> None:
    wrong = {"mode": "plane", "origin": "Atlantis", "stay": "hotel", "nights": "400"}
    wrong["idempotency_key"] = secrets.token_hex(8)
    page = await calculator.post(f"/s/{CODE}/footprints", data=wrong)
    train = {"mode": "car", "stay": "none", "idempotency_key": secrets.token_hex(8)}
    car = await calculator.post(f"/s/{CODE}/footprints", data=train)
    assert page.status_code == 422
    assert "We know no airport called Atlantis" in page.text
    assert 'value="400"' in page.text
    assert "Enter the kilometres one way." in car.text
