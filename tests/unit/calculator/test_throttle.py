"""Whose footprints are counted together, and when a network that has made too many may come again."""

from __future__ import annotations

from datetime import UTC, datetime

from services.calculator.domain.throttle import footprints_window, too_many_footprints

NOW = datetime(2026, 11, 26, 6, 2, 10, tzinfo=UTC)


def test_footprints_of_a_network_are_counted_by_scene() -> None:
    one, other = (footprints_window("s", scene, "203.0.113.7", NOW) for scene in ("a", "b"))
    assert one == footprints_window("s", "a", "::ffff:203.0.113.7", NOW)
    assert one.key != other.key


def test_a_refusal_names_when_to_come_again() -> None:
    refusal = too_many_footprints(9, footprints_window("s", "a", "203.0.113.7", NOW), NOW)
    assert refusal.facts == {"retry_after_seconds": 3_470}
    assert "9 visits" in str(refusal)
