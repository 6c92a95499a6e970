"""Which numbers an answer may hold: plain, finite, inside the limits of methodology section 19, and never guessed."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from pydantic import GetCoreSchemaHandler, GetJsonSchemaHandler
from pydantic_core import CoreSchema, PydanticCustomError, core_schema

from shared.sentence import Sentence

# What is said of an answer that cannot be used, by the type of the error.
SENTENCES: dict[str, Sentence] = {
    "missing": Sentence("Fill this in."),
    "extra_forbidden": Sentence("There is no such answer; leave it out."),
    "literal_error": Sentence("Choose one of {expected}."),
    "too_long": Sentence("Give at most {max_length}."),
    "string_type": Sentence("Enter text."),
    "string_pattern_mismatch": Sentence("Enter the code in capital letters, such as PEK or CN."),
    "whole_number": Sentence("Enter a whole number from {low} to {high}."),
    "measure": Sentence("Enter a number from {low} to {high}, at most three decimals."),
    "same_airport": Sentence("Enter another airport than the one where the flight starts."),
    "route": Sentence("Enter the two airports, or the kilometres, not both."),
    "way_back_twice": Sentence("Leg {back} is the way back that leg {there} counts already; remove one."),
    "meals": Sentence("Enter at most {high} meals for {days} days, or more nights."),
    "mode": Sentence("There is no factor for this way of travelling. Choose one of {modes}."),
}
_PLAIN = re.compile(r"[0-9]{1,9}(\.[0-9]{1,9})?")
_PLACES = Decimal("0.001")


def wrong(kind: str, **facts: int) -> PydanticCustomError:
    """Return the error of this type, which says what to do."""
    return PydanticCustomError(kind, SENTENCES[kind].template, facts)


@dataclass(frozen=True)
class Whole:
    """A whole number from `low` to `high`, as a number or as its plain text; nothing else is read as one."""

    low: int
    high: int

    def read(self, value: object) -> int:
        """Return the number. Raises PydanticCustomError that says what to enter."""
        number = _decimal(value)
        if number is None or not self.low <= number <= self.high or number != int(number):
            raise wrong("whole_number", low=self.low, high=self.high)
        return int(number)

    def __get_pydantic_core_schema__(self, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        """Read before the type is looked at."""
        return _read_first(self.read, handler(source))

    def __get_pydantic_json_schema__(self, schema: CoreSchema, handler: GetJsonSchemaHandler) -> dict[str, Any]:
        """Tell the limits to readers of the API's description."""
        return {"type": "integer", "minimum": self.low, "maximum": self.high}


@dataclass(frozen=True)
class Measure:
    """A decimal from `low` to `high` with at most three places, as a number or as its plain text."""

    low: int
    high: int

    def read(self, value: object) -> Decimal:
        """Return the number. Raises PydanticCustomError that says what to enter."""
        number = _decimal(value)
        if number is None or not self.low <= number <= self.high or number != number.quantize(_PLACES):
            raise wrong("measure", low=self.low, high=self.high)
        return number

    def __get_pydantic_core_schema__(self, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        """Read before the type is looked at."""
        return _read_first(self.read, handler(source))

    def __get_pydantic_json_schema__(self, schema: CoreSchema, handler: GetJsonSchemaHandler) -> dict[str, Any]:
        """Tell the limits to readers of the API's description."""
        return {"type": "number", "minimum": self.low, "maximum": self.high}


def _decimal(value: object) -> Decimal | None:
    if isinstance(value, str):
        return Decimal(value) if _PLAIN.fullmatch(value) else None
    if isinstance(value, float):
        # The shortest text of a float is what was typed; the float itself decides nothing.
        value = Decimal(repr(value))
    if isinstance(value, bool) or not isinstance(value, int | Decimal):
        return None
    number = Decimal(value)
    return number if number.is_finite() else None


def _read_first(read: Callable[[Any], Any], inner: CoreSchema) -> CoreSchema:
    return core_schema.no_info_before_validator_function(read, inner)
