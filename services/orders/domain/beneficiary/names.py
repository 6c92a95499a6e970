"""Which names a certificate can print, and their normal form."""

from __future__ import annotations

import unicodedata

from shared.contracts.printable import spelled, unprintable
from shared.refusal import Refusal
from shared.sentence import Sentence

# A Chinese character is as wide as two Latin letters, so 40 of the one or 80 of the other fill the line.
NAME_WIDTH_MAX = 80
_NOT_WRITTEN = frozenset({"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"})
# These two are control characters that Indian scripts need.
_JOINERS = "\u200c\u200d"


class NameInvalid(Refusal):
    """The name is empty, too long, or has signs that are not written (422)."""

    code = "name_invalid"


class NameUnprintable(Refusal):
    """The name has characters that the certificate cannot print; `characters` are these (422)."""

    code = "name_unprintable"


def checked_name(name: str, *, field: str = "beneficiary/name") -> str:
    """Return the name in its normal form (NFC, single spaces).

    Raises NameInvalid when it is empty, wider than 40 Chinese characters or 80 Latin letters, or holds a control
    character; NameUnprintable when it holds one that the certificate's fonts lack.
    """
    normal = " ".join(word for word in unicodedata.normalize("NFC", name).split(" ") if word)
    for character in normal:
        if unicodedata.category(character) in _NOT_WRITTEN and character not in _JOINERS:
            raise NameInvalid(
                Sentence(
                    "The name holds the sign {sign}, which cannot be written. Leave it out.",
                    sign=f"U+{ord(character):04X}",
                ),
                field=field,
            )
    if characters := unprintable(normal):
        raise NameUnprintable(
            Sentence(
                "The certificate cannot print {signs}. Write the name in other letters.", signs=spelled(characters)
            ),
            field=field,
            characters=list(characters),
        )
    if not any(unicodedata.category(character)[0] in "LN" for character in normal):
        raise NameInvalid(Sentence("Write a name of at least one letter."), field=field)
    if _width(normal) > NAME_WIDTH_MAX:
        raise NameInvalid(
            Sentence(
                "The name is too long: at most 40 Chinese characters, or 80 letters and vowel signs of other scripts."
            ),
            field=field,
        )
    return normal


def _width(text: str) -> int:
    return sum(2 if unicodedata.east_asian_width(character) in "WF" else 1 for character in text)
