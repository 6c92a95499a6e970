"""What orders consumes, and by which handler; what it publishes."""

from services.orders.handlers.orders import Handlers
from shared.contracts.calculator import FootprintCalculated, ScenePublished
from shared.contracts.certificates import CertificateIssued
from shared.contracts.orders import BeneficiaryNamed, OffsetPurchased, OrderClosed, OrderPlaced
from shared.contracts.registry import CreditsHeld, CreditsRefused, CreditsRetired, ProjectListed
from shared.messaging.delivery import Subscriptions


def consumes(handlers: Handlers) -> Subscriptions:
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


PUBLISHES = (OrderPlaced, OrderClosed, OffsetPurchased, BeneficiaryNamed)
