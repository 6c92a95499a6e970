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
from tests.component.test_calculator import CODE, SCENE, TYPED, counted, running
from tests.conftest import Infra

TRAIN = {"mode": "high_speed_train", "origin": "Xi'an"}
CAR = {"mode": "car", "distance_km": "300"}
AT_HOME = {"stay": "home", "nights": "1", "meals": "2"}


@pytest_asyncio.fixture(scope="module")
async def calculator(infra: Infra, issuer: Any) -> AsyncIterator[httpx.AsyncClient]:
    async with running(infra, issuer) as client:
        yield client


async def put(calculator: httpx.AsyncClient, code: str, **changes: Any) -> None:
    """Write a scene as it is to be."""
    scene = {**SCENE, "code": code, **changes}
    staff = calculator.staff  # type: ignore[attr-defined]
    answer = await calculator.put(f"/v1/scenes/{id_of('scn', code)}", json=scene, headers=staff)
    assert answer.status_code == 200, answer.text


async def sent(calculator: httpx.AsyncClient, typed: dict[str, str], *, code: str = CODE) -> httpx.Response:
    plain = {"mode": "plane", "stay": "hotel", "nights": "2", "meals": "4", "cabin": "economy", "return_trip": "yes"}
    refined = {"occupants": "1", "hotel_class": "average", "guests_per_room": "1"}
    form = {**plain, **refined, **typed, "idempotency_key": secrets.token_hex(16)}
    return await calculator.post(f"/s/{code}/footprints", data=form)


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
    return re.findall(r'href="#([a-z0-9_]+)"', top)


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
    lines = await lines_of(calculator, await sent(calculator, {**TRAIN, "origin": "Beijing", "return_trip": ""}))
    by_plane = await sent(calculator, {"origin": "Beijing"})
    assert lines["high_speed_train"]["quantity"] == "1856.6"
    assert errors_of(by_plane) == ["origin"]


async def test_a_coach_is_counted_half_longer_and_typed_kilometres_go_first(calculator: httpx.AsyncClient) -> None:
    by_city = await lines_of(calculator, await sent(calculator, {"mode": "coach", "origin": "Xi'an", **AT_HOME}))
    typed = await lines_of(
        calculator, await sent(calculator, {"mode": "coach", "origin": "Xi'an", "distance_km": "700", **AT_HOME})
    )
    assert (by_city["coach"]["quantity"], by_city["coach"]["basis"]) == ("1841.4", "default")
    assert (typed["coach"]["quantity"], typed["coach"]["basis"]) == ("1400", "typed")
    assert by_city["home"]["quantity"] == "1"


async def test_those_who_sit_in_a_car_share_it(calculator: httpx.AsyncClient) -> None:
    alone = await lines_of(calculator, await sent(calculator, CAR))
    three = await lines_of(calculator, await sent(calculator, {**CAR, "occupants": "3"}))
    assert three["car.unknown"]["shared_by"] == 3
    assert 3 * three["car.unknown"]["mass_g"] == pytest.approx(alone["car.unknown"]["mass_g"], abs=3)


async def test_a_walker_with_a_second_leg_and_the_metro_has_each_of_them(calculator: httpx.AsyncClient) -> None:
    typed = {"mode": "walk", "leg2_mode": "coach", "leg2_km": "40", "metro_km": "12.5", **AT_HOME}
    lines = await lines_of(calculator, await sent(calculator, typed))
    assert (lines["coach"]["quantity"], lines["metro"]["quantity"]) == ("80", "12.5")


async def test_meals_are_counted_by_kind_and_what_is_left_open_as_the_usual_mix(calculator: httpx.AsyncClient) -> None:
    typed = {**CAR, "meals": "5", "meals_vegan": "1", "meals_fish": "1"}
    lines = await lines_of(calculator, await sent(calculator, typed))
    meals = {name: line["quantity"] for name, line in lines.items() if name.startswith("meal.")}
    assert meals == {"meal.vegan": "1", "meal.fish": "1", "meal.vegetarian": "1", "meal.red_meat": "2"}
    assert lines["meal.vegan"]["basis"] == "default"


@pytest.mark.parametrize(
    ("typed", "field"),
    [
        ({"mode": "rocket"}, "mode"),
        ({"mode": ""}, "mode"),
        ({"origin": ""}, "origin"),
        ({"origin": "TFU"}, "origin"),
        ({"origin": "PEK", "cabin": "hammock"}, "cabin"),
        ({**TRAIN, "origin": "Atlantis"}, "origin"),
        ({**TRAIN, "origin": "TFU"}, "origin"),
        ({**TRAIN, "origin": ""}, "origin"),
        ({**TRAIN, "distance_km": "12abc"}, "distance_km"),
        ({**CAR, "distance_km": ""}, "distance_km"),
        ({**CAR, "distance_km": "1e309"}, "distance_km"),
        ({**CAR, "occupants": "0"}, "occupants"),
        ({**CAR, "occupants": "many"}, "occupants"),
        ({"mode": "walk", "distance_km": "-1"}, "distance_km"),
        ({**CAR, "leg2_mode": "rocket", "leg2_km": "3"}, "leg2_mode"),
        ({**CAR, "leg2_mode": "plane", "leg2_km": "3"}, "leg2_mode"),
        ({**CAR, "leg2_mode": "coach"}, "leg2_km"),
        ({**CAR, "leg2_mode": "coach", "leg2_km": "NaN"}, "leg2_km"),
        ({**CAR, "leg2_km": "30"}, "leg2_mode"),
        ({**CAR, "metro_km": "far"}, "metro_km"),
        ({**CAR, "leg2_mode": "coach", "leg2_km": "3", "metro_km": "20001"}, "metro_km"),
        ({**CAR, "stay": "tent"}, "stay"),
        ({**CAR, "stay": "none"}, "nights"),
        ({**CAR, "nights": "367"}, "nights"),
        ({**CAR, "hotel_class": "6"}, "hotel_class"),
        ({**CAR, "guests_per_room": "0"}, "guests_per_room"),
        ({**CAR, "meals": "lots"}, "meals"),
        ({**CAR, "meals": "19"}, "meals"),
        ({**CAR, "meals": "1" * 5000}, "meals"),
        ({**CAR, "meals": "", "meals_fish": "one"}, "meals_fish"),
        ({**CAR, "meals_vegan": "-1"}, "meals_vegan"),
        ({**CAR, "meals": "1", "meals_red_meat": "2"}, "meals"),
    ],
)
async def test_s21_a_wrong_answer_comes_back_at_its_own_field_alone(
    calculator: httpx.AsyncClient, typed: dict[str, str], field: str
) -> None:
    assert errors_of(await sent(calculator, typed)) == [field]


@pytest.mark.parametrize(
    "typed",
    [
        {"mode": "metro", "distance_km": "8", "metro_km": "12"},
        {**CAR, "leg2_mode": "metro", "leg2_km": "9", "metro_km": "12"},
        {**CAR, "leg2_mode": "coach", "leg2_km": "9", "return_trip": ""},
        {**CAR, "meals": "4", "meals_vegan": "1"},
        {"mode": "walk", "stay": "none", "nights": "0"},
        {"origin": "PEK", "cabin": "business", "hotel_class": "5", "guests_per_room": "2"},
    ],
)
async def test_a_form_shown_again_and_sent_unchanged_gives_the_same_grams(
    calculator: httpx.AsyncClient, typed: dict[str, str]
) -> None:
    first = await sent(calculator, typed)
    footprint_id = first.headers["location"].rpartition("/")[2]
    page = await calculator.get(f"/s/{CODE}/count", params={"replaces": footprint_id})
    again = await sent(calculator, {**typed_of(page.text), "replaces": footprint_id})
    before, after = await lines_of(calculator, first), await lines_of(calculator, again)
    assert sum(line["mass_g"] for line in after.values()) == sum(line["mass_g"] for line in before.values())


def typed_of(page: str) -> dict[str, str]:
    """Return what a browser would send for the form as it stands."""
    typed = {"return_trip": ""}
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
    far = await sent(calculator, {"origin": "PEK"})
    far_page = text_of(await calculator.get(far.headers["location"]))
    assert "By high-speed train the same journey is about 45 kg" in page
    assert "137 kg less than by plane" in page
    assert "Reduce first" not in far_page


async def test_a_wrong_answer_is_named_at_its_field_and_the_others_stay(calculator: httpx.AsyncClient) -> None:
    wrong = {**TYPED, "origin": "Atlantis", "nights": "400", "idempotency_key": secrets.token_hex(8)}
    page = await calculator.post(f"/s/{CODE}/footprints", data=wrong)
    train = {**TYPED, "mode": "car", "distance_km": "", "idempotency_key": secrets.token_hex(8)}
    car = await calculator.post(f"/s/{CODE}/footprints", data=train)
    assert page.status_code == 422
    assert "We know no airport called Atlantis" in page.text
    assert 'value="400"' in page.text
    assert "Enter the kilometres one way." in car.text
