"""Which serials stand behind a certificate, line by line: what its page, its sheet and its programs' answer show."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Annotated

from pydantic import Field

from services.certificates.domain.certificate import Frozen
from shared.contracts.registry import Allocation
from shared.sentence import Sentence

GRAMS_PER_TONNE = 1_000_000
# A guest's grams touch one or two serials, a company's can touch thousands: then a line stands for a whole range.
SINGLE_SERIALS_MAX = 100
BRIEF_FURTHER_MAX = 3
# The number of a single serial is the last part of its text.
_NUMBERED = re.compile(r"[^\n]*-[0-9]{1,15}")


class AllocationUnreadable(ValueError):
    """A range of grams is empty, or its serials have no numbers: no page could list them."""


class SerialLine(Frozen):
    """The half-open gram range of a batch that one serial, or an unbroken range of serials, gives to a certificate."""

    serial: Annotated[str, Field(description="a serial, or an unbroken range of them")]
    from_gram: Annotated[int, Field(description="the first gram in the batch's line")]
    to_gram: Annotated[int, Field(description="the gram after the last one")]


def check_allocations(allocations: Sequence[Allocation]) -> None:
    """Raise AllocationUnreadable unless every serial behind these can be listed."""
    for part in allocations:
        if part.from_gram >= part.to_gram:
            raise AllocationUnreadable(f"{part.batch_id}: grams {part.from_gram} to {part.to_gram} are no range")
        for serial in (part.first_serial, part.last_serial):
            if _NUMBERED.fullmatch(serial) is None:
                raise AllocationUnreadable(f"{part.batch_id}: a serial does not end in a number")


def serial_lines(allocations: Sequence[Allocation]) -> tuple[SerialLine, ...]:
    """Return one line a serial, or one an allocation where those would be too many; together they are all the grams."""
    tonnes = [
        range(part.from_gram // GRAMS_PER_TONNE, (part.to_gram - 1) // GRAMS_PER_TONNE + 1) for part in allocations
    ]
    if sum(map(len, tonnes)) > SINGLE_SERIALS_MAX:
        return tuple(
            SerialLine(serial=_range_text(part), from_gram=part.from_gram, to_gram=part.to_gram) for part in allocations
        )
    return tuple(
        SerialLine(
            serial=_serial(part, tonne - touched[0]),
            from_gram=max(part.from_gram, tonne * GRAMS_PER_TONNE),
            to_gram=min(part.to_gram, (tonne + 1) * GRAMS_PER_TONNE),
        )
        for part, touched in zip(allocations, tonnes, strict=True)
        for tonne in touched
    )


def serials_in_brief(lines: Sequence[SerialLine]) -> str:
    """Return the serials for one line of print: neighbours by their last part, and of many only the first."""
    first, *others = (line.serial for line in lines)
    if len(others) > BRIEF_FURTHER_MAX:
        return Sentence("{serial} and {count} more", serial=first, count=len(others))
    texts, stem = [first], first.rpartition("-")[0]
    for serial in others:
        before, _, last = serial.rpartition("-")
        texts.append(f"-{last}" if before == stem else serial)
        stem = before
    return ", ".join(texts)


def _serial(part: Allocation, further: int) -> str:
    """The single serial so many after the first: its number is the last part of its text."""
    prefix, _, first = part.first_serial.rpartition("-")
    return f"{prefix}-{int(first) + further}"


def _range_text(part: Allocation) -> str:
    if part.first_serial == part.last_serial:
        return part.first_serial
    return f"{part.first_serial}-{part.last_serial.rpartition('-')[2]}"
