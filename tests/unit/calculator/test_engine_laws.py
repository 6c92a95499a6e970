"""Laws of every footprint: sums, order and linearity hold whatever was answered."""

from decimal import Decimal
from fractions import Fraction

from hypothesis import given
from hypothesis import strategies as st

from services.calculator.domain.answers import MODES, Answers, read_answers
from services.calculator.domain.engine import compute
from services.calculator.domain.lines import apportioned, total_grams
from tests.unit.calculator.test_engine import CHENGDU, RELEASE, computed

km = st.decimals(0, 20_000, places=3)
legs = st.one_of(
    st.builds(
        lambda km, cabin, trips: {"mode": "plane", "km": max(km, Decimal(1)), "cabin": cabin, "trips": trips},
        km,
        st.sampled_from(["economy", "premium_economy", "business", "first", "unknown"]),
        st.integers(1, 4),
    ),
    st.builds(
        lambda km, fuel, occupants: {"mode": "car", "km": km, "fuel": fuel, "occupants": occupants},
        km,
        st.sampled_from(["petrol", "battery_electric", "plug_in_hybrid", "unknown"]),
        st.integers(1, 9),
    ),
    st.builds(
        lambda mode, km: {"mode": mode, "km": km}, st.sampled_from([m for m in MODES if m not in {"plane", "car"}]), km
    ),
)
stays = st.builds(lambda nights, guests: {"nights": nights, "guests": guests}, st.integers(0, 9), st.integers(1, 10))
trips = st.builds(
    lambda legs, stays, people: {"people": people, "legs": legs, "stays": stays},
    st.lists(legs, max_size=6),
    st.lists(stays, max_size=3),
    st.integers(1, 50),
)


@given(trips)
def test_f1_lines_and_parts_add_up_and_a_positive_line_is_never_zero(trip):
    result = computed(trip)

    assert result.grams == sum(line.grams for line in result.lines) == sum(result.grams_by_category.values())
    assert result.grams == total_grams([line.exact_grams for line in result.lines])
    for line in result.lines:
        assert line.grams == sum(part.grams for part in line.parts)
        assert (line.grams > 0) == (line.exact_grams > 0)
        assert abs(line.grams - line.exact_grams) <= len(result.lines)
    assert 0 <= result.low_grams <= result.grams <= result.high_grams


@given(trips, legs)
def test_f1_adding_an_activity_never_lowers_the_total(trip, leg):
    more = {**trip, "legs": [*trip["legs"], leg]}

    assert computed(more).grams >= computed(trip).grams


@given(trips)
def test_f1_the_same_input_gives_the_same_footprint(trip):
    answers = read_answers(trip)
    stored = Answers.model_validate_json(answers.model_dump_json())

    assert compute(stored, scene=CHENGDU, release=RELEASE) == compute(answers, scene=CHENGDU, release=RELEASE)


@given(st.decimals(1, 1_850, places=1))
def test_f1_within_one_band_a_flight_is_linear_in_its_distance_before_rounding(km):
    once, twice = (computed({"legs": [{"mode": "plane", "km": length}]}).lines[0] for length in (km, 2 * km))

    assert twice.exact_grams == 2 * once.exact_grams


masses = st.lists(st.fractions(0, 50, max_denominator=1_000), max_size=30)


@given(masses)
def test_f1_whole_grams_sum_to_the_total_and_leave_no_positive_mass_at_zero(exact):
    total = total_grams(exact)
    grams = apportioned(exact, total, least=1)

    assert sum(grams) == total
    assert [mass > 0 for mass in grams] == [mass > 0 for mass in exact]


def test_f1_many_tiny_lines_raise_the_total_to_their_number():
    tiny = [Fraction(1, 100)] * 7

    assert total_grams(tiny) == 7
    assert apportioned(tiny, 7, least=1) == (1,) * 7


def test_f1_what_tiny_lines_need_is_taken_from_the_line_that_has_most_to_spare():
    exact = [Fraction("5.9"), Fraction("0.01"), Fraction("0.01")]

    assert apportioned(exact, total_grams(exact), least=1) == (4, 1, 1)


def test_f1_of_equal_remainders_the_earlier_line_goes_first():
    assert apportioned([Fraction("1.5")] * 2, 3, least=1) == (2, 1)
