"""Which boards there are: who is listed, by which measure, in which window, and from how wide a field."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, NamedTuple

from services.ranking.domain.windows import WindowKind
from shared.refusal import Refusal
from shared.sentence import Sentence

Board = Literal["people", "companies", "scenes"]
Measure = Literal["scenes", "mass_g", "share"]
# The first measure of a board is its default.
MEASURES: dict[Board, tuple[Measure, ...]] = {
    "people": ("scenes", "mass_g"),
    "companies": ("mass_g", "scenes"),
    "scenes": ("share", "mass_g"),
}


class NotOffered(Refusal):
    """There is no such board: this measure, window or field does not go with it (422)."""

    code = "board_not_offered"


class Field(NamedTuple):
    """What a board is narrowed to: one scene by its id, or one city by its name."""

    kind: Literal["scene", "city"]
    name: str


@dataclass(frozen=True, slots=True)
class Selection:
    """One board; `field` is none when everything counts."""

    board: Board
    measure: Measure
    window: WindowKind
    field: Field | None = None


def select(
    board: Board,
    *,
    measure: Measure | None = None,
    window: WindowKind | None = None,
    scene_id: str | None = None,
    city: str | None = None,
) -> Selection:
    """Return the board that is meant; what is left open takes its default. Raises NotOffered."""
    if measure is None:
        # A share has no window but all time, so another window means the other measure.
        measure = "mass_g" if board == "scenes" and window not in (None, "all") else MEASURES[board][0]
    if measure not in MEASURES[board]:
        first, second = MEASURES[board]
        refused = Sentence(
            "The board of {board} is by {first} or {second}, not by {measure}.",
            board=board, first=first, second=second, measure=measure,
        )  # fmt: skip
        raise NotOffered(refused, field="measure")
    if measure == "share" and window not in (None, "all"):
        refused = Sentence("Shares are counted over all time. Ask for the window all, or for mass_g.")
        raise NotOffered(refused, field="window")
    if board == "scenes" and (scene_id or city):
        refused = Sentence("Scenes have one board. Leave scene and city out.")
        raise NotOffered(refused, field="scene" if scene_id else "city")
    if scene_id and city:
        raise NotOffered(Sentence("A scene lies in one city already. Send scene or city, not both."), field="city")
    field = Field("scene", scene_id) if scene_id else Field("city", city) if city else None
    return Selection(board, measure, window or "all", field)
