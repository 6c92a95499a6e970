"""What guests answer about how they came, slept and ate: the form's ways, each error at its field, and what stays."""

# ruff: noqa: F811 -- a test asks for its fixtures by their names

from __future__ import annotations

import asyncio
import secrets

import httpx
import pytest

from tests.component.calculator_forms import (  # noqa: F401 -- the fixtures are used by name
    AT_HOME,
    CAR,
    TRAIN,
    calculator,
    errors_of,
    lines_of,
    put,
    refined,
    sent,
    text_of,
    typed_of,
)
from tests.component.test_calculator import CODE, counted


async def test_f2_a_footprint_stays_what_it_was_when_its_scene_moves(calculator: httpx.AsyncClient) -> None:
    code = f"{CODE}M"
    await put(calculator, code)
    made = (await counted(calculator, scene=code)).json()
    await put(calculator, code, country="FR", city="FR-IDF Paris", airports=["CDG"])
    mine = {"Diandian-Capability": made["capability"]}
    shown = (await calculator.get(f"/v1/footprints/{made['footprint_id']}", headers=mine)).json()
    page = await calculator.get(f"/footprints/{made['footprint_id']}", headers=mine)
    assert shown["lines"] == made["lines"]
    assert sum(line["mass_g"] for line in shown["lines"]) == shown["mass_g"] == 533_014
    assert "Total 533.01" in text_of(page)


async def test_o1_of_other_answers_under_one_key_at_one_moment_the_first_count_and_the_rest_are_refused(
    calculator: httpx.AsyncClient,
) -> None:
    key = secrets.token_hex(16)
    bodies = [{"meals": {"vegan": number}} for number in (1, 2, 3)]
    answers = await asyncio.gather(*(counted(calculator, key=key, answers=body) for body in bodies))
    refused = [answer.json()["code"] for answer in answers if answer.status_code != 201]
    (made,) = (answer.json() for answer in answers if answer.status_code == 201)
    assert refused == ["idempotency_key_reused"] * 2
    alone = await counted(calculator, answers=bodies[[answer.status_code for answer in answers].index(201)])
    assert made["mass_g"] == alone.json()["mass_g"]


async def test_o1_of_same_requests_at_one_moment_all_but_one_say_that_they_are_replayed(
    calculator: httpx.AsyncClient,
) -> None:
    key = secrets.token_hex(16)
    answers = await asyncio.gather(*(counted(calculator, key=key) for _ in range(4)))
    assert [answer.status_code for answer in answers] == [201] * 4
    assert len({answer.text for answer in answers}) == 1
    assert sorted(answer.headers.get("Idempotency-Replayed", "") for answer in answers) == ["", "true", "true", "true"]


async def test_a_change_of_answers_is_refused_once_the_scene_is_closed_and_the_page_offers_none(
    calculator: httpx.AsyncClient,
) -> None:
    code = f"{CODE}D"
    await put(calculator, code)
    made = (await counted(calculator, scene=code)).json()
    mine = {"Diandian-Capability": made["capability"]}
    before = await calculator.get(f"/footprints/{made['footprint_id']}", headers=mine)
    await put(calculator, code, status="closed")
    change = {"scene": code, "answers": {"meals": {"vegan": 3}}, "replaces": made["footprint_id"]}
    refused = await counted(calculator, headers=mine, **change)
    after = await calculator.get(f"/footprints/{made['footprint_id']}", headers=mine)
    assert (refused.status_code, refused.json()["code"]) == (409, "scene_not_open")
    assert "no changed answers" in refused.json()["detail"]
    assert ("Change an answer" in before.text, "Change an answer" in after.text) == (True, False)
    assert "Neutralise" in after.text


async def test_a_train_is_counted_by_its_city_a_fifth_longer_than_the_great_circle_as_a_default(
    calculator: httpx.AsyncClient,
) -> None:
    train = (await lines_of(calculator, await sent(calculator, TRAIN)))["high_speed_train"]
    assert (train["quantity"], train["basis"]) == ("1473.2", "default")


async def test_a_city_with_two_airports_needs_no_choice_for_a_train(calculator: httpx.AsyncClient) -> None:
    for city in ("Beijing", "北京", "बीजिंग"):
        lines = await lines_of(calculator, await sent(calculator, {**TRAIN, "origin": city}))
        by_plane = await sent(calculator, {"origin": city})
        assert lines["high_speed_train"]["quantity"] == "3713.2"
        assert errors_of(by_plane) == ["origin"]


async def test_a_coach_is_counted_half_longer_and_typed_kilometres_go_first(calculator: httpx.AsyncClient) -> None:
    by_city = await lines_of(calculator, await sent(calculator, {"mode": "coach", "origin": "Xi'an", **AT_HOME}))
    typed = await lines_of(
        calculator, await sent(calculator, {"mode": "coach", "origin": "Xi'an", "km": "700", **AT_HOME})
    )
    assert (by_city["coach"]["quantity"], by_city["coach"]["basis"]) == ("1841.4", "default")
    assert (typed["coach"]["quantity"], typed["coach"]["basis"]) == ("1400", "typed")
    assert by_city["home"]["quantity"] == "1"


async def test_who_did_not_stay_the_night_has_no_nights_whatever_number_stands_there(
    calculator: httpx.AsyncClient,
) -> None:
    lines = await lines_of(calculator, await sent(calculator, {**CAR, "stay": "none", "nights": "2"}))
    assert not [name for name in lines if name.startswith("hotel")]


async def test_meals_of_which_the_number_alone_is_known_count_as_the_usual_mix(calculator: httpx.AsyncClient) -> None:
    lines = await lines_of(calculator, await sent(calculator, {**CAR, "meals": "5"}))
    meals = {name: (line["quantity"], line["basis"]) for name, line in lines.items() if name.startswith("meal.")}
    assert meals == {"meal.vegetarian": ("2", "default"), "meal.red_meat": ("3", "default")}


async def test_those_who_sit_in_a_car_share_it(calculator: httpx.AsyncClient) -> None:
    car = {"legs-0-mode": "car", "legs-0-km": "300", "legs-0-fuel": "petrol"}
    alone = await lines_of(calculator, await refined(calculator, {**car, "legs-0-occupants": "1"}))
    three = await lines_of(calculator, await refined(calculator, {**car, "legs-0-occupants": "3"}))
    assert three["car.petrol"]["shared_by"] == 3
    assert 3 * three["car.petrol"]["mass_g"] == pytest.approx(alone["car.petrol"]["mass_g"], abs=3)


async def test_s20_every_leg_room_and_dish_has_its_line(calculator: httpx.AsyncClient) -> None:
    typed = {
        "legs-0-mode": "train",
        "legs-0-km": "300",
        "legs-0-back": "yes",
        "legs-1-mode": "plane",
        "legs-1-origin": "PEK",
        "legs-1-destination": "TFU",
        "legs-1-cabin": "business",
        "legs-2-mode": "car",
        "legs-2-km": "20",
        "legs-2-occupants": "2",
        "legs-2-fuel": "battery_electric",
        "legs-5-mode": "taxi",
        "legs-5-km": "12.5",
        "legs-5-back": "yes",
        "legs-5-times": "3",
        "stay": "hotel",
        "nights": "2",
        "country": "FR",
        "hotel_class": "3",
        "guests_per_room": "2",
        "meals_vegan": "1",
        "meals_fish": "2",
    }
    answer = await refined(calculator, typed)
    lines = await lines_of(calculator, answer)
    quantities = {name: line["quantity"] for name, line in lines.items()}
    assert quantities == {
        "train": "600",
        "flight.short.business": "1547.2",
        "car.battery_electric": "20",
        "taxi": "75.0",
        "hotel.3": "2",
        "meal.vegan": "1",
        "meal.fish": "2",
    }
    shown = text_of(await calculator.get(answer.headers["location"]))
    assert "Flight, short haul, business class: fuel burnt" in shown
    assert "grade" in shown


async def test_a_visit_that_emitted_nothing_is_shown_as_nothing_and_not_as_neutral(
    calculator: httpx.AsyncClient,
) -> None:
    page = await sent(calculator, {"mode": "walk", "stay": "none", "meals": "0"})
    assert (page.status_code, "set-cookie" in page.headers) == (200, False)
    assert "0 g CO₂e" in text_of(page)
    assert "That does not make the visit carbon neutral" in text_of(page)


async def test_a_year_of_journeys_is_counted_without_a_scene_by_the_rows_of_home(
    calculator: httpx.AsyncClient,
) -> None:
    car = {"legs-0-mode": "car", "legs-0-km": "15", "legs-0-times": "200", "legs-0-back": "yes"}
    electric = {**car, "legs-0-fuel": "battery_electric"}
    there = [await refined(calculator, {**electric, "country": home}, address="/life") for home in ("IN", "FR")]
    india, france = [await lines_of(calculator, answer) for answer in there]
    shown = (await calculator.get(f"/v1{there[0].headers['location']}")).json()
    page = text_of(await calculator.get(there[0].headers["location"]))
    form = await calculator.get("/life", params={"replaces": there[0].headers["location"].rpartition("/")[2]})
    assert shown["scene_id"] is None
    assert india["car.battery_electric"]["quantity"] == "6000"
    assert india["car.battery_electric"]["mass_g"] > 5 * france["car.battery_electric"]["mass_g"]
    assert "A year of journeys" in page
    assert "Power and heat at home" in page
    assert typed_of(form.text)["legs-0-times"] == "200"
    assert typed_of(form.text)["country"] == "IN"


async def test_a_result_offers_the_lighter_way_first(calculator: httpx.AsyncClient) -> None:
    answer = await sent(calculator, {"origin": "XIY"})
    await lines_of(calculator, answer)
    page = text_of(await calculator.get(answer.headers["location"]))
    far = await sent(calculator, {"origin": "HRB"})
    far_page = text_of(await calculator.get(far.headers["location"]))
    assert "High-speed train in place of the plane: about 45 kg for the same journey, 137 kg less." in page
    assert "Reduce first" not in far_page
