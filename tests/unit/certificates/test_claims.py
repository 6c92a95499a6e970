"""D9: which words a claim may use follows from place and day, never from a text that somebody wrote."""

from datetime import date

import pytest

from services.certificates.domain.claims import EUROPEAN_UNION, RULES, TITLES, claim_words

TODAY = date(2026, 11, 26)


@pytest.mark.parametrize(
    ("jurisdiction", "day", "words"),
    [
        ("CN", TODAY, "neutral"),
        ("CN-SC Chengdu", TODAY, "neutral"),
        ("CN-BJ Beijing", TODAY, "neutral"),
        ("CN", date(2019, 5, 28), "offset"),
        ("DE", date(2026, 9, 26), "neutral"),
        ("DE", date(2026, 9, 27), "offset"),
        ("FR-IDF Paris", TODAY, "offset"),
        ("IN", TODAY, "offset"),
        ("", TODAY, "offset"),
        ("CNX", TODAY, "offset"),
    ],
)
def test_words_follow_from_jurisdiction_and_day(jurisdiction: str, day: date, words: str) -> None:
    assert claim_words(jurisdiction, day) == words


def test_no_member_of_the_union_claims_neutral_since_its_ban() -> None:
    assert len(EUROPEAN_UNION) == 27
    assert {claim_words(country, TODAY) for country in EUROPEAN_UNION} == {"offset"}
    assert "neutral" not in TITLES["offset"].lower()


def test_every_rule_names_its_basis() -> None:
    assert all(rule.basis for rule in RULES)
