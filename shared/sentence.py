"""What is said to people: an English sentence that remembers what it is made of, so that it can be said otherwise."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Self


@dataclass(frozen=True, slots=True)
class Money:
    """An amount in a sentence: minor units, which pages write as their language does."""

    minor: int
    currency: str

    def __str__(self) -> str:
        """Write it as programs get it: 27.59 CNY."""
        return f"{self.minor // 100}.{self.minor % 100:02} {self.currency}"


class Sentence(str):
    """A whole sentence, or a name, in English; `template` has places in braces for `facts`.

    As a text it is the English sentence, so programs get that one. Pages say the template in the guest's language and
    put the facts in there. A fact may be a Sentence itself. Catalogues are made from the literals given here.
    """

    __slots__ = ("facts", "template")

    template: str
    facts: Mapping[str, object]

    def __new__(cls, template: str, **facts: object) -> Self:
        """Return the English sentence, its facts in their places."""
        made = super().__new__(cls, template.format(**facts) if facts else template)
        made.template, made.facts = template, facts
        return made
