"""What certificates hears, and by whom; what it says."""

from services.certificates.handlers import Handlers
from shared.contracts import (
    BeneficiaryNamed,
    CertificateIssued,
    CertificateRevoked,
    CreditsRetired,
    OffsetPurchased,
    ProjectListed,
    ScenePublished,
)
from shared.messaging.delivery import Hears


def hears(handlers: Handlers) -> Hears:
    """Return the table of topics: both that tell of an order make its certificate, the others are copied."""
    return {
        OffsetPurchased: handlers.poll,
        CreditsRetired: handlers.poll,
        ScenePublished: handlers.scenes_published,
        ProjectListed: handlers.projects_listed,
        BeneficiaryNamed: handlers.beneficiaries_named,
    }


SAYS = (CertificateIssued, CertificateRevoked)
