"""What one network's hour is: the key under which its acts are counted, and when it ends."""

from __future__ import annotations

import hmac
import ipaddress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

WINDOW = timedelta(hours=1)
# A provider gives a household or a handset a whole network of this size: its hosts are one address.
IPV6_PREFIX = 64


@dataclass(frozen=True)
class Window:
    """An hour of one network for one purpose; nobody can read the network from `key`, nor join two hours by it."""

    key: str
    ends_at: datetime

    def retry_after_seconds(self, now: datetime) -> int:
        """Return how long to wait until the window has ended, at least a second."""
        return max(1, int((self.ends_at - now).total_seconds()))


def window(secret: str, *, purpose: str, address: str, now: datetime) -> Window:
    """Return the hour that a moment lies in, for the network of an address; windows of other purposes differ."""
    began = int(now.timestamp() // WINDOW.total_seconds() * WINDOW.total_seconds())
    text = f"{purpose}\x1f{began}\x1f{network(address)}"
    key = hmac.digest(secret.encode(), text.encode(), "sha256").hex()
    return Window(key, datetime.fromtimestamp(began, UTC) + WINDOW)


def network(address: str) -> str:
    """Return the network whose hosts count as one: an IPv4 address, the /64 of an IPv6 one, other text as it is."""
    try:
        parsed = ipaddress.ip_address(address)
    except ValueError:
        return address
    if isinstance(parsed, ipaddress.IPv6Address):
        mapped = parsed.ipv4_mapped
        return str(mapped or ipaddress.IPv6Network((parsed, IPV6_PREFIX), strict=False))
    return str(parsed)
