"""What certificates consumes, which handler takes it, and what it publishes."""

from services.certificates.handlers import Handlers
from shared.contracts.calculator import ScenePublished
from shared.contracts.certificates import CertificateIssued, CertificateRevoked
from shared.contracts.orders import BeneficiaryNamed, OffsetPurchased
from shared.contracts.registry import CreditsRetired, ProjectListed
from shared.messaging.delivery import Subscriptions


def consumes(handlers: Handlers) -> Subscriptions:
    """Return the table of topics: purchase and retirement make a certificate, the others are copied."""
    return {
        OffsetPurchased: handlers.orders_settled,
        CreditsRetired: handlers.orders_settled,
        ScenePublished: handlers.scenes_published,
        ProjectListed: handlers.projects_listed,
        BeneficiaryNamed: handlers.beneficiaries_named,
    }


PUBLISHES = (CertificateIssued, CertificateRevoked)
