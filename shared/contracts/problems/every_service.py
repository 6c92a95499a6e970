"""What the codes mean that any service may answer, or the gateway in its place, and what to do."""

from shared.contracts.problems.explanation import Explanation
from shared.sentence import Sentence

EXPLANATIONS = {
    "invalid_request": Explanation(
        422,
        Sentence("Something in the request is not of the form that the address takes."),
        Sentence(
            "Look at `errors`: each names a place in the body, a header or a parameter, and what to send there. Mend "
            "all of them and send it again."
        ),
    ),
    "body_unreadable": Explanation(
        400,
        Sentence("The body cannot be read as its Content-Type says, or is nested more than 32 levels deep."),
        Sentence("Send it whole, in UTF-8, as JSON or as the form that the reference names."),
    ),
    "request_refused": Explanation(
        400,
        Sentence("The request cannot be taken as it came."),
        Sentence("Compare it with the reference of the service. If it agrees, tell us the request id."),
    ),
    "length_required": Explanation(
        411,
        Sentence("The request came without the length of its body."),
        Sentence("Send Content-Length; a body in chunks is not taken."),
    ),
    "too_large": Explanation(
        413,
        Sentence("The body is larger than any request needs, so nothing of it was read."),
        Sentence("Send less at once. The answer names the most that is taken."),
    ),
    "unauthenticated": Explanation(
        401,
        Sentence("Nothing was shown that says who asks, or what was shown has expired or is not ours."),
        Sentence(
            "Look at WWW-Authenticate: it names the scope of the bearer token, or the header of the capability, to "
            "send."
        ),
    ),
    "forbidden": Explanation(
        403,
        Sentence("What was shown does not open this."),
        Sentence(
            "Show the capability that was given when this very thing was made, or a token of whoever it belongs to."
        ),
    ),
    "insufficient_scope": Explanation(
        403,
        Sentence("The token is good, but lacks the scope that this operation needs."),
        Sentence("WWW-Authenticate names the scope. Get a token that has it."),
    ),
    "not_found": Explanation(
        404,
        Sentence("There is nothing at this address, or nothing with this id."),
        Sentence(
            "Compare address and id with what you were given. Something made a moment ago may need a few seconds to be "
            "here."
        ),
    ),
    "method_not_allowed": Explanation(
        405,
        Sentence("The address exists, but does not take this method."),
        Sentence("Use one of the methods that the header Allow names."),
    ),
    "idempotency_key_missing": Explanation(
        400,
        Sentence(
            "This operation makes something of value, and came without an Idempotency-Key of 8 to 255 characters."
        ),
        Sentence(
            "Send a new random key for each new wish, and the same key with each repeat of it: then a repeat makes "
            "nothing twice."
        ),
    ),
    "idempotency_key_reused": Explanation(
        422,
        Sentence("This Idempotency-Key came before with other content."),
        Sentence("Send a repeat exactly as at first. For a new wish take a new key."),
    ),
    "cursor_unknown": Explanation(
        422,
        Sentence("The cursor is not one that this list gave, or is no longer valid."),
        Sentence("Begin without a cursor, then send each `next_cursor` unchanged."),
    ),
    "precondition_failed": Explanation(
        412,
        Sentence("What is there is not the version that the request was made for. Nothing was changed."),
        Sentence(
            "Look at it again, decide anew, and send in If-Match the ETag that you are shown then. With If-None-Match: "
            "what you wanted to make is there already."
        ),
    ),
    "if_match_missing": Explanation(
        428,
        Sentence("The request changes what is there and does not say which version it was made for."),
        Sentence("Look at it, and send its ETag in If-Match; `*` stands for whichever version is there."),
    ),
    "precondition_not_taken": Explanation(
        422,
        Sentence("The request has a condition, such as If-Match, that this operation does not look at."),
        Sentence("Leave the condition out. Where a condition is taken, the reference names its header."),
    ),
    "internal": Explanation(
        500,
        Sentence("Something failed on our side that we did not foresee."),
        Sentence(
            "Send the same again later, with the same Idempotency-Key if it has one. The request id finds it in our "
            "log."
        ),
    ),
    "unavailable": Explanation(
        503,
        Sentence("The store of this service does not answer at the moment. Nothing is lost."),
        Sentence(
            "Wait as long as Retry-After says, then send the same again, with the same Idempotency-Key if it has one."
        ),
    ),
    "service_unavailable": Explanation(
        503,
        Sentence("The service that owns this address does not run just now; the gateway answers in its place."),
        Sentence("Send it again in a few seconds, with the same Idempotency-Key if it has one."),
    ),
    "issuer_unavailable": Explanation(
        503,
        Sentence("The keys that tokens are checked with could not be had yet."),
        Sentence("Wait as long as Retry-After says and send it again. The token need not be a new one."),
    ),
}
