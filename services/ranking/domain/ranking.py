"""Who stands where: exact competition ranks (1, 2, 2, 4) over members with a value, and the order inside a tie."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

# Publishes no types. Sorted lists in a list answer rank, page and the place of a cursor from one structure in O(log n);
# a Fenwick tree over values would answer the rank alone, and each value would still need an order of its members.
from sortedcontainers import SortedList

# When a member came to stand where it stands: the moment in microseconds, and the id, of its last certificate counted.
Reached = tuple[int, str]
# Ascending keys are descending values; inside a tie the earlier stands first. Certificate ids make them unique.
Key = tuple[int, int, str, str]


@dataclass(frozen=True, slots=True)
class Row:
    """A member's line; `tied` says that others have the same value."""

    rank: int
    tied: bool
    member: str
    value: int
    key: Key


class Ranking:
    """Members by value. The order depends on values and on what is counted, never on when it was heard."""

    def __init__(self, standing: Iterable[tuple[str, int, Reached]] = ()) -> None:
        self._keys: dict[str, Key] = {member: _key(member, value, reached) for member, value, reached in standing}
        self._order: SortedList[Key] = SortedList(self._keys.values())

    def __len__(self) -> int:
        return len(self._keys)

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

    def at(self, position: int) -> Row:
        """Return the line at a position below the number of members."""
        return self.rows(position, position + 1)[0]

    def rows(self, start: int, stop: int) -> list[Row]:
        """Return the lines from one position up to, not including, another."""
        # One neighbour on each side is looked at too: a tie may go on across the edge.
        before = 1 if start > 0 else 0
        keys: list[Key] = list(self._order.islice(start - before, stop + 1))
        if not keys:
            return []
        rank = 1 + self._order.bisect_left((keys[0][0],))
        rows = []
        for index, key in enumerate(keys):
            as_before = index > 0 and keys[index - 1][0] == key[0]
            as_after = index + 1 < len(keys) and keys[index + 1][0] == key[0]
            if index > 0 and not as_before:
                rank = start - before + index + 1
            rows.append(Row(rank, as_before or as_after, member=key[3], value=-key[0], key=key))
        return rows[before : before + stop - start]


def _key(member: str, value: int, reached: Reached) -> Key:
    return (-value, *reached, member)
