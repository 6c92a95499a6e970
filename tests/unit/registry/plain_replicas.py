"""Two replicas of the registry in memory, each of which may be interrupted between its reads and its write."""

from __future__ import annotations

import dataclasses
import json
from dataclasses import dataclass
from typing import Any

from services.registry.domain.book import WrittenEntry
from services.registry.domain.commands import (
    Command,
)
from services.registry.domain.decide import next_page
from services.registry.domain.ledger import Page
from services.registry.domain.open_holds import OpenHolds
from tests.unit.registry.plain_ledger import GROVES, STOVES

DAYS = ("2026-11-24", "2026-11-25")


def text(model: Any) -> str:
    """The bytes of a value, whatever kind of frozen value it is."""
    plain = model.model_dump(mode="json") if hasattr(model, "model_dump") else dataclasses.asdict(model)
    return json.dumps(plain, sort_keys=True, ensure_ascii=False)


class LostRace(Exception):
    """The place of the page, or one of its keys, is taken."""


class Stored:
    """What the database does: a page's place is unique, and so is each entry's key over all pages."""

    def __init__(self) -> None:
        self.pages: dict[str, list[Page]] = {GROVES: [], STOVES: []}
        self.keys: dict[str, WrittenEntry] = {}

    def last(self, project_id: str) -> Page | None:
        return self.pages[project_id][-1] if self.pages[project_id] else None

    def entries(self, keys: set[str]) -> dict[str, WrittenEntry]:
        return {key: self.keys[key] for key in keys if key in self.keys}

    def append(self, page: Page) -> None:
        chain = self.pages[page.project_id]
        if page.sequence != len(chain) + 1 or any(entry.key in self.keys for entry in page.entries):
            raise LostRace
        chain.append(page)
        self.keys |= {entry.key: WrittenEntry(page.project_id, page.sequence, entry) for entry in page.entries}


@dataclass
class Attempt:
    """A replica in the middle of a poll: what it has read so far may be stale by now."""

    replica: Replica
    project_id: str
    commands: list[Command]
    day: str = DAYS[0]

    def __post_init__(self) -> None:
        self.read_the_last_page()

    def read_the_last_page(self) -> None:
        self.open_holds = self.replica.caught_up(self.project_id)
        self.last, self.from_memory = self.open_holds.last, self.open_holds.entries(self.commands)
        self.found: dict[str, WrittenEntry] | None = None

    def read_the_entries(self) -> None:
        first = self.open_holds.keys_to_look_up(self.project_id, self.commands, {})
        self.found = self.replica.stored.entries(first)
        self.found |= self.replica.stored.entries(
            self.open_holds.keys_to_look_up(self.project_id, self.commands, self.found) - first
        )

    def write(self) -> Page | None:
        """Decide and insert. Raises LostRace, or a Refusal."""
        if self.found is None:
            self.read_the_entries()
        known = self.from_memory | (self.found or {})
        here = max((one.sequence for one in known.values() if one.project_id == self.project_id), default=0)
        if here > (self.last.sequence if self.last else 0):
            raise LostRace
        page = next_page(self.project_id, self.last, known, self.commands, day=self.day)
        if page is not None:
            self.replica.append(page, self.open_holds)
        return page


class Replica:
    """One of several that write the same ledger; it keeps the open holds until it loses a race."""

    def __init__(self, stored: Stored) -> None:
        self.stored = stored
        self.hands: dict[str, OpenHolds] = {}

    def caught_up(self, project_id: str) -> OpenHolds:
        open_holds = self.hands.get(project_id)
        if open_holds is None:
            return OpenHolds(self.stored.last(project_id))
        for page in self.stored.pages[project_id][open_holds.last.sequence if open_holds.last else 0 :]:
            open_holds.advance(page)
        return open_holds

    def append(self, page: Page, open_holds: OpenHolds) -> None:
        self.hands.pop(page.project_id, None)
        self.stored.append(page)
        open_holds.advance(page)
        self.hands[page.project_id] = open_holds
