"""What ranking hears, and by whom; what it says: nothing."""

from services.ranking.handlers import Handlers
from services.ranking.stream.reader import Reader
from services.ranking.stream.upkeep import Upkeep
from shared.contracts import (
    BeneficiaryNamed,
    CertificateIssued,
    CertificateRevoked,
    Event,
    FootprintCalculated,
    ScenePublished,
)
from shared.messaging.delivery import Hears


def hears(handlers: Handlers) -> Hears:
    """Return the table of topics: all five are folded into the same boards."""
    return {
        ScenePublished: handlers.fold,
        FootprintCalculated: handlers.fold,
        CertificateIssued: handlers.fold,
        CertificateRevoked: handlers.fold,
        BeneficiaryNamed: handlers.fold,
    }


SAYS: tuple[type[Event], ...] = ()

__all__ = ["SAYS", "Reader", "Upkeep", "hears"]
