"""What guests answer about how they came, slept and ate: the form's ways, each error at its field, and what stays."""

from __future__ import annotations

import asyncio
import html
import re
import secrets
from collections.abc import AsyncIterator
from typing import Any

import httpx
import pytest
import pytest_asyncio

from shared.web.idempotency import id_of
from tests.component.test_calculator import CODE, SCENE, counted, running
from tests.conftest import Infra

TRAIN = {"mode": "high_speed_train", "origin": "Xi'an"}
CAR = {"mode": "car", "km": "300"}
COACH_LEG = {"legs-0-mode": "coach", "legs-0-km": "300"}
FLIGHT_LEG = {"legs-0-mode": "plane", "legs-0-origin": "PEK", "legs-0-destination": "TFU", "legs-0-cabin": "economy"}
HOTEL = {"stay": "hotel", "nights": "1", "hotel_class": "average", "guests_per_room": "1"}
AT_HOME = {"stay": "home", "nights": "1", "meals": "2"}


@pytest_asyncio.fixture(scope="module")
async def calculator(infra: Infra, issuer: Any) -> AsyncIterator[httpx.AsyncClient]:
    async with running(infra, issuer) as client:
        yield client


async def put(calculator: httpx.AsyncClient, code: str, **changes: Any) -> None:
    """Write a scene as it is to be."""
    scene = {**SCENE, "code": code, **changes}
    address = f"/v1/scenes/{id_of('scn', code)}"
    there = await calculator.get(address)
    seen = {"If-Match": there.headers["ETag"]} if there.is_success else {}
    answer = await calculator.put(address, json=scene, headers={**calculator.staff, **seen})  # type: ignore[attr-defined]
    assert answer.status_code == 200, answer.text


async def sent(calculator: httpx.AsyncClient, typed: dict[str, str], *, code: str = CODE) -> httpx.Response:
    """Send the three questions."""
    form = {"mode": "plane", "stay": "hotel", "nights": "2", "meals": "4", "do": "show", **typed}
    return await calculator.post(f"/s/{code}/footprints", data={**form, "idempotency_key": secrets.token_hex(16)})


async def refined(
    calculator: httpx.AsyncClient, typed: dict[str, str], *, address: str = f"/s/{CODE}"
) -> httpx.Response:
    """Send the form with every leg."""
    # The page of a year asks for no nights.
    nights = {} if address == "/life" else {"stay": "none"}
    form = {"form": "refined", **nights, "do": "show", **typed, "idempotency_key": secrets.token_hex(16)}
    return await calculator.post(f"{address}/footprints", data=form)


async def lines_of(calculator: httpx.AsyncClient, answer: httpx.Response) -> dict[str, dict[str, Any]]:
    """Return the lines of the footprint that a form made, by what they count; its page must show."""
    assert answer.status_code == 303, text_of(answer)
    page = await calculator.get(answer.headers["location"])
    shown = await calculator.get(f"/v1{answer.headers['location']}")
    assert page.status_code == 200, page.text
    assert sum(line["mass_g"] for line in shown.json()["lines"]) == shown.json()["mass_g"]
    return {line["activity"]: line for line in shown.json()["lines"]}


def text_of(page: httpx.Response) -> str:
    return " ".join(html.unescape(re.sub(r"<[^>]+>", " ", page.text)).split())


def errors_of(page: httpx.Response) -> list[str]:
    """Return the fields that the list at the top of the form leads to."""
    assert page.status_code == 422, page.text
    top = page.text.split('id="problems"')[1].split("</ul>")[0]
    return re.findall(r'href="#([a-z0-9_-]+)"', top)


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
    said = await calculator.post(f"/s/{CODE}/preview", data=form, headers={"Accept-Language": "hi"})
    wrong = await calculator.post(f"/s/{CODE}/preview", data={**form, "legs-0-origin": "Atlantis"})
    lines = await lines_of(calculator, await refined(calculator, FLIGHT_LEG))
    (flight,) = lines.values()
    assert said.json() == {"mass": f"{round(flight['mass_g'] / 1000)} किग्रा"}
    assert wrong.json() == {"mass": None}


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


def typed_of(page: str) -> dict[str, str]:
    """Return what a browser would send for the form as it stands."""
    typed = {}
    for tag in re.findall(r"<input [^>]+>", page):
        kind, name = _attribute(tag, "type"), _attribute(tag, "name")
        if name in {"q", "idempotency_key", "replaces"} or (kind in {"radio", "checkbox"} and " checked" not in tag):
            continue
        typed[name] = html.unescape(_attribute(tag, "value"))
    for name, inside in re.findall(r'<select[^>]* name="([^"]+)".*?>(.*?)</select>', page, re.DOTALL):
        chosen = re.search(r'value="([^"]*)" selected', inside) or re.search(r'value="([^"]*)"', inside)
        assert chosen is not None
        typed[name] = chosen[1]
    return typed


def _attribute(tag: str, name: str) -> str:
    found = re.search(rf' {name}="([^"]*)"', tag)
    return found[1] if found else ""


async def test_a_result_offers_the_lighter_way_first(calculator: httpx.AsyncClient) -> None:
    answer = await sent(calculator, {"origin": "XIY"})
    await lines_of(calculator, answer)
    page = text_of(await calculator.get(answer.headers["location"]))
    far = await sent(calculator, {"origin": "HRB"})
    far_page = text_of(await calculator.get(far.headers["location"]))
    assert "High-speed train in place of the plane: about 45 kg for the same journey, 137 kg less." in page
    assert "Reduce first" not in far_page


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
