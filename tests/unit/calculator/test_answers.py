"""Which answers are refused, each with its field named, before anything is computed."""

import time
from decimal import Decimal

import pytest

from services.calculator.domain.answers import AnswersRefused, AnswersTooLarge, parse_answers, read_answers

METRO = {"mode": "metro", "km": 20}
FLIGHT = {"mode": "plane", "origin": "PEK", "destination": "TFU"}


def pointers(value):
    with pytest.raises(AnswersRefused) as refused:
        parse_answers(value) if isinstance(value, bytes) else read_answers(value)
    errors = refused.value.facts["errors"]
    assert all(error["detail"] for error in errors)
    assert refused.value.field == errors[0]["pointer"].removeprefix("/")
    return [error["pointer"] for error in errors]


@pytest.mark.parametrize(
    "km",
    [10**7, -1, Decimal("-0.1"), "-1", float("nan"), float("inf"), 1e309, "1e309", "12abc", "", " 12", "1,000", "NaN",
     "Infinity", "0x10", "١٢", True, None, [], {}, "12.3456", 20_001, "9" * 5000],
)  # fmt: skip
def test_s21_a_number_that_is_none_or_beyond_its_limit_is_refused_by_name(km):
    assert pointers({"legs": [METRO, {"mode": "metro", "km": km}]}) == ["/legs/1/km"]


@pytest.mark.parametrize("text", ["10000000", "-1", "NaN", "Infinity", "-Infinity", "1e309", '"12abc"', "1" * 5000])
def test_s21_the_same_holds_for_the_bytes_of_a_request(text):
    assert pointers(b'{"legs": [{"mode": "metro", "km": %s}]}' % text.encode()) == ["/legs/0/km"]


def test_s21_ten_megabytes_are_refused_unread():
    started = time.perf_counter()
    with pytest.raises(AnswersTooLarge):
        parse_answers(b" " * 10_000_000)
    assert time.perf_counter() - started < 0.1


def test_s21_a_list_of_a_hundred_thousand_legs_is_refused_as_such():
    many = [METRO] * 100_000
    started = time.perf_counter()

    assert pointers({"legs": many}) == ["/legs"]
    assert time.perf_counter() - started < 1


def test_fifty_legs_are_taken():
    assert len(read_answers({"legs": [METRO] * 50}).legs) == 50
    assert pointers({"legs": [METRO] * 51}) == ["/legs"]
    assert pointers({"stays": [{"nights": 1}] * 21}) == ["/stays"]


@pytest.mark.parametrize("raw", [b"", b"[", b"nonsense", b"\xff", b"[" * 50_000])
def test_what_is_no_json_is_refused(raw):
    with pytest.raises(AnswersRefused):
        parse_answers(raw)


def test_numbers_are_read_from_json_and_from_the_texts_of_a_form_alike():
    raw = parse_answers(b'{"legs": [{"mode": "metro", "km": 20.5, "trips": 2}], "stays": [{"nights": 2}]}')
    form = read_answers({"legs": [{"mode": "metro", "km": "20.5", "trips": "2"}], "stays": [{"nights": "2"}]})

    assert raw == form == read_answers({"legs": [{**METRO, "km": 20.5, "trips": 2}], "stays": [{"nights": 2}]})
    assert form.legs[0].km == Decimal("20.5")


@pytest.mark.parametrize(
    ("value", "low", "high"),
    [
        (lambda n: {"legs": [{"mode": "plane", "km": n}]}, 1, 20_040),
        (lambda n: {"legs": [{"mode": "train", "km": n}]}, 0, 20_000),
        (lambda n: {"legs": [{"mode": "car", "km": 1, "occupants": n}]}, 1, 9),
        (lambda n: {"legs": [{**METRO, "trips": n}]}, 1, 732),
        (lambda n: {"stays": [{"nights": n}]}, 0, 366),
        (lambda n: {"stays": [{"nights": 1, "guests": n}]}, 1, 10),
        (lambda n: {"people": n}, 1, 50),
        (lambda n: {"days": n}, 1, 366),
        (lambda n: {"days": 366, "meals": {"vegan": n}}, 0, 2_196),
    ],
)
def test_each_limit_holds_at_its_edge_and_refuses_beyond(value, low, high):
    read_answers(value(low))
    read_answers(value(high))
    [below], [above] = pointers(value(low - 1)), pointers(value(high + 1))
    assert below == above


@pytest.mark.parametrize("whole", ["2.5", 2.5, Decimal("2.5"), False, None, "", "two"])
def test_a_count_that_is_not_whole_is_refused(whole):
    assert pointers({"stays": [{"nights": whole}]}) == ["/stays/0/nights"]


def test_the_sentence_names_what_to_enter():
    with pytest.raises(AnswersRefused) as refused:
        read_answers({"stays": [{"nights": 2, "guests": 0}]})
    assert refused.value.facts["errors"] == [
        {"pointer": "/stays/0/guests", "detail": "Enter a whole number from 1 to 10."}
    ]
    assert refused.value.code == "answers_refused"


@pytest.mark.parametrize(
    ("value", "pointer"),
    [
        ({"colour": "green"}, "/colour"),
        ({"legs": [{**METRO, "cabin": "economy"}]}, "/legs/0/cabin"),
        ({"legs": [{"mode": "metro"}]}, "/legs/0/km"),
        ({"legs": [{"mode": "private_jet", "km": 1}]}, "/legs/0/mode"),
        ({"legs": [{"km": 1}]}, "/legs/0/mode"),
        ({"legs": [{**FLIGHT, "cabin": "cargo"}]}, "/legs/0/cabin"),
        ({"legs": [{**FLIGHT, "origin": "pek"}]}, "/legs/0/origin"),
        ({"legs": [{**FLIGHT, "origin": "TFU"}]}, "/legs/0/destination"),
        ({"legs": [{**FLIGHT, "km": 1_000}]}, "/legs/0/km"),
        ({"legs": [{"mode": "plane"}]}, "/legs/0/km"),
        ({"legs": [{"mode": "plane", "origin": "PEK"}]}, "/legs/0/km"),
        ({"stays": [{"nights": 1, "hotel_class": "7"}]}, "/stays/0/hotel_class"),
        ({"stays": [{"nights": 1, "country": "China"}]}, "/stays/0/country"),
        ({"legs": "PEK"}, "/legs"),
        ([], ""),
        (None, ""),
    ],
)
def test_what_does_not_fit_is_refused_by_name(value, pointer):
    with pytest.raises(AnswersRefused) as refused:
        read_answers(value)
    assert refused.value.facts["errors"][0]["pointer"] == pointer


def test_every_wrong_field_is_named_at_once():
    wrong = {"legs": [{**METRO, "km": -1}, {"mode": "car", "km": 1, "occupants": 0}], "stays": [{"nights": "x"}]}

    assert pointers(wrong) == ["/legs/0/km", "/legs/1/occupants", "/stays/0/nights"]


def test_a_way_back_that_is_listed_beside_there_and_back_is_an_error():
    back = {"mode": "plane", "origin": "TFU", "destination": "PEK"}

    assert pointers({"legs": [{**FLIGHT, "trips": 2}, back]}) == ["/legs"]
    assert len(read_answers({"legs": [FLIGHT, back]}).legs) == 2


def test_nobody_eats_more_than_six_meals_a_day():
    assert read_answers({"meals": {"vegan": 6}}).meals.total == 6
    assert pointers({"meals": {"vegan": 4, "fish": 3}}) == ["/meals"]
    assert read_answers({"stays": [{"nights": 1}], "meals": {"vegan": 12}})
    assert read_answers({"days": 2, "meals": {"vegan": 12}})


def test_answers_never_change():
    answers = read_answers({"legs": [METRO]})
    with pytest.raises(ValueError, match="frozen"):
        answers.people = 2
