"""How an address is counted without being kept, and whose scenes staff may touch."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from services.calculator.domain.crowd import WINDOW, too_many, window

NOW = datetime(2026, 11, 26, 6, 2, 10, tzinfo=UTC)


def key(address: str = "203.0.113.7", *, secret: str = "s", scene: str = "a", at: datetime = NOW) -> str:
    return window(secret, scene, address, at).key


def test_an_hour_of_an_address_at_a_scene_has_one_key_that_tells_nothing_of_it() -> None:
    assert key() == key(at=NOW + timedelta(minutes=57))
    assert len(key()) == 64
    others = [key("203.0.113.8"), key(secret="t"), key(scene="b"), key(at=NOW + WINDOW)]
    assert len({key(), *others}) == 5


def test_a_window_ends_with_its_hour() -> None:
    assert window("s", "a", "203.0.113.7", NOW).ends_at == datetime(2026, 11, 26, 7, tzinfo=UTC)


@pytest.mark.parametrize(
    ("one", "other"),
    [("2001:db8:1:2::1", "2001:db8:1:2:ffff::9"), ("::ffff:203.0.113.7", "203.0.113.7"), ("testclient", "testclient")],
)
def test_hosts_of_one_network_are_one_address(one: str, other: str) -> None:
    assert key(one) == key(other)


def test_networks_are_told_apart() -> None:
    assert key("2001:db8:1:2::1") != key("2001:db8:1:3::1")


def test_a_refusal_says_when_to_come_again() -> None:
    ends_at = window("s", "a", "203.0.113.7", NOW).ends_at
    assert too_many(9, ends_at, NOW).facts == {"retry_after_seconds": 3_470}
    assert too_many(9, ends_at, ends_at - timedelta(milliseconds=1)).facts == {"retry_after_seconds": 1}
