"""How an address is counted without being kept."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from shared.throttle.window import WINDOW, network, window

NOW = datetime(2026, 11, 26, 6, 2, 10, tzinfo=UTC)


def key(address: str = "203.0.113.7", *, secret: str = "s", purpose: str = "a", at: datetime = NOW) -> str:
    return window(secret, purpose=purpose, address=address, now=at).key


def test_an_hour_of_a_network_for_a_purpose_has_one_key_that_reveals_nothing_of_it() -> None:
    assert key() == key(at=NOW + timedelta(minutes=57))
    assert len(key()) == 64
    others = [key("203.0.113.8"), key(secret="t"), key(purpose="b"), key(at=NOW + WINDOW)]
    assert len({key(), *others}) == 5


def test_a_window_ends_with_its_hour() -> None:
    ends_at = window("s", purpose="a", address="203.0.113.7", now=NOW).ends_at
    assert ends_at == datetime(2026, 11, 26, 7, tzinfo=UTC)


@pytest.mark.parametrize(
    ("one", "other"),
    [("2001:db8:1:2::1", "2001:db8:1:2:ffff::9"), ("::ffff:203.0.113.7", "203.0.113.7"), ("testclient", "testclient")],
)
def test_hosts_of_one_network_count_as_one(one: str, other: str) -> None:
    assert network(one) == network(other)
    assert key(one) == key(other)


def test_networks_are_distinguished() -> None:
    assert key("2001:db8:1:2::1") != key("2001:db8:1:3::1")


def test_the_wait_lasts_to_the_end_of_the_window_and_at_least_a_second() -> None:
    found = window("s", purpose="a", address="203.0.113.7", now=NOW)
    assert found.retry_after_seconds(NOW) == 3_470
    assert found.retry_after_seconds(found.ends_at - timedelta(milliseconds=1)) == 1
