"""The lighter way of travelling that a result offers, its price, and the line that decides its range."""

from decimal import Decimal

import pytest

from services.calculator.domain.airports import great_circle_km, land_km
from services.calculator.domain.answers import Place, read_answers
from services.calculator.domain.engine import compute, per_100_km
from services.calculator.domain.price import cost_fen
from services.calculator.domain.range import widest
from services.calculator.domain.reduction import Reduction, best_reduction

FRANCE = Place(country="FR", city="FR-IDF Paris", airports=("CDG",))


@pytest.fixture
def lighter(release, chengdu):
    def of(answers, scene=chengdu):
        read = read_answers(answers)
        return best_reduction(read, compute(read, scene=scene, release=release), scene=scene, release=release)

    return of


def flight(origin, destination="TFU", **more):
    return {"mode": "plane", "origin": origin, "destination": destination, **more}


def test_a_flight_goes_by_high_speed_train_a_fifth_longer(lighter, release):
    found = lighter({"legs": [flight("XIY", trips=2)]})

    # 613.8 km great circle, 736.6 km by rail, there and back.
    assert found == Reduction("high_speed_train", "plane", 44_904, 137_088)
    assert land_km(great_circle_km(release.airports["XIY"], release.airports["TFU"]), "high_speed_train") == Decimal(
        "736.6"
    )


def test_there_and_back_as_two_flights_is_the_same_journey(lighter):
    apart = lighter({"legs": [flight("XIY"), flight("TFU", "XIY")]})

    assert apart == lighter({"legs": [flight("XIY", trips=2)]})


def test_from_beijing_one_comes_by_train_within_a_day(lighter):
    assert lighter({"legs": [flight("PEK", trips=2)]}).grams == 113_179


@pytest.mark.parametrize(
    "leg",
    [
        flight("HRB"),
        flight("PVG", "ICN"),
        {"mode": "plane", "km": 600},
        flight("DEL", "BOM"),
        flight("HKG", "CAN"),
    ],
    ids=["more than a day", "across the sea", "nobody knows where", "no high-speed trains known", "across a border"],
)
def test_a_flight_that_no_train_is_known_for_stays_a_flight(lighter, leg):
    assert lighter({"legs": [leg]}) is None


def test_a_train_of_the_scenes_own_country_counts_with_its_own_factor(lighter, release):
    found = lighter({"legs": [flight("NCE", "CDG")]}, FRANCE)

    km = land_km(great_circle_km(release.airports["NCE"], release.airports["CDG"]), "high_speed_train")
    assert found.grams == pytest.approx(10 * km * per_100_km("high_speed_train", release, country="FR"), abs=1)


def test_a_car_goes_by_the_lighter_of_train_and_coach(lighter, release, chengdu):
    found = lighter({"legs": [{"mode": "car", "km": 150, "trips": 2}]})

    assert (found.by, found.instead_of) == ("train", "car")
    assert found.grams == 3_000 * per_100_km("train", release, country=chengdu.country)
    assert found.grams + found.less_grams == 3_000 * per_100_km("car", release, country=chengdu.country)


def test_a_full_car_is_lighter_than_the_train_and_nothing_is_offered(lighter):
    assert lighter({"legs": [{"mode": "car", "km": 150, "occupants": 5}]}) is None


def test_what_saves_most_is_offered(lighter):
    both = [flight("XIY", trips=2), {"mode": "car", "km": 400}]

    assert lighter({"legs": both}).instead_of == "plane"
    assert lighter({"legs": [both[0], {"mode": "car", "km": 2_000}]}).instead_of == "car"


def test_a_tenth_of_the_footprint_or_less_is_not_worth_a_word(lighter):
    ride = {"mode": "car", "km": 100}

    assert lighter({"legs": [ride], "stays": [{"nights": 2}]}) is not None
    assert lighter({"legs": [ride], "stays": [{"nights": 3}]}) is None


def test_a_journey_on_foot_or_none_at_all_has_no_lighter_way(lighter):
    assert lighter({"meals": {"vegan": 1}}) is None
    assert lighter({"legs": [{"mode": "walk", "km": 3}, {"mode": "metro", "km": 3}]}) is None


def test_a_group_saves_as_many_times_as_it_has_people(lighter):
    alone, three = (lighter({"people": people, "legs": [flight("XIY")]}) for people in (1, 3))

    assert three.less_grams == pytest.approx(3 * alone.less_grams, abs=3)


def test_m2_the_price_shown_is_rounded_up_to_the_fen():
    assert [cost_fen(grams, 4_800) for grams in (1, 533_014, 1_000_000)] == [1, 2_559, 4_800]


def test_the_widest_line_is_that_with_the_greatest_half_width_activity_included(release, chengdu):
    # The train's factor is surer than the hotel's, but nobody typed the train's length.
    legs = [{"mode": "high_speed_train", "km": 1_200, "trips": 2, "basis": "default"}]
    answers = read_answers({"legs": legs, "stays": [{"nights": 1, "basis": "ticketed"}]})
    lines = compute(answers, scene=chengdu, release=release).lines
    by_factor_alone = max(lines, key=lambda line: sum(part.grams * part.half_width for part in line.parts))

    assert widest(lines).activity == "high_speed_train"
    assert by_factor_alone.activity == "hotel.average"
