"""Where a page of a board ended, sealed, so that it reads as nothing and fits no other board."""

from __future__ import annotations

import base64
import hmac
import json

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESSIV

from services.ranking.domain.ranking import Key
from services.ranking.domain.standing import Standing
from shared.sentence import Sentence
from shared.web.lists import CursorUnknown


class Cursors:
    """Seals the place in the order where a page ended.

    The place holds the moment and the id of a certificate, and these must not be joined with an alias, so it is sealed.
    Sealing is deterministic: the same page carries the same cursor, from every replica and after every restart.
    """

    def __init__(self, secret: str) -> None:
        self._cipher = AESSIV(hmac.digest(secret.encode(), b"board cursor 2", "sha512"))

    def seal(self, standing: Standing, key: Key) -> str:
        """Return the cursor that goes on after this place."""
        sealed = self._cipher.encrypt(key, [_of(standing)])
        return base64.urlsafe_b64encode(sealed).decode().rstrip("=")

    def open(self, standing: Standing, cursor: str) -> Key:
        """Return the place that the cursor goes on after. Raises CursorUnknown."""
        try:
            sealed = base64.urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4))
            return self._cipher.decrypt(sealed, [_of(standing)])
        except (InvalidTag, ValueError):
            refused = Sentence(
                "Start again without a cursor: this one is of another board, or its day, week, month or year is over."
            )
            raise CursorUnknown(refused, field="cursor") from None


def _of(standing: Standing) -> bytes:
    selection = standing.selection
    return json.dumps([selection.board, selection.measure, standing.window.text, selection.field]).encode()
