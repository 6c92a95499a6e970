"""What a replica keeps at hand of a project, so that it reads no old page for what it has seen being written."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from services.registry.domain import commands as ask
from services.registry.domain.book import Known
from services.registry.domain.decide import end_key, keys_of
from services.registry.domain.ledger import Page


class AtHand:
    """The newest page, without its entries, and the open holds that were written before this replica's eyes.

    It is true of that page alone: who writes the next one finds out by its place whether there was another. Of orders
    that are not at hand it knows nothing, so their entries are asked for; of a new order only the end, since the unique
    key of its hold tells a repeat. Where that has happened one begins again from a fresh one, which asks for all.
    """

    def __init__(self, last: Page | None) -> None:
        self.last = last.model_copy(update={"entries": ()}) if last else None
        self.holds: dict[str, Known] = {}
        self._fresh = True

    def known(self, commands: Iterable[ask.Command]) -> dict[str, Known]:
        """Return the entries that are at hand of those that matter to the commands."""
        mine = (self.holds.get(command.order_id) for command in commands if isinstance(command, ask.OrderCommand))
        return {known.entry.key: known for known in mine if known}

    def asks(self, project_id: str, commands: Iterable[ask.Command], known: Mapping[str, Known]) -> set[str]:
        """Return the keys of the entries that must be looked up; `known` is what that has brought so far."""
        keys: set[str] = set()
        for command in commands:
            if isinstance(command, ask.OrderCommand) and command.order_id in self.holds:
                continue
            if isinstance(command, ask.Hold) and not self._fresh and (end := end_key(command.order_id)) not in known:
                keys.add(end)
            else:
                keys.update(keys_of(project_id, command))
        return keys

    def turn(self, page: Page) -> None:
        """Go on to the next page; one that was turned already changes nothing."""
        if page.sequence != (self.last.sequence if self.last else 0) + 1:
            return
        for entry in page.entries:
            if entry.kind == "hold":
                self.holds[entry.order_id or ""] = Known(page.project_id, page.sequence, entry)
            elif entry.kind in {"post", "release"}:
                self.holds.pop(entry.order_id or "", None)
        self.last = page.model_copy(update={"entries": ()})
        self._fresh = False
