"""What a guest counts: a visit to a scene, or a year of journeys, which belongs to no scene."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from services.calculator.domain.answers import Place
from services.calculator.domain.scenes import Scene
from shared.sentence import Sentence


@dataclass(frozen=True)
class Occasion:
    """The addresses and names of what is counted; `scene` is none for a year of journeys."""

    base: str
    title: Sentence
    names: Mapping[str, str]
    place: Place
    scene: Scene | None

    @classmethod
    def visit(cls, scene: Scene) -> Occasion:
        """Return the visit to a scene."""
        return cls(f"/s/{scene.code}", Sentence("Your trip"), scene.names, scene.location, scene)

    @classmethod
    def year(cls, country: str) -> Occasion:
        """Return a year of journeys of somebody who lives in the country."""
        return cls("/life", Sentence("A year of journeys"), {}, Place(country=country), None)

    @property
    def refined(self) -> str:
        """Where every leg is asked for."""
        return f"{self.base}/refine" if self.scene else self.base
