"""Which topics the calculator consumes, by which handlers, and what it publishes."""

from services.calculator.handlers import Handlers
from shared.contracts.calculator import FootprintCalculated, ScenePublished
from shared.contracts.certificates import CertificateIssued, CertificateRevoked
from shared.contracts.registry import ProjectListed
from shared.messaging.delivery import Subscriptions


def consumes(handlers: Handlers) -> Subscriptions:
    """Return the table of topics."""
    return {
        ProjectListed: handlers.listed,
        CertificateIssued: handlers.issued,
        CertificateRevoked: handlers.revoked,
    }


PUBLISHES = (ScenePublished, FootprintCalculated)
