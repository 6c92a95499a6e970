"""Which topics the registry consumes, by which handlers, and what it publishes."""

from services.registry.handlers.ledger import Handlers
from shared.contracts.orders import OffsetPurchased, OrderClosed, OrderPlaced
from shared.contracts.registry import CreditsHeld, CreditsRefused, CreditsRetired, ProjectListed
from shared.messaging.delivery import Subscriptions


def consumes(handlers: Handlers) -> Subscriptions:
    """Return the table of topics: all three are commands to the ledger, so one poll of them makes one page."""
    return {
        OrderPlaced: handlers.poll,
        OffsetPurchased: handlers.poll,
        OrderClosed: handlers.poll,
    }


PUBLISHES = (ProjectListed, CreditsHeld, CreditsRefused, CreditsRetired)
