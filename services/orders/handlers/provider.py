"""What orders needs of a payment provider; each provider is one adapter to this port."""

from __future__ import annotations

from typing import Protocol

from services.orders.domain import Order, Payment, Said


class Provider(Protocol):
    """A payment provider in direct mode: a paid notice is captured money."""

    name: str
    title: str

    async def start(self, order: Order, payment: Payment) -> str:
        """Let the guest pay the total of the order, once however often it is asked; return the page to send them to."""

    async def refund(self, payment: Payment) -> str:
        """Give all that was received back, once however often it is asked; return the provider's reference.

        Raises ProviderRefused when the provider will not, for now.
        """

    async def look_up(self, payment_id: str) -> Said | None:
        """Return what became of a payment, none while that is open."""
