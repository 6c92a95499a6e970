"""How many footprints one network may make for a scene in an hour, and what is said to one that has made them."""

from __future__ import annotations

from datetime import datetime

from shared.refusal import Refusal
from shared.sentence import Sentence
from shared.throttle.window import Window, window


class TooManyFootprints(Refusal):
    """One network has made as many footprints for a scene as an hour allows (429)."""

    code = "too_many_footprints"


def footprints_window(secret: str, scene_id: str, address: str, now: datetime) -> Window:
    """Return the hour in which the footprints of an address at a scene are counted."""
    return window(secret, purpose=f"footprints\x1f{scene_id}", address=address, now=now)


def too_many_footprints(count_max: int, window: Window, now: datetime) -> TooManyFootprints:
    """Return the refusal, which says when to come again."""
    return TooManyFootprints(
        Sentence(
            "From this network {visits} visits were counted here within an hour. Come again later, or count by another"
            " network, such as that of your telephone.",
            visits=count_max,
        ),
        field="scene",
        retry_after_seconds=window.retry_after_seconds(now),
    )
