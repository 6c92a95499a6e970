"""What a scene is, what it counts and leaves out, and when it takes footprints."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field

from services.calculator.domain.answers import Place
from shared.contracts.calculator import City, SceneKind, ScenePublished, SceneStatus, TimeZone
from shared.contracts.event import ONE_LINE, Country, Day
from shared.contracts.printable import PrintableNames
from shared.refusal import Refusal
from shared.sentence import Sentence

# The language of a text that comes without one.
SOURCE = "en"


class SceneNotOpen(Refusal):
    """Footprints count only from open scenes (409)."""

    code = "scene_not_open"


class SceneNotYours(Refusal):
    """The scene belongs to another organiser (403)."""

    code = "scene_not_yours"


class CodeTaken(Refusal):
    """Another scene has this code (409)."""

    code = "code_taken"


def _in_some_language(value: object) -> object:
    """Take a plain text as an English one."""
    return {SOURCE: value} if isinstance(value, str) else value


class Scene(BaseModel):
    """A venue or event with a QR code. The form forbids names of private persons: hosts are organisations."""

    model_config = ConfigDict(frozen=True, extra="forbid", str_strip_whitespace=True)

    code: Annotated[
        str,
        Field(
            pattern=r"^[0-9A-Z]{4,12}$",
            examples=["FORUM26"],
            description="stands on the poster and in its QR code; no two scenes have the same",
        ),
    ]
    names: PrintableNames
    kind: Annotated[SceneKind, Field(description="what kind of place it is")]
    country: Country
    city: Annotated[City, Field(examples=["CN-SC Chengdu"], description="ISO 3166-2 subdivision and city")]
    airports: Annotated[
        tuple[Annotated[str, Field(pattern=r"^[A-Z]{3}$")], ...],
        Field(max_length=5, description="IATA codes of the airports where its guests land, the usual one first"),
    ] = ()
    place: Annotated[PrintableNames, BeforeValidator(_in_some_language), Field(description="where guests find it")]
    host: Annotated[
        PrintableNames, BeforeValidator(_in_some_language), Field(description="the organisation that hosts it")
    ]
    starts_on: Annotated[Day, Field(description="its first day, in its time zone")]
    ends_on: Annotated[Day | None, Field(description="its last day; null where it has none")] = None
    time_zone: TimeZone = "Asia/Shanghai"
    organiser_id: Annotated[
        str,
        Field(
            min_length=1,
            max_length=60,
            pattern=ONE_LINE,
            description="who organises it; only its tokens change the scene",
        ),
    ]
    status: Annotated[
        SceneStatus, Field(description="visits count while it is `open`; `draft` and `suspended` are shown to nobody")
    ] = "open"

    @property
    def location(self) -> Place:
        """Where it lies, as the engine needs it."""
        return Place(country=self.country, city=self.city, airports=self.airports)


@dataclass(frozen=True)
class Source:
    """One emission source inside or outside a scene's boundary, with what it covers or why it is left out."""

    name: Annotated[str, Field(description="the source of emissions")]
    detail: Annotated[str, Field(description="what it covers, or why it is left out")]


_TRAVEL = Source(Sentence("The way here and back"), Sentence("Plane, train, coach, car"))
_LOCAL = Source(Sentence("Getting around in the city"), Sentence("Metro, bus, taxi"))
_NIGHTS = Source(Sentence("Hotel nights"), Sentence("Shared rooms are divided"))
_MEALS = Source(Sentence("Meals during the visit"), Sentence("By kind of dish"))
_ENERGY = Source(Sentence("Power and heat of the place"), Sentence("The host counts it from the meter"))
COUNTED: tuple[Source, ...] = (_TRAVEL, _LOCAL, _NIGHTS, _MEALS)
LEFT_OUT: dict[SceneKind, tuple[Source, ...]] = {
    "conference": (
        _ENERGY,
        Source(Sentence("Stands and print"), Sentence("The host counts them")),
        Source(Sentence("Online guests"), Sentence("Less than 0.1 kg an hour")),
    ),
    "scenic_spot": (_ENERGY, Source(Sentence("Souvenirs"), Sentence("Not asked yet"))),
    "supermarket": (_ENERGY, Source(Sentence("What is in the basket"), Sentence("Not asked yet"))),
    "restaurant": (_ENERGY, Source(Sentence("Drinks and packaging"), Sentence("Not asked yet"))),
    "hotel": (Source(Sentence("Power and heat of the house"), Sentence("Inside the hotel nights")),),
    "other": (_ENERGY, Source(Sentence("Shopping"), Sentence("Not asked yet"))),
}
LIFE_LEFT_OUT: tuple[Source, ...] = (
    Source(Sentence("Power and heat at home"), Sentence("Not asked yet")),
    Source(Sentence("Food"), Sentence("Not asked yet")),
    Source(Sentence("Shopping"), Sentence("Not asked yet")),
    Source(Sentence("Public services"), Sentence("Nobody can count them for one person")),
)


_NOT_OPEN: dict[SceneStatus, Sentence] = {
    "draft": Sentence("This scene is not open yet: it takes no footprints."),
    "closed": Sentence("This scene is closed: it takes no new footprints and no changed answers."),
    "suspended": Sentence("This scene is suspended: it takes no new footprints and no changed answers."),
}


def must_be_open(scene: Scene) -> None:
    """Raise SceneNotOpen when the scene takes no footprints."""
    if scene.status != "open":
        raise SceneNotOpen(_NOT_OPEN[scene.status], field="scene")


def must_be_of(organiser_id: str | None, *scenes: Scene) -> None:
    """Raise SceneNotYours unless all scenes are this organiser's; staff that acts for none may touch all."""
    if organiser_id is not None and any(scene.organiser_id != organiser_id for scene in scenes):
        raise SceneNotYours(f"Staff of {organiser_id} may touch its own scenes only.", field="organiser_id")


def published(scene_id: str, scene: Scene) -> ScenePublished:
    """Return the scene as it is published."""
    names = set(ScenePublished.model_fields)
    return ScenePublished(scene_id=scene_id, **{name: value for name, value in scene if name in names})
