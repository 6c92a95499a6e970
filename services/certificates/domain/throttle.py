"""How many unknown codes one network may try in an hour, and what it is answered then."""

from __future__ import annotations

from datetime import datetime

from shared.refusal import Refusal
from shared.sentence import Sentence
from shared.throttle.window import Window, window

PURPOSE = "unknown codes"


class TooManyCodes(Refusal):
    """One network has tried as many unknown codes as an hour allows (429)."""

    code = "too_many_codes"


def window_of_codes(secret: str, address: str, now: datetime) -> Window:
    """Return the hour in which the unknown codes of a network are counted."""
    return window(secret, purpose=PURPOSE, address=address, now=now)


def too_many_codes(hour: Window, now: datetime) -> TooManyCodes:
    """Return the refusal, which names the time until the next hour."""
    seconds = hour.retry_after_seconds(now)
    return TooManyCodes(
        Sentence(
            "From this network too many codes were tried that we do not know. This says nothing about the certificate,"
            " good or bad. Try again in {minutes} min, or by another network.",
            minutes=-(-seconds // 60),
        ),
        field="code",
        retry_after_seconds=seconds,
    )
