"""How many footprints one address may make for a scene in an hour, and how an address is kept without being known."""

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


class TooManyFootprints(Refusal):
    """One address has made as many footprints for a scene as an hour allows (429)."""

    code = "too_many_footprints"


@dataclass(frozen=True)
class Window:
    """An hour of one address at one scene; `key` tells the address to nobody, nor that two hours are of the same."""

    key: str
    ends_at: datetime


def window(secret: str, scene_id: str, address: str, now: datetime) -> Window:
    """Return the hour that a moment lies in, for an address at a scene."""
    began = int(now.timestamp() // WINDOW.total_seconds() * WINDOW.total_seconds())
    text = f"address\x1f{scene_id}\x1f{began}\x1f{_network(address)}"
    key = hmac.digest(secret.encode(), text.encode(), "sha256").hex()
    return Window(key, datetime.fromtimestamp(began, UTC) + WINDOW)


def too_many(footprints_max: int, ends_at: datetime, now: datetime) -> TooManyFootprints:
    """Return the refusal, which says when to come again."""
    return TooManyFootprints(
        Sentence(
            "From this network {visits} visits were counted here within an hour. Come again later, or count by another"
            " network, such as that of your telephone.",
            visits=footprints_max,
        ),
        field="scene",
        retry_after_seconds=max(1, int((ends_at - now).total_seconds())),
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
