"""What the calculator hears, and by whom; what it says."""

from services.calculator.handlers import Handlers
from shared.contracts import CertificateIssued, CertificateRevoked, FootprintCalculated, ProjectListed, ScenePublished
from shared.messaging.delivery import Hears


def hears(handlers: Handlers) -> Hears:
    """Return the table of topics."""
    return {
        ProjectListed: handlers.listed,
        CertificateIssued: handlers.issued,
        CertificateRevoked: handlers.revoked,
    }


SAYS = (ScenePublished, FootprintCalculated)
