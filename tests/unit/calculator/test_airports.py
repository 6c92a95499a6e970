"""How far airports are apart, and which ones a few letters find."""

import csv
from decimal import Decimal
from pathlib import Path

import pytest

from services.calculator import factors
from services.calculator.domain.airports import great_circle_km, is_city
from services.calculator.domain.airports import search_airports as search
from services.calculator.factors import city_names, main_airports


def search_airports(text, release):
    return search(text, release, city_names(), main_airports())


@pytest.mark.parametrize(
    ("start", "end", "km"),
    [("TFU", "PEK", "1547.2"), ("LHR", "JFK", "5554.5"), ("TFU", "LHR", "8375.0"), ("PEK", "PEK", "0.0")],
)
def test_the_great_circle_is_that_of_wgs84_to_a_tenth_of_a_km(release, start, end, km):
    there = great_circle_km(release.airports[start], release.airports[end])

    assert there == Decimal(km) == great_circle_km(release.airports[end], release.airports[start])
    assert there.as_tuple().exponent == -1


@pytest.mark.parametrize(
    ("text", "first"),
    [("PEK", "PEK"), (" pek ", "PEK"), ("beijing", "PEK"), ("Chengdu", "CTU"), ("tianfu", "TFU"), ("heathrow", "LHR"),
     ("new  york", "JFK"), ("北京", "PEK"), ("成都", "CTU"), ("नई दिल्ली", "DEL"), ("बीजिंग", "PEK"), ("东京", "HND")],
)  # fmt: skip
def test_a_code_or_a_name_finds_its_airport_first(release, text, first):
    assert search_airports(text, release)[0].iata == first


def test_a_search_finds_all_that_is_called_so_and_nothing_for_nothing(release):
    found = [airport.iata for airport in search_airports("san", release)]
    assert len(set(found)) == len(found) > 50
    assert search_airports("", release) == search_airports("x", release) == search_airports("zzzzz", release) == ()


def test_both_airports_of_chengdu_are_found(release):
    assert [airport.iata for airport in search_airports("chengdu", release)] == ["CTU", "TFU"]


def test_the_city_that_we_name_in_three_languages_comes_before_its_namesakes(release):
    found = [airport for airport in search_airports("london", release) if airport.city == "London"]
    assert [airport.country for airport in found] == sorted((airport.country for airport in found), key="GB".__ne__)


@pytest.mark.parametrize(
    ("text", "first"),
    [("London", ["LHR", "LGW", "STN"]), ("伦敦", ["LHR"]), ("लंदन", ["LHR"]), ("tokyo", ["HND", "NRT"]),
     ("washington", ["IAD", "DCA"]), ("Chicago", ["ORD", "MDW"])],
)  # fmt: skip
def test_the_main_airports_of_a_city_come_first(release, text, first):
    assert [airport.iata for airport in search_airports(text, release)[: len(first)]] == first


def test_main_airports_are_airports_of_the_city_that_they_are_listed_under(release):
    with (Path(factors.__file__).parent / "main_airports.csv").open(encoding="utf-8", newline="") as file:
        for row in csv.DictReader(file):
            for iata in row["airports"].split():
                airport = release.airports[iata]
                assert (airport.country, airport.city) == (row["country"], row["city"])


def test_a_city_is_itself_in_every_language_and_no_other(release):
    beijing = release.airports["PEK"]
    assert all(is_city(name, beijing, city_names()) for name in ("Beijing", " beijing ", "北京", "बीजिंग"))
    assert not is_city("Nanjing", beijing, city_names())
    assert not is_city("PEK", beijing, city_names())
