"""What the engine computes: the worked example, the lines of each activity, the properties of the sum, the range."""

from dataclasses import replace
from decimal import Decimal

import pytest

from services.calculator.domain.answers import MODES, AnswersRefused, Place, read_answers
from services.calculator.domain.engine import compute, per_100_km, travel_modes
from services.calculator.factors import load_release

RELEASE = load_release()
CHENGDU = Place(country="CN", city="CN-SC Chengdu", airports=("TFU", "CTU"))
FLIGHT = {"mode": "plane", "origin": "PEK", "destination": "TFU", "trips": 2}
HOTEL = {"nights": 2, "guests": 2, "hotel_class": "4"}
WORKED_EXAMPLE = {
    "legs": [FLIGHT, {"mode": "metro", "km": 20}],
    "stays": [HOTEL],
    "meals": {"red_meat": 2, "vegetarian": 2},
}


def computed(answers, *, scene=CHENGDU, **more):
    return compute(read_answers(answers), scene=scene, release=RELEASE, **more)


def values(line):
    return [(part.kind, str(part.value), part.grams) for part in line.parts]


def test_s22_the_worked_example_gives_its_table():
    result = computed(WORKED_EXAMPLE)
    flight, metro, hotel, vegetarian, red_meat = result.lines

    assert result.grams == 533_014
    assert flight.quantity == Decimal("3094.4")
    assert values(flight) == [
        ("direct", "0.07435", 230_069),
        ("upstream", "0.02249", 69_593),
        ("non_co2", "0.05141", 159_083),
    ]
    assert [str(factor.value) for factor in hotel.parts[0].factors] == ["53.5", "1.153"]
    assert (hotel.quantity, hotel.shared_by, hotel.grams) == (2, 2, 61_686)
    assert (values(red_meat), values(vegetarian)) == ([("direct", "5.01", 10_020)], [("direct", "0.85", 1_700)])
    assert (metro.quantity, values(metro)) == (20, [("direct", "0.04314", 863)])
    assert result.grams_by_category == {"flight": 458_745, "metro": 863, "hotel": 61_686, "meals": 11_720}
    assert (result.release, result.method_version) == ("2026.2", "2026-11-22")


def test_s22_the_range_of_the_worked_example_follows_its_tiers():
    result = computed(WORKED_EXAMPLE)
    # The non-CO2 line alone, 159 kg give or take all of it, makes 29.8 % of the total: no rule gets below.
    assert (result.low_grams, result.high_grams) == (355_396, 710_630)
    [flight, *_] = result.lines
    assert [str(part.half_width) for part in flight.parts] == ["0.30", "0.30", "1.00"]


def test_s20_train_plane_car_and_hotel_add_up_and_name_factor_source_and_release():
    result = computed(
        {
            "legs": [
                {"mode": "high_speed_train", "km": 300, "trips": 2},
                {"mode": "plane", "km": 1000},
                {"mode": "car", "km": 20, "occupants": 2},
            ],
            "stays": [{"nights": 2}],
        }
    )

    assert [(line.category, line.quantity, line.grams) for line in result.lines] == [
        ("rail", 600, 18_288),
        ("flight", 1_000, 148_250),
        ("road", 20, 2_099),
        ("hotel", 2, 107_000),
    ]
    assert result.grams == sum(line.grams for line in result.lines) == 275_637
    for line in result.lines:
        assert line.grams == sum(part.grams for part in line.parts)
        for factor in (factor for part in line.parts for factor in part.factors):
            assert factor == RELEASE.factors[factor.id]
            assert factor.source
            assert factor.year
            assert factor.grade in {"A", "B", "C"}


def test_a_flight_over_3700_km_is_long_haul_and_one_of_3700_is_short():
    short, long = (computed({"legs": [{"mode": "plane", "km": km}]}).lines[0] for km in (3700, "3700.1"))

    assert (short.activity, long.activity) == ("flight.short.economy", "flight.long.economy")
    assert "haul_by_distance" in short.notes
    assert short.parts[0].exact_grams > long.parts[0].exact_grams, "the step is a property of the source"


@pytest.mark.parametrize(
    ("cabin", "note", "factor"),
    [
        ("first", "counted_as_business", "flight.short-haul-business-class-without-rf.gb.2025"),
        ("premium_economy", "counted_as_economy", "flight.short-haul-economy-class-without-rf.gb.2025"),
        ("unknown", None, "flight.short-haul-avg-without-rf.gb.2025"),
    ],
)
def test_a_cabin_that_the_short_haul_table_lacks_takes_the_next_and_notes_it(cabin, note, factor):
    [line] = computed({"legs": [{"mode": "plane", "km": 1000, "cabin": cabin}]}).lines

    assert line.parts[0].factors[0].id == factor
    assert set(line.notes) == {"haul_by_distance", note} - {None}
    assert all(name in RELEASE.notes for name in line.notes)


def test_long_haul_has_a_row_for_each_cabin():
    cabins = ("economy", "premium_economy", "business", "first")
    grams = [computed({"legs": [{"mode": "plane", "km": 9000, "cabin": cabin}]}).grams for cabin in cabins]

    assert grams == sorted(set(grams))


def test_the_passengers_of_a_car_share_it_and_those_of_a_taxi_do_not():
    alone, shared = (computed({"legs": [{"mode": "car", "km": 20, "occupants": n}]}).grams for n in (1, 4))
    [taxi] = computed({"legs": [{"mode": "taxi", "km": 20}]}).lines

    assert (alone, shared) == (4_198, 1_050)
    assert (taxi.shared_by, taxi.grams, taxi.notes) == (1, 2_973, ("per_passenger",))


def test_a_group_of_n_in_one_car_is_entered_once_or_by_each_as_an_nth():
    group = computed({"people": 4, "legs": [{"mode": "car", "km": 20, "occupants": 4}]})

    assert group.grams == computed({"legs": [{"mode": "car", "km": 20}]}).grams


def test_an_electric_car_takes_the_grid_of_the_province_the_country_or_the_world():
    def kg_per_km(scene, **more):
        [line] = computed({"legs": [{"mode": "car", "fuel": "battery_electric", "km": 1, **more}]}, scene=scene).lines
        return [round(float(part.value), 3) for part in line.parts], line.notes

    assert kg_per_km(CHENGDU) == ([0.032, 0.003], ("grid_loss_assumed",))
    assert kg_per_km(Place(country="CN"))[0][0] == 0.110
    assert kg_per_km(CHENGDU, country="IN") == ([0.147, 0.023], ())
    assert kg_per_km(CHENGDU, country="FR")[0][0] == 0.009
    assert "world_grid" in kg_per_km(CHENGDU, country="AQ")[1]


def test_a_plug_in_hybrid_has_an_electric_and_a_fuel_part():
    [line] = computed({"legs": [{"mode": "car", "fuel": "plug_in_hybrid", "km": 100}]}, scene=Place(country="CN")).lines

    assert [part.kind for part in line.parts] == ["direct", "upstream", "direct"]
    assert line.parts[2].grams == 9_170


def test_a_life_cycle_row_gets_no_upstream_on_top():
    [chinese] = computed({"legs": [{"mode": "car", "fuel": "petrol", "km": 100}]}).lines
    [other] = computed({"legs": [{"mode": "car", "fuel": "petrol", "km": 100, "country": "TH"}]}).lines

    assert [part.kind for part in chinese.parts] == ["direct"]
    assert "upstream_inside" in chinese.notes
    assert [part.kind for part in other.parts] == ["direct", "upstream"]


def test_a_train_where_no_national_row_exists_falls_back_and_notes_it():
    [fallback] = computed({"legs": [{"mode": "train", "km": 100}]}).lines
    [own] = computed({"legs": [{"mode": "train", "km": 100, "country": "GB"}]}).lines

    assert "uk_row" in fallback.notes
    assert own.notes == ()


def test_a_hotel_room_is_divided_by_its_guests_and_weighted_by_its_class():
    def grams(**stay):
        return computed({"stays": [{"nights": 3, **stay}]}).grams

    assert grams() == 160_500
    assert grams(guests=3) == 53_500
    assert grams(hotel_class="5") == 277_184
    assert grams(hotel_class="unclassified") == 76_559
    assert grams(country="FR") == 20_100


def test_a_country_without_a_hotel_row_takes_its_continents_mean_then_the_worlds_and_notes_it():
    def stay(country):
        [line] = computed({"stays": [{"nights": 1, "country": country}]}).lines
        return line.parts[0].factors[0].id, line.parts[0].factors[0].grade, line.notes

    assert stay("KZ") == ("hotel.night-average-class-mean.asia.2025", "C", ("region_mean",))
    assert stay("ZZ") == ("hotel.night-average-class-mean.world.2025", "C", ("world_mean",))
    assert stay("TH")[1:] == ("A", ())


def test_zero_nights_and_zero_kilometres_make_no_line():
    result = computed({"legs": [{"mode": "metro", "km": 0}], "stays": [{"nights": 0}]})

    assert (result.grams, result.low_grams, result.high_grams, result.lines) == (0, 0, 0, ())
    assert result.distances_km == (0,)


def test_a_zero_result_shows_what_was_counted_as_zero_and_why():
    result = computed({"legs": [{"mode": "walk", "km": 3}], "stays": [{"kind": "home", "nights": 2}]})

    assert result.grams == 0
    assert [(line.activity, line.parts[0].factors[0].boundary) for line in result.lines] == [
        ("walk", "zero by convention"),
        ("home", "counted in the host home"),
    ]


@pytest.mark.parametrize(
    ("route", "field"),
    [(("XQX", "TFU"), "legs/0/origin"), (("PEK", "XQX"), "legs/0/destination")],
)
def test_an_unknown_airport_is_refused_by_name_of_its_field(route, field):
    with pytest.raises(AnswersRefused) as refused:
        computed({"legs": [{"mode": "plane", "origin": route[0], "destination": route[1]}]})
    assert refused.value.field == field


@pytest.mark.parametrize(
    ("answers", "warnings"),
    [
        (
            {"legs": [{"mode": "plane", "origin": "NAY", "destination": "PKX"}]},
            [("airports_close", "legs/0/destination")],
        ),
        ({"legs": [{"mode": "plane", "km": 16_001}]}, [("flight_long", "legs/0")]),
        ({"legs": [{"mode": "bus", "km": 3_001}]}, [("land_leg_long", "legs/0/km")]),
        ({"legs": [{"mode": "car", "km": 1, "occupants": 6}]}, [("occupants_many", "legs/0/occupants")]),
        (
            {"stays": [{"nights": 31, "guests": 5}]},
            [("nights_many", "stays/0/nights"), ("guests_many", "stays/0/guests")],
        ),
        ({"legs": [{"mode": "plane", "km": 16_000}, {"mode": "car", "km": 3_000, "occupants": 5}]}, []),
        ({"stays": [{"nights": 30, "guests": 4}]}, []),
    ],
)
def test_what_is_unusual_is_counted_with_a_warning(answers, warnings):
    result = computed(answers)

    assert [(warned.code, warned.field) for warned in result.warnings] == warnings
    assert result.grams > 0


def test_f2_an_old_footprint_recomputes_from_its_stored_distances_and_release():
    result = computed(WORKED_EXAMPLE)
    stored = read_answers(WORKED_EXAMPLE).model_dump(mode="json")
    distances = [Decimal(str(km)) for km in result.distances_km]
    moved = replace(RELEASE, airports={"PEK": RELEASE.airports["LHR"], "TFU": RELEASE.airports["TFU"]})

    again = compute(read_answers(stored), scene=CHENGDU, release=moved, distances_km=distances)

    assert again == result
    assert compute(read_answers(stored), scene=CHENGDU, release=moved).grams != result.grams


def test_stored_distances_must_be_those_of_the_legs():
    with pytest.raises(ValueError, match="shorter"):
        computed(WORKED_EXAMPLE, distances_km=[Decimal(1)])


def test_every_mode_has_its_kg_per_100_km():
    shown = {mode.mode: mode.kg_per_100_km for mode in travel_modes(RELEASE, country="CN")}

    assert tuple(shown) == MODES
    assert shown["plane"] == Decimal("14.825")
    assert shown["car"] == Decimal("20.99")
    assert shown["high_speed_train"] == Decimal("3.048")
    assert shown["walk"] == 0
    assert per_100_km("high_speed_train", RELEASE, country="FR") == Decimal("0.293")
    with pytest.raises(AnswersRefused):
        per_100_km("private_jet", RELEASE, country="CN")


def test_lines_of_the_same_factor_are_as_unsure_together_as_one_line_of_their_sum():
    once = computed({"legs": [{"mode": "metro", "km": 20}]})
    twice = computed({"legs": [{"mode": "metro", "km": 10}, {"mode": "metro", "km": 10}]})
    mixed = computed({"legs": [{"mode": "metro", "km": 10}, {"mode": "bus", "km": 10}]})

    assert (twice.grams, twice.low_grams, twice.high_grams) == (once.grams, once.low_grams, once.high_grams)
    # 431.4 g give or take 70.7 %, and 530 g give or take 31.6 %: squares add.
    assert (mixed.low_grams, mixed.high_grams) == (613, 1_310)


def test_a_default_is_less_sure_than_what_was_typed_and_that_less_than_a_ticket():
    widths = [
        computed({"legs": [{"mode": "bus", "km": 1000, "basis": basis}]}).high_grams
        for basis in ("ticketed", "typed", "default")
    ]
    assert widths == sorted(set(widths))
