"""What makes a repeated request the same request: ids that follow from caller and key, and the hash of its body."""

from __future__ import annotations

import hashlib
from typing import Annotated, Any

import rfc8785
from fastapi import Header

from shared.refusal import Refusal

ALPHABET = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
KEY_LENGTH_MIN, KEY_LENGTH_MAX = 8, 255
KEY_HEADER = "Idempotency-Key"
# Of a route's parameter. One that is missing, or of another length, is answered by KeyMissing.
Key = Annotated[
    str,
    Header(
        alias=KEY_HEADER,
        min_length=KEY_LENGTH_MIN,
        max_length=KEY_LENGTH_MAX,
        description=f"new and random for each new wish, the same for each repeat; {KEY_LENGTH_MIN} to {KEY_LENGTH_MAX}"
        " characters",
    ),
]


class KeyMissing(Refusal):
    """A route that makes money or stock was called without an Idempotency-Key (400)."""

    code = "idempotency_key_missing"


class KeyReused(Refusal):
    """The same key came with another body (422)."""

    code = "idempotency_key_reused"


def crockford(number: int, length: int) -> str:
    """Return the number in Crockford's base 32 with leading zeros."""
    digits = []
    for _ in range(length):
        number, digit = divmod(number, 32)
        digits.append(ALPHABET[digit])
    return "".join(reversed(digits))


def id_of(kind: str, *parts: str) -> str:
    """Return the id of what a keyed request makes: 128 bits of a hash of its parts, such as caller and key."""
    digest = hashlib.sha256("\x1f".join((kind, *parts)).encode()).digest()
    return f"{kind}_{crockford(int.from_bytes(digest[:16], 'big'), 26)}"


def body_hash(body: Any) -> str:
    """Return SHA-256 of the RFC 8785 form of a body, so that white space and order do not count."""
    return hashlib.sha256(rfc8785.dumps(body)).hexdigest()


def checked(key: str | None) -> str:
    """Return the key that a form brings. Raises KeyMissing when there is none that differs from others."""
    if key is None or not KEY_LENGTH_MIN <= len(key) <= KEY_LENGTH_MAX:
        raise key_missing()
    return key


def key_missing() -> KeyMissing:
    """Return the refusal of a request without a key that differs from others."""
    return KeyMissing(
        f"Send a header {KEY_HEADER} of {KEY_LENGTH_MIN} to {KEY_LENGTH_MAX} characters, a new random one for each new"
        " wish and the same one for each repeat.",
        field=KEY_HEADER,
    )


def check_same(first: str, now: str) -> None:
    """Raise KeyReused unless the hash of this request is that of the first one under its key."""
    if first != now:
        raise KeyReused("This Idempotency-Key came with another body before. Take a new key for a new wish.")
