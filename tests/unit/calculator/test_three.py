"""How three answers give a number, with every default written out."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.calculator.domain import (
    MODES,
    AnswersRefused,
    Place,
    answers_from_three,
    compute,
    read_answers,
    read_three,
)
from services.calculator.factors import load_release

PLANE = {"came_by": "plane", "origin": "PEK", "slept": "hotel", "nights": "2", "meals": "4"}


def test_three_answers_give_a_number_and_show_what_was_assumed(release, chengdu):
    answers = answers_from_three(read_three(PLANE), scene=chengdu)

    flight = {"mode": "plane", "origin": "PEK", "destination": "TFU", "cabin": "economy", "trips": 2}
    room = {"kind": "hotel", "country": "CN", "hotel_class": "average", "nights": 2, "guests": 1}
    assert answers == read_answers(
        {
            "people": 1,
            "days": 3,
            "legs": [{**flight, "basis": "default"}],
            "stays": [{**room, "basis": "default"}],
            "meals": {"red_meat": 2, "vegetarian": 2, "basis": "default"},
        }
    )
    result = compute(answers, scene=chengdu, release=release)
    assert result.grams == 577_465
    assert {str(line.activity_half_width) for line in result.lines} == {"0.30"}


@pytest.mark.parametrize(
    ("came_by", "activity"),
    [
        ("high_speed_train", "high_speed_train"),
        ("car", "car.unknown"),
        ("walk", "walk"),
        ("plane", "flight.short.economy"),
    ],
)
def test_every_way_of_coming_is_counted_there_and_back(release, chengdu, came_by, activity):
    three = read_three({"came_by": came_by, "km": "300", "slept": "home", "nights": 1, "meals": 3})
    result = compute(answers_from_three(three, scene=chengdu), scene=chengdu, release=release)

    assert (result.lines[0].activity, result.lines[0].quantity) == (activity, 600)
    assert [line.activity for line in result.lines[1:]] == ["home", "meal.vegetarian", "meal.red_meat"]


def test_an_odd_meal_is_red_meat_so_that_one_more_never_lowers_the_total(chengdu):
    meals = [answers_from_three(read_three({**PLANE, "meals": n}), scene=chengdu).meals for n in range(4)]

    assert [(meal.red_meat, meal.vegetarian) for meal in meals] == [(0, 0), (1, 0), (1, 1), (2, 1)]


@pytest.mark.parametrize(
    ("change", "pointer"),
    [
        ({"origin": None}, "/km"),
        ({"km": 5}, "/km"),
        ({"came_by": "train"}, "/km"),
        ({"came_by": "rocket"}, "/came_by"),
        ({"slept": "none"}, "/nights"),
        ({"nights": "12abc"}, "/nights"),
        ({"meals": 19}, "/meals"),
        ({"mood": "good"}, "/mood"),
    ],
)
def test_an_answer_that_does_not_fit_is_refused_by_name(change, pointer):
    with pytest.raises(AnswersRefused) as refused:
        read_three({**PLANE, **change})
    assert refused.value.facts["errors"][0]["pointer"] == pointer


@pytest.mark.parametrize(("origin", "airports"), [("CTU", ("TFU", "CTU")), ("PEK", ())])
def test_a_plane_that_cannot_reach_the_scene_is_refused(origin, airports):
    three = read_three({**PLANE, "origin": origin})
    with pytest.raises(AnswersRefused) as refused:
        answers_from_three(three, scene=Place(country="CN", airports=airports))
    assert refused.value.field == "origin"


@given(
    st.sampled_from(MODES),
    st.decimals(1, 20_000, places=1),
    st.sampled_from(["hotel", "home"]),
    st.integers(0, 366),
    st.integers(0, 6),
)
def test_whatever_three_answers_are_taken_give_a_number(came_by, km, slept, nights, meals):
    scene = Place(country="IN")
    three = read_three({"came_by": came_by, "km": km, "slept": slept, "nights": nights, "meals": meals})
    result = compute(answers_from_three(three, scene=scene), scene=scene, release=load_release())

    assert result.grams == sum(line.grams for line in result.lines)
