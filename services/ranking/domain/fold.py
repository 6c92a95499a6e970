"""How far the stream has been folded into boards."""

from __future__ import annotations

from collections.abc import Mapping

from services.ranking.domain.boards import Boards

# A partition by topic and number.
Partition = tuple[str, int]


class Fold:
    """Boards, and beside them the offset in each partition before which everything is folded into them.

    `rebuild` is the number of the last rebuild requested when this fold began at offset zero.
    """

    def __init__(self, rebuild: int = 0, offsets: Mapping[Partition, int] | None = None) -> None:
        self.boards = Boards()
        self.rebuild = rebuild
        self.offsets: dict[Partition, int] = dict(offsets or {})

    def passed(self, offsets: Mapping[Partition, int]) -> None:
        """Note up to where partitions are folded at least."""
        for partition, offset in offsets.items():
            self.offsets[partition] = max(offset, self.offsets.get(partition, 0))
