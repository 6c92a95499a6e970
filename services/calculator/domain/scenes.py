"""What a scene is, what it counts and leaves out, and when it takes footprints."""

from __future__ import annotations

from datetime import date
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

from services.calculator.domain.answers import Place
from shared.contracts.calculator import SceneKind, ScenePublished, SceneStatus
from shared.contracts.event import Country
from shared.contracts.printable import Printable, PrintableNames
from shared.refusal import Refusal


class SceneNotOpen(Refusal):
    """Footprints count only from open scenes (409)."""

    code = "scene_not_open"


class SceneNotYours(Refusal):
    """The scene belongs to another organiser (403)."""

    code = "scene_not_yours"


class CodeTaken(Refusal):
    """Another scene has this code (409)."""

    code = "code_taken"


class Scene(BaseModel):
    """A venue or event with a QR code. The form forbids names of private persons: hosts are organisations."""

    model_config = ConfigDict(frozen=True, extra="forbid", str_strip_whitespace=True)

    code: Annotated[str, Field(pattern=r"^[0-9A-Z]{4,12}$", examples=["FORUM26"])]
    names: PrintableNames
    kind: SceneKind
    country: Country
    city: Annotated[str, Field(min_length=2, max_length=60, examples=["CN-SC Chengdu"])]
    airports: Annotated[tuple[Annotated[str, Field(pattern=r"^[A-Z]{3}$")], ...], Field(max_length=5)] = ()
    place: Annotated[str, Field(min_length=1, max_length=120, description="where guests find it"), Printable]
    host: Annotated[str, Field(min_length=1, max_length=120, description="the organisation that hosts it"), Printable]
    starts_on: date
    ends_on: date | None = None
    time_zone: str = "Asia/Shanghai"
    organiser_id: Annotated[str, Field(min_length=1, max_length=60)]
    status: SceneStatus = "open"

    @property
    def location(self) -> Place:
        """Where it lies, as the engine needs it."""
        return Place(country=self.country, city=self.city, airports=self.airports)


class Source(BaseModel):
    """One emission source inside or outside a scene's boundary, with what it covers or why it is left out."""

    model_config = ConfigDict(frozen=True)

    name: str
    detail: str


_TRAVEL = Source(name="The way here and back", detail="plane, train, coach, car")
_LOCAL = Source(name="Getting around in the city", detail="metro, bus, taxi")
_NIGHTS = Source(name="Hotel nights", detail="shared rooms are divided")
_MEALS = Source(name="Meals during the visit", detail="by kind of dish")
_ENERGY = Source(name="Power and heat of the place", detail="the host counts it from the meter")
COUNTED: tuple[Source, ...] = (_TRAVEL, _LOCAL, _NIGHTS, _MEALS)
LEFT_OUT: dict[SceneKind, tuple[Source, ...]] = {
    "conference": (
        _ENERGY,
        Source(name="Stands and print", detail="the host counts them"),
        Source(name="Online guests", detail="less than 0.1 kg an hour"),
    ),
    "scenic_spot": (_ENERGY, Source(name="Souvenirs", detail="not asked yet")),
    "supermarket": (_ENERGY, Source(name="What is in the basket", detail="not asked yet")),
    "restaurant": (_ENERGY, Source(name="Drinks and packaging", detail="not asked yet")),
    "hotel": (Source(name="Power and heat of the house", detail="inside the hotel nights"),),
    "other": (_ENERGY, Source(name="Shopping", detail="not asked yet")),
}


def must_be_open(scene: Scene) -> None:
    """Raise SceneNotOpen when the scene takes no footprints."""
    if scene.status != "open":
        raise SceneNotOpen(
            f"This scene is {scene.status}: it takes no new footprints and no changed answers.", field="scene"
        )


def must_be_of(organiser_id: str | None, *scenes: Scene) -> None:
    """Raise SceneNotYours unless all scenes are this organiser's; staff that acts for none may touch all."""
    if organiser_id is not None and any(scene.organiser_id != organiser_id for scene in scenes):
        raise SceneNotYours(f"Staff of {organiser_id} may touch its own scenes only.", field="organiser_id")


def published(scene_id: str, scene: Scene) -> ScenePublished:
    """Return the scene as it is told."""
    told = set(ScenePublished.model_fields)
    return ScenePublished(scene_id=scene_id, **{name: value for name, value in scene if name in told})
