"""Where each board has its page, and the links from one to the others."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any
from urllib.parse import urlencode

from services.ranking.domain.boards import Boards
from services.ranking.domain.selection import MEASURES, Board, Measure
from services.ranking.domain.windows import WindowKind
from shared.contracts.calculator import ScenePublished
from shared.sentence import Sentence
from shared.web.languages import in_current

SCENES_OFFERED = 5
BOARDS: dict[Board, str] = {
    "people": Sentence("People"),
    "companies": Sentence("Companies"),
    "scenes": Sentence("Scenes"),
}
_MEASURES: dict[tuple[Board, Measure], str] = {
    ("people", "scenes"): Sentence("taking part"),
    ("people", "mass_g"): Sentence("tonnes"),
    ("companies", "mass_g"): Sentence("tonnes"),
    ("companies", "scenes"): Sentence("taking part"),
    ("scenes", "share"): Sentence("share offset"),
    ("scenes", "mass_g"): Sentence("tonnes"),
}
_WINDOWS: dict[WindowKind, str] = {
    "day": Sentence("today"),
    "week": Sentence("this week"),
    "month": Sentence("this month"),
    "year": Sentence("this year"),
    "all": Sentence("all time"),
}
Link = dict[str, Any]


@dataclass(frozen=True, slots=True)
class View:
    """One board as its page shows it; the scene by its code."""

    board: Board
    measure: Measure
    window: WindowKind
    scene: str | None = None
    city: str | None = None

    def href(self, after: str | None = None) -> str:
        """Return the address of the page, or of the ranks after a cursor; what is by default is left out."""
        parameters = {
            "measure": None if self.measure == MEASURES[self.board][0] else self.measure,
            "window": None if self.window == "all" else self.window,
            "scene": self.scene,
            "city": self.city,
            "after": after,
        }
        query = urlencode({name: value for name, value in parameters.items() if value})
        return f"/boards/{self.board}?{query}" if query else f"/boards/{self.board}"

    def boards(self) -> list[Link]:
        """Return the links to all boards: in the same window, and in the same place where a board has places."""
        return [self._link(name, self._on(board), current=board == self.board) for board, name in BOARDS.items()]

    def measures(self) -> list[Link]:
        """Return the links to the measures of this board."""
        return [
            self._link(_MEASURES[self.board, measure], self._by(measure), current=measure == self.measure)
            for measure in MEASURES[self.board]
        ]

    def windows(self) -> list[Link]:
        """Return the links to the windows; a share has only one."""
        if self.measure == "share":
            return []
        return [
            self._link(name, replace(self, window=kind), current=kind == self.window) for kind, name in _WINDOWS.items()
        ]

    def scopes(self, boards: Boards) -> list[Link]:
        """Return the links to everywhere, the city and the scene chosen, and the scenes with the most certificates."""
        return list(self._scopes(boards)) if self.board != "scenes" else []

    def _scopes(self, boards: Boards) -> Iterator[Link]:
        chosen = boards.scene(self.scene) if self.scene else None
        city = chosen.city if chosen else self.city
        yield self._link(Sentence("everywhere"), self._at(), current=not (self.scene or self.city))
        if city:
            yield self._link(city_name(city), self._at(city=city), current=bool(self.city))
        scenes: dict[str, ScenePublished] = {scene.scene_id: scene for scene in boards.busiest_scenes(SCENES_OFFERED)}
        if chosen:
            scenes.setdefault(chosen.scene_id, chosen)
        for scene in scenes.values():
            yield self._link(in_current(scene.names), self._at(scene=scene.code), current=scene is chosen)

    def _on(self, board: Board) -> View:
        measure = self.measure if board == self.board else MEASURES[board][0]
        if measure == "share" and self.window != "all":
            measure = "mass_g"
        placed = board != "scenes"
        return View(board, measure, self.window, self.scene if placed else None, self.city if placed else None)

    def _by(self, measure: Measure) -> View:
        return replace(self, measure=measure, window="all" if measure == "share" else self.window)

    def _at(self, *, scene: str | None = None, city: str | None = None) -> View:
        return replace(self, scene=scene, city=city)

    def _link(self, name: str, view: View, *, current: bool) -> Link:
        return {"name": name, "href": view.href(), "current": current}


def city_name(city: str) -> str:
    """Return a city without the code of its province, which scenes put before it."""
    return city.partition(" ")[2] or city
