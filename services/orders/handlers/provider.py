"""What orders needs of a payment provider; each provider is one adapter to this port."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Protocol

from services.orders.domain.order.order import Order, Payment
from services.orders.domain.order.payments import Report


@dataclass(frozen=True)
class Notice:
    """What a provider reports of one payment by itself."""

    payment_id: str
    report: Report


class Provider(Protocol):
    """A payment provider, in direct mode or in authorise mode.

    In direct mode its notice `paid` is captured money. In authorise mode its notice `authorised` is money that is then
    captured or voided. Everything here may be requested any number of times and is done once. Each but `notice` raises
    ProviderSilent when no answer came, so that it may or may not have been done.
    """

    methods: Mapping[str, str]
    """Its ways to pay, and how people call each."""

    async def start(self, order: Order, payment: Payment) -> str:
        """Let the guest pay the total of the order; return the page to send them to."""

    async def capture(self, payment: Payment) -> Report:
        """Capture the money that is authorised: `paid`, or `refused`, which is final."""

    async def void(self, payment: Payment) -> Report:
        """Void the authorisation: `voided`. Raises ProviderRefused when it will not, for now."""

    async def refund(self, payment: Payment) -> str:
        """Give all that was received back; return the provider's reference.

        Raises ProviderRefused when the provider will not, for now.
        """

    async def look_up(self, payment_id: str) -> Report | None:
        """Return what became of a payment, none while that is open."""

    def notice(self, body: bytes, headers: Mapping[str, str]) -> Notice:
        """Return what a notice reports. Raises NoticeForged unless the provider has signed it just now."""
