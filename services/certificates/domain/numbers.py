"""How a certificate is called: its id, number and codes follow from its order, and only a code opens anything."""

from __future__ import annotations

import base64
import hmac

ALPHABET = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
# Five bits a character: 60 bits for a code, 50 for a number within its year.
CODE_CHARACTERS, NUMBER_CHARACTERS = 12, 10
_CROCKFORD = str.maketrans("ABCDEFGHIJKLMNOPQRSTUVWXYZ234567", ALPHABET)
# People read these as their look-alikes, and group a code as they like.
_AS_READ = str.maketrans({"O": "0", "I": "1", "L": "1", "-": None, " ": None})


def certificate_id_of(order_id: str) -> str:
    """Return the id of the certificate of an order: the same 26 characters."""
    return f"cert_{order_id.removeprefix('ord_')}"


def number_of(secret: str, order_id: str, year: int) -> str:
    """Return the number printed on a certificate; neither the order nor their number follows from it."""
    return f"DD-{year}-{_keyed(secret, 'certificate number', order_id)[:NUMBER_CHARACTERS]}"


def code_of(secret: str, order_id: str, version: int) -> str:
    """Return the code that opens one version of a certificate: 7K3M-9QXD-4TVB."""
    return _grouped(_keyed(secret, "certificate code", order_id, str(version))[:CODE_CHARACTERS])


def read_code(text: str) -> str | None:
    """Return the code that a person meant, in its one spelling; none when it cannot be a code."""
    characters = text.upper().translate(_AS_READ)
    if len(characters) != CODE_CHARACTERS or not set(characters) <= set(ALPHABET):
        return None
    return _grouped(characters)


def _grouped(characters: str) -> str:
    return "-".join(characters[start : start + 4] for start in range(0, CODE_CHARACTERS, 4))


def _keyed(secret: str, *parts: str) -> str:
    digest = hmac.digest(secret.encode(), "\x1f".join(parts).encode(), "sha256")
    return base64.b32encode(digest).decode().translate(_CROCKFORD)
