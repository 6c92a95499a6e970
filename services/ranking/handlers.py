"""What ranking does because of something: it folds what it hears into the boards, and notes how far it has heard."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from services.ranking.domain import Boards
from shared.contracts import Envelope, Event

# A partition by topic and number.
Partition = tuple[str, int]


class Fold:
    """Boards, and beside them the offset in each partition before which everything is folded into them."""

    def __init__(self) -> None:
        self.boards = Boards()
        self.offsets: dict[Partition, int] = {}

    def passed(self, offsets: Mapping[Partition, int]) -> None:
        """Note up to where partitions are folded. What is folded twice, because this came late, changes nothing."""
        self.offsets.update(offsets)


class Handlers:
    """The fold that is live: what everybody is answered from."""

    def __init__(self) -> None:
        self.live = Fold()

    @property
    def boards(self) -> Boards:
        """The boards as they stand. They may be swapped for rebuilt ones, so nobody keeps them."""
        return self.live.boards

    async def fold(self, events: Sequence[Envelope[Event]]) -> None:
        """Take events into the boards."""
        for event in events:
            self.live.boards.fold(event)
