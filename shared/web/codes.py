"""Which codes are answered without a refusal of a service, and what each HTTP status says in a few words."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal, NewType, get_args

from shared.sentence import Sentence

OwnCode = Literal[
    "body_unreadable",
    "internal",
    "invalid_request",
    "length_required",
    "method_not_allowed",
    "not_found",
    "request_refused",
    "too_large",
    "unavailable",
]
OWN_CODES: tuple[str, ...] = get_args(OwnCode)
RefusalCode = NewType("RefusalCode", str)
# Of what the framework refuses.
PLAIN_CODES: Mapping[int, OwnCode] = {400: "body_unreadable", 404: "not_found", 405: "method_not_allowed"}
TITLES = {
    400: Sentence("The request is incomplete"),
    401: Sentence("This opens only with its own link or a token"),
    403: Sentence("This is not yours to do"),
    404: Sentence("There is nothing here"),
    405: Sentence("This address does not take that method"),
    409: Sentence("That does not fit the present state"),
    410: Sentence("It is no longer valid"),
    411: Sentence("Say how long it is"),
    412: Sentence("It has changed since you looked"),
    413: Sentence("That is too large"),
    415: Sentence("That kind of content is not understood"),
    422: Sentence("Something in the request is not right"),
    428: Sentence("Say which version you change"),
    429: Sentence("Too many requests"),
    500: Sentence("Something went wrong on our side"),
    503: Sentence("Not available right now"),
}
