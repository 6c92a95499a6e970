"""What the routes of orders stand on."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

from services.orders.handlers.balances import Balances
from services.orders.handlers.orders import Handlers
from services.orders.handlers.payments import Payments
from services.orders.handlers.provider import Provider
from services.orders.store.store import Store
from shared.settings import Settings
from shared.web.pages import Pages


@dataclass(frozen=True)
class Dependencies:
    """The parts of one replica that its routes use."""

    settings: Settings
    store: Store
    handlers: Handlers
    balances: Balances
    payments: Payments
    provider: Provider
    pages: Pages
    clock: Callable[[], datetime]
    fee_fen: int

    @property
    def secret(self) -> str:
        """The key of the capabilities that are handed out."""
        return self.settings.secret.get_secret_value()

    @property
    def secure(self) -> bool:
        """Whether cookies travel by HTTPS alone."""
        return self.settings.public_url.startswith("https")
