"""What the codes mean that are about certificates, and what to do."""

from shared.contracts.problems.explanation import Explanation
from shared.sentence import Sentence

EXPLANATIONS = {
    "certificate_unknown": Explanation(
        404,
        Sentence("There is no certificate under this code or id."),
        Sentence("Compare the code with the certificate, sign by sign."),
    ),
    "purchase_unknown": Explanation(
        404,
        Sentence("No purchase of this order has arrived here yet."),
        Sentence("Wait until the order is paid, then a few seconds, and ask again."),
    ),
    "certificate_awaiting": Explanation(
        409,
        Sentence("The certificate is not issued yet, so it cannot be revoked."),
        Sentence("Wait until the credits are retired, and look again."),
    ),
    "certificate_revoked": Explanation(
        410,
        Sentence("The certificate was revoked and is no longer printed."),
        Sentence("Its page says when and why."),
    ),
    "revoked_otherwise": Explanation(
        409,
        Sentence("The certificate is revoked already, for another reason."),
        Sentence("Read it. The first reason stays."),
    ),
    "unprintable_character": Explanation(
        409,
        Sentence("A text of the certificate has characters that its fonts cannot print."),
        Sentence("Correct the name that the answer points to, without these characters; then it is printed."),
    ),
    "too_many_codes": Explanation(
        429,
        Sentence("This network has tried as many unknown codes as an hour allows."),
        Sentence("Wait as long as Retry-After says, then type the code from the certificate."),
    ),
}
