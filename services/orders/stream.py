"""What orders hears, and by whom; what it says."""

from services.orders.handlers import Handlers
from shared.contracts import (
    BeneficiaryNamed,
    CertificateIssued,
    CreditsHeld,
    CreditsRefused,
    CreditsRetired,
    FootprintCalculated,
    OffsetPurchased,
    OrderClosed,
    OrderPlaced,
    ProjectListed,
    ScenePublished,
)
from shared.messaging.delivery import Hears


def hears(handlers: Handlers) -> Hears:
    """Return the table of topics: four of them answer an order, so one poll of them makes one write per order."""
    return {
        ScenePublished: handlers.scenes,
        FootprintCalculated: handlers.footprints,
        ProjectListed: handlers.listings,
        CreditsHeld: handlers.answers,
        CreditsRefused: handlers.answers,
        CreditsRetired: handlers.answers,
        CertificateIssued: handlers.answers,
    }


SAYS = (OrderPlaced, OrderClosed, OffsetPurchased, BeneficiaryNamed)
