"""What ranking consumes, and which handler takes it; it publishes nothing."""

from services.ranking.handlers import Handlers
from shared.contracts.calculator import FootprintCalculated, ScenePublished
from shared.contracts.certificates import CertificateIssued, CertificateRevoked
from shared.contracts.event import Event
from shared.contracts.orders import BeneficiaryNamed
from shared.messaging.delivery import Subscriptions


def consumes(handlers: Handlers) -> Subscriptions:
    """Return the table of topics: all five are folded into the same boards."""
    return {
        ScenePublished: handlers.fold,
        FootprintCalculated: handlers.fold,
        CertificateIssued: handlers.fold,
        CertificateRevoked: handlers.fold,
        BeneficiaryNamed: handlers.fold,
    }


PUBLISHES: tuple[type[Event], ...] = ()
