"""What the registry hears, and by whom; what it says."""

from services.registry.handlers import Handlers
from shared.contracts import (
    CreditsHeld,
    CreditsRefused,
    CreditsRetired,
    OffsetPurchased,
    OrderClosed,
    OrderPlaced,
    ProjectListed,
)
from shared.messaging.delivery import Hears


def hears(handlers: Handlers) -> Hears:
    """Return the table of topics: all three are commands to the ledger, so one poll of them makes one page."""
    return {
        OrderPlaced: handlers.poll,
        OffsetPurchased: handlers.poll,
        OrderClosed: handlers.poll,
    }


SAYS = (ProjectListed, CreditsHeld, CreditsRefused, CreditsRetired)
