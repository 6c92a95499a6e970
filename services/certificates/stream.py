"""What certificates hears, and by whom; what it says."""

from services.certificates.handlers import Handlers
from shared.contracts.calculator import ScenePublished
from shared.contracts.certificates import CertificateIssued, CertificateRevoked
from shared.contracts.orders import BeneficiaryNamed, OffsetPurchased
from shared.contracts.registry import CreditsRetired, ProjectListed
from shared.messaging.delivery import Subscriptions


def consumes(handlers: Handlers) -> Subscriptions:
    """Return the table of topics: both that tell of an order make its certificate, the others are copied."""
    return {
        OffsetPurchased: handlers.poll,
        CreditsRetired: handlers.poll,
        ScenePublished: handlers.scenes_published,
        ProjectListed: handlers.projects_listed,
        BeneficiaryNamed: handlers.beneficiaries_named,
    }


PUBLISHES = (CertificateIssued, CertificateRevoked)
