"""Who stands where: exact competition ranks (1, 2, 2, 4) over members with a value, and the order inside a tie."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from functools import partial
from itertools import islice
from operator import eq, or_
from struct import Struct
from typing import NamedTuple

# Publishes no types. Sorted lists in a list answer rank, page and the place of a cursor from one structure in O(log n);
# a Fenwick tree over values would answer the rank alone, and each value would still need an order of its members.
from sortedcontainers import SortedList

# When a member came to stand where it stands: the moment in microseconds, and the id, of its last certificate counted.
Reached = tuple[int, str]
# Value, moment, certificate and member as bytes, of which the lesser stand before. A search through a million compares
# twenty: bytes are compared at once and lie in one place of the memory, a tuple and what is in it in several.
Key = bytes
_NUMBERS = Struct(">QQ")
_VALUE_BYTES = 8
# Greater values stand first; and moments before 1970 sort too.
_VALUE_MAX, _MOMENT_MIN = 2**63, -(2**62)
# No moment begins with a byte as great as this.
_AFTER_MOMENTS = b"\xff"


class Row(NamedTuple):
    """A member's line; `tied` says that others have the same value."""

    rank: int
    tied: bool
    key: Key

    @property
    def value(self) -> int:
        """What the member is ranked by."""
        return _VALUE_MAX - int.from_bytes(self.key[:_VALUE_BYTES])

    @property
    def member(self) -> str:
        """Whose line it is."""
        return self.key.rpartition(b"\0")[2].decode()


class Ranking:
    """Members by value. The order depends on values and on what is counted, never on when it came."""

    def __init__(self, standing: Iterable[tuple[str, int, Reached]] = ()) -> None:
        self._keys: dict[str, Key] = {member: _key(member, value, reached) for member, value, reached in standing}
        self._order: SortedList[Key] = SortedList(self._keys.values())

    def __len__(self) -> int:
        return len(self._keys)

    def __eq__(self, other: object) -> bool:
        """Say whether the same members stand at the same places."""
        return isinstance(other, Ranking) and self._keys == other._keys

    __hash__ = None  # type: ignore[assignment]

    def place(self, member: str, value: int, reached: Reached) -> None:
        """Let the member stand at this value, wherever it stood before."""
        key = _key(member, value, reached)
        if self._keys.get(member) != key:
            self.drop(member)
            self._keys[member] = key
            self._order.add(key)

    def drop(self, member: str) -> None:
        """Take the member off, if it is there; no gap stays."""
        key = self._keys.pop(member, None)
        if key is not None:
            self._order.remove(key)

    def position(self, member: str) -> int | None:
        """Return how many members stand before this one, those of its tie included; none when it is not listed."""
        key = self._keys.get(member)
        return None if key is None else self._order.bisect_left(key)

    def position_after(self, key: Key) -> int:
        """Return how many members stand at or before the place of a key, whether or not a member stands there now."""
        return self._order.bisect_right(key)  # type: ignore[no-any-return]

    def row(self, member: str) -> Row | None:
        """Return the member's own line; none when it is not listed."""
        key = self._keys.get(member)
        if key is None:
            return None
        value = key[:_VALUE_BYTES]
        first, after = self._order.bisect_left(value), self._order.bisect_left(value + _AFTER_MOMENTS)
        return _row((first + 1, after - first > 1, key))

    def at(self, position: int) -> Row:
        """Return the line at a position below the number of members."""
        return self.rows(position, position + 1)[0]

    def rows(self, start: int, stop: int) -> list[Row]:
        """Return the lines from one position up to, not including, another."""
        # One neighbour on each side is looked at too: a tie may go on across the edge.
        first = max(start - 1, 0)
        keys: list[Key] = self._order[first : stop + 1]
        values = [key[:_VALUE_BYTES] for key in keys]
        as_before = list(map(eq, values, values[1:]))
        # Whoever differs from the one before stands where they stand; whoever does not shares their rank.
        rank = 1 + (self._order.bisect_left(values[0]) if as_before[:1] == [True] else first)
        ranks = [rank, *[rank := rank if same else place for place, same in enumerate(as_before, first + 2)]]
        ties = map(or_, [False, *as_before], [*as_before, False])
        rows = map(_row, zip(ranks, ties, keys, strict=False))
        return list(islice(rows, start - first, stop - first))


def _key(member: str, value: int, reached: Reached) -> Key:
    # Sums have no greatest value, keys have: what lies beyond stands in one tie at the top.
    numbers = _NUMBERS.pack(_VALUE_MAX - min(value, _VALUE_MAX - 1), reached[0] - _MOMENT_MIN)
    return numbers + f"{reached[1]}\0{member}".encode()


# Row's own constructor is written in Python and would take half of the time of a page.
_row: Callable[[tuple[int, bool, Key]], Row] = partial(tuple.__new__, Row)
