"""Reads what the payment provider has on record, as its merchant may."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import httpx

PAYMENTS = "/v1/sandbox/payments"
PAGE = 500


@dataclass(frozen=True)
class Provider:
    """Where the provider answers, and the key that it shares with us."""

    url: str
    key: str


async def payments_of(provider: Provider) -> list[dict[str, Any]]:
    """Return all payments. Raises httpx.HTTPError when the provider does not answer, or not to us."""
    headers = {"Authorization": f"Bearer {provider.key}"}
    found: list[dict[str, Any]] = []
    async with httpx.AsyncClient(base_url=provider.url, headers=headers, timeout=20) as client:
        cursor: str | None = ""
        while cursor is not None:
            answer = await client.get(PAYMENTS, params={"limit": PAGE, "cursor": cursor})
            page = answer.raise_for_status().json()
            found += map(payment_of, page["data"])
            cursor = page["next_cursor"]
    return found


def payment_of(shown: Mapping[str, Any]) -> dict[str, Any]:
    """Return a payment with its moments as such."""
    return {
        name: datetime.fromisoformat(value) if name.endswith("_at") and value else value
        for name, value in shown.items()
    }
