"""What calculator publishes: scenes as they stand, and footprints as they are computed."""

from typing import Annotated, ClassVar, Literal

from pydantic import Field

from shared.contracts.event import (
    ONE_LINE,
    Country,
    Day,
    Event,
    FootprintId,
    Grams,
    GramsOrNone,
    Hash,
    Jurisdiction,
    Label,
    Names,
    SceneId,
)

SceneKind = Literal["conference", "scenic_spot", "supermarket", "restaurant", "hotel", "other"]
SceneStatus = Literal["draft", "open", "closed", "suspended"]
TimeZone = Annotated[
    str, Field(pattern=r"^[A-Za-z][A-Za-z0-9_+-]*(/[A-Za-z0-9_+-]+)*$", max_length=64, description="IANA time zone")
]
City = Annotated[str, Field(min_length=2, max_length=60, pattern=ONE_LINE)]
Category = Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]*$", max_length=60)]


class ScenePublished(Event):
    """A scene as it stands now; names of private persons are forbidden in it."""

    publisher: ClassVar[str] = "calculator"
    topic: ClassVar[str] = "scene.published"
    key: ClassVar[str] = "scene_id"
    subject: ClassVar[str] = "scene_id"
    kept: ClassVar[Literal["for ever", "compacted"]] = "compacted"

    scene_id: SceneId
    code: Annotated[str, Field(pattern=r"^[0-9A-Z]{4,12}$", description="the code in its QR address")]
    names: Names
    kind: SceneKind
    country: Country
    city: Annotated[City, Field(description="ISO 3166-2 subdivision and city name, CN-SC Chengdu")]
    starts_on: Day
    ends_on: Day | None
    time_zone: TimeZone
    organiser_id: Label
    status: SceneStatus


class FootprintCalculated(Event):
    """The result of one calculation; a changed answer is a new footprint that names the one it replaces."""

    publisher: ClassVar[str] = "calculator"
    topic: ClassVar[str] = "footprint.calculated"
    key: ClassVar[str] = "footprint_id"
    subject: ClassVar[str] = "footprint_id"

    footprint_id: FootprintId
    scene_id: SceneId | None
    role: Literal["guest", "organiser"]
    people: Annotated[int, Field(ge=1, le=1_000_000)]
    grams: Grams
    low_grams: GramsOrNone
    high_grams: GramsOrNone
    grams_by_category: Annotated[dict[Category, GramsOrNone], Field(max_length=100)]
    release: Annotated[Label, Field(description="the factor release and method that it was computed with")]
    jurisdiction: Annotated[
        Jurisdiction, Field(description="whose rules the claim words follow: country, or country and city")
    ]
    claim_hash: Annotated[Hash, Field(description="hash of the capability that may neutralise it")]
    replaces: FootprintId | None
    root: Annotated[FootprintId, Field(description="the first footprint of its chain of replacements")]
