"""Serial numbers: one text for one serial or one inclusive range of a batch, read back whole or refused."""

from __future__ import annotations

import re
from dataclasses import dataclass

from shared.refusal import Refusal
from shared.sentence import Sentence

GRAMS_PER_TONNE = 1_000_000
_TEXT = re.compile(
    r"(?P<standard>[A-Z][A-Z0-9]{1,11})-(?P<place>[A-Z]{2}[0-9]{0,6})-(?P<project>[A-Z0-9]{1,12})-(?P<vintage>[12][0-9]{3})"
    r"-(?P<batch>0[1-9]|[1-9][0-9]{1,3})-(?P<first>[1-9][0-9]{0,11})(?:-(?P<last>[1-9][0-9]{0,11}))?"
)


class NotASerial(Refusal):
    """The text is no serial number (404: nothing is known under it)."""

    code = "not_a_serial"


@dataclass(frozen=True)
class Serials:
    """An inclusive range of serials of one batch; each serial stands for one tonne.

    `standard`, `place` and `project` never hold the separator, `batch_number` is written with at least two digits.
    """

    standard: str
    place: str
    project: str
    vintage: int
    batch_number: int
    first: int
    last: int

    @property
    def prefix(self) -> str:
        """The text that all serials of the batch share."""
        return f"{self.standard}-{self.place}-{self.project}-{self.vintage}-{self.batch_number:02d}"

    def __str__(self) -> str:
        """Return `CDCER-CN510100-0042-2021-01-1-3000`; a single serial is written without the last."""
        return f"{self.prefix}-{self.first}" if self.first == self.last else f"{self.prefix}-{self.first}-{self.last}"


def parse(text: str) -> Serials:
    """Return the serials that the text names. Raises NotASerial for every text that `str` would not write."""
    match = _TEXT.fullmatch(text)
    if match is None:
        raise NotASerial(
            Sentence("{text} is no serial number. One looks like CDCER-CN510100-0042-2021-01-413.", text=text[:80])
        )
    first = int(match["first"])
    last = int(match["last"]) if match["last"] else first
    serials = Serials(
        standard=match["standard"],
        place=match["place"],
        project=match["project"],
        vintage=int(match["vintage"]),
        batch_number=int(match["batch"]),
        first=first,
        last=last,
    )
    if last < first or str(serials) != text:
        raise NotASerial(
            Sentence(
                "{text} is no serial number as it is written here: the last must follow the first.", text=text[:80]
            )
        )
    return serials


def serial_text(prefix: str, serial_start: int, gram: int) -> str:
    """Return the serial that holds a gram of the batch's line."""
    return f"{prefix}-{serial_start + gram // GRAMS_PER_TONNE}"
