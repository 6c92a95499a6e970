"""What the codes mean that are about projects, batches and serials, and what to do."""

from shared.contracts.problems.explanation import Explanation
from shared.sentence import Sentence

EXPLANATIONS = {
    "not_a_serial": Explanation(
        404,
        Sentence("The text is no serial number of this registry."),
        Sentence("Copy the serial as it stands on the certificate, with all its parts."),
    ),
    "batch_unknown": Explanation(
        404,
        Sentence("The project has no such batch."),
        Sentence("Take the batch id from the project's page or from GET /v1/projects/{project_id}."),
    ),
    "listing_changed": Explanation(
        412,
        Sentence("The listing is not at the version that you named: somebody has changed it since."),
        Sentence(
            "Read the project again, decide whether you still want the change, and send it with the version of now."
        ),
    ),
    "listing_missing": Explanation(
        409,
        Sentence("The project has no listing yet, so nothing can be issued for it."),
        Sentence("Send its listing first."),
    ),
    "identity_fixed": Explanation(
        409,
        Sentence("Standard, place and code stand in serial numbers that exist, so they cannot change any more."),
        Sentence("Keep them as they are, or list another project."),
    ),
    "identity_taken": Explanation(
        409,
        Sentence("Standard, place and code together belong to another project, whose serial numbers begin with them."),
        Sentence("Choose another code."),
    ),
    "exceeds_verified_amount": Explanation(
        422,
        Sentence("More is to be issued than the report verifies."),
        Sentence("Issue at most the verified amount."),
    ),
    "report_issued_otherwise": Explanation(
        409,
        Sentence("This report was issued already, with another amount, with other serials, or for another project."),
        Sentence("Look at the project's batches. A report is issued once."),
    ),
    "serials_overlap": Explanation(
        409,
        Sentence("The serials, or the external serial, are those of another batch already."),
        Sentence("Check the report. The same tonne is never issued twice."),
    ),
    "not_enough_to_cancel": Explanation(
        409,
        Sentence("The batch has fewer free whole tonnes than are to be cancelled."),
        Sentence("Cancel at most what the answer names as free."),
    ),
}
