"""How many codes that nobody has one network may try in an hour, and how it is counted without being known."""

from __future__ import annotations

import hmac
import ipaddress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from shared.refusal import Refusal
from shared.sentence import Sentence

WINDOW = timedelta(hours=1)
# A provider gives a household or a handset a whole network of this size: its hosts are one address.
IPV6_PREFIX = 64


class TooManyCodes(Refusal):
    """One network has tried as many unknown codes as an hour allows (429)."""

    code = "too_many_codes"


@dataclass(frozen=True)
class Window:
    """An hour of one network; `key` tells the network to nobody, nor that two hours are of the same."""

    key: str
    ends_at: datetime


def window(secret: str, address: str, now: datetime) -> Window:
    """Return the hour that a moment lies in, for the network of an address."""
    began = int(now.timestamp() // WINDOW.total_seconds() * WINDOW.total_seconds())
    key = hmac.digest(secret.encode(), f"unknown codes\x1f{began}\x1f{_network(address)}".encode(), "sha256").hex()
    return Window(key, datetime.fromtimestamp(began, UTC) + WINDOW)


def too_many(ends_at: datetime, now: datetime) -> TooManyCodes:
    """Return the refusal, which says when to come again."""
    seconds = max(1, int((ends_at - now).total_seconds()))
    return TooManyCodes(
        Sentence(
            "From this network too many codes were tried that we do not know. This says nothing about the certificate,"
            " good or bad. Try again in {minutes} min, or by another network.",
            minutes=-(-seconds // 60),
        ),
        field="code",
        retry_after_seconds=seconds,
    )


def _network(address: str) -> str:
    try:
        parsed = ipaddress.ip_address(address)
    except ValueError:
        return address
    if isinstance(parsed, ipaddress.IPv6Address):
        mapped = parsed.ipv4_mapped
        return str(mapped or ipaddress.IPv6Network((parsed, IPV6_PREFIX), strict=False))
    return str(parsed)
