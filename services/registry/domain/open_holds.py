"""The open holds of a project that a replica keeps in memory, so that it reads no old page for their orders."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from services.registry.domain.book import WrittenEntry
from services.registry.domain.commands import Command, Hold, OrderCommand
from services.registry.domain.decide import end_key, keys_of
from services.registry.domain.ledger import Page


class OpenHolds:
    """The newest page, without its entries, and the open holds on pages that this replica has read since it began.

    They are valid for that page alone: who writes the next one finds out by its place whether there was another. The
    entries of other orders are looked up; of a new order only the end, since the unique key of its hold shows a repeat.
    Where that has happened one begins again from a fresh one, which looks up all.
    """

    def __init__(self, last: Page | None) -> None:
        self.last = last.model_copy(update={"entries": ()}) if last else None
        self.holds: dict[str, WrittenEntry] = {}
        self._fresh = True

    def entries(self, commands: Iterable[Command]) -> dict[str, WrittenEntry]:
        """Return the open holds that matter to the commands, by key."""
        mine = (self.holds.get(command.order_id) for command in commands if isinstance(command, OrderCommand))
        return {hold.entry.key: hold for hold in mine if hold}

    def keys_to_look_up(
        self, project_id: str, commands: Iterable[Command], written: Mapping[str, WrittenEntry]
    ) -> set[str]:
        """Return the keys of the entries that must be looked up; `written` is what has been found so far."""
        keys: set[str] = set()
        for command in commands:
            if isinstance(command, OrderCommand) and command.order_id in self.holds:
                continue
            if isinstance(command, Hold) and not self._fresh and (end := end_key(command.order_id)) not in written:
                keys.add(end)
            else:
                keys.update(keys_of(project_id, command))
        return keys

    def advance(self, page: Page) -> None:
        """Go on to the next page; an earlier one changes nothing."""
        if page.sequence != (self.last.sequence if self.last else 0) + 1:
            return
        for entry in page.entries:
            if entry.kind == "hold":
                self.holds[entry.order_id or ""] = WrittenEntry(page.project_id, page.sequence, entry)
            elif entry.kind in {"post", "release"}:
                self.holds.pop(entry.order_id or "", None)
        self.last = page.model_copy(update={"entries": ()})
        self._fresh = False
