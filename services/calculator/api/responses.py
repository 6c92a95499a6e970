"""What programs get from calculator: scenes, airports and footprints, and how these are shown to them."""

from __future__ import annotations

from decimal import Decimal
from typing import Annotated

from pydantic import BaseModel, Field

from services.calculator.domain.factors import Factor, Release
from services.calculator.domain.figures import Figures
from services.calculator.domain.lines import Line
from services.calculator.domain.scenes import COUNTED, LEFT_OUT, Scene, Source
from services.calculator.handlers import Handlers
from services.calculator.store.store import Store, StoredFootprint
from shared.web.lists import ListResponse
from shared.web.livemode import Livemode


class SceneResponse(BaseModel):
    """A scene with what is counted, what is left out, and how far it is neutralised."""

    scene_id: Annotated[str, Field(description="its id, for ever")]
    livemode: Livemode
    scene: Annotated[Scene, Field(description="what was put there")]
    counted: Annotated[tuple[Source, ...], Field(description="the sources of emissions that are counted here")]
    left_out: Annotated[tuple[Source, ...], Field(description="the sources that are not counted, with the reason")]
    guests: Annotated[int, Field(description="how many visits were counted")]
    counted_g: Annotated[int, Field(description="the mass of all counted footprints, in grams")]
    neutralised_g: Annotated[int, Field(description="how much of it is neutralised, in grams")]


class Scenes(ListResponse[SceneResponse]):
    """Scenes that were found, open ones first, then by code; one that closes meanwhile may come again."""


class AirportResponse(BaseModel):
    """An airport of the factor release, whose distances count."""

    iata: Annotated[str, Field(description="IATA code, as a flight names it")]
    name: Annotated[str, Field(description="in English")]
    city: Annotated[str, Field(description="in English")]
    country: Annotated[str, Field(description="ISO 3166-1 alpha-2")]
    text: Annotated[str, Field(description="for people, in the language of the request")]


class Airports(ListResponse[AirportResponse]):
    """Airports that a text means, the best first."""


class FactorResponse(BaseModel):
    """An emission factor."""

    id: Annotated[str, Field(description="its name in the release")]
    value: Annotated[str, Field(description="as a decimal text")]
    unit: Annotated[str, Field(description="what of, per what")]
    source: Annotated[str, Field(description="who published it, and where")]
    year: Annotated[str, Field(description="the year that it is for")]
    grade: Annotated[str, Field(description="how good it is, from A on")]
    half_width: Annotated[str, Field(description="half of the width of its likely range, as a share of the value")]


class PartResponse(BaseModel):
    """One part of a line: grams = quantity × kg_per_unit × 1000 ÷ shared_by, rounded so that all adds up."""

    kind: Annotated[str, Field(description="which part of the activity's emissions: its use, or what comes before")]
    grams: Annotated[int, Field(description="its share of the line, in grams")]
    kg_per_unit: Annotated[Decimal, Field(description="kilograms of CO2e per unit, as a decimal text")]
    factors: Annotated[
        list[FactorResponse],
        Field(description="the emission factors behind it"),
    ]


class LineResponse(BaseModel):
    """One activity with its parts; quantity in the unit, for all people."""

    activity: Annotated[str, Field(description="what was done")]
    category: Annotated[str, Field(description="what it is counted under")]
    quantity: Annotated[Decimal, Field(description="how much of it, in the unit, as a decimal text")]
    unit: Annotated[str, Field(description="the unit of the quantity")]
    shared_by: Annotated[int, Field(description="how many people share the emissions")]
    basis: Annotated[str, Field(description="whether the quantity was ticketed, typed or assumed by default")]
    mass_g: Annotated[int, Field(description="the line's mass, in grams")]
    parts: Annotated[list[PartResponse], Field(description="what the mass is the sum of")]
    notes: Annotated[list[str], Field(description="how it was computed, where that is not plain")]


class WarningResponse(BaseModel):
    """What looks unusual about an answer."""

    code: Annotated[str, Field(description="what looks unusual, as a stable code")]
    field: Annotated[str, Field(description="the answer that it is about")]


class FootprintResponse(BaseModel):
    """A footprint: total, likely range and lines in grams; the capability is shown to whoever made it."""

    footprint_id: Annotated[str, Field(description="its id")]
    livemode: Livemode
    scene_id: Annotated[str | None, Field(description="the scene of the visit; null for a year of life")]
    mass_g: Annotated[int, Field(description="the mass of all lines, in grams")]
    low_g: Annotated[int, Field(description="the lower end of the likely range, in grams")]
    high_g: Annotated[int, Field(description="the upper end of the likely range, in grams")]
    release: Annotated[str, Field(description="the release of emission factors that it was computed with")]
    method: Annotated[str, Field(description="the version of the methodology that it was computed with")]
    lines: Annotated[list[LineResponse], Field(description="what it is the sum of")]
    warnings: Annotated[list[WarningResponse], Field(description="what looks unusual about the answers")]
    root: Annotated[
        str, Field(description="the first footprint of its chain of replacements; itself if it replaces none")
    ]
    replaces: Annotated[str | None, Field(description="the footprint whose answers it changed")]
    replaced_by: Annotated[
        str | None, Field(description="the footprint that changed its answers; then this one counts no more")
    ]
    certificate_id: Annotated[str | None, Field(description="the certificate that neutralised it")]
    capability: Annotated[
        str | None,
        Field(description="opens it: send it in `Diandian-Capability`; shown only to whoever made it, null to others"),
    ] = None


def scene_shown(scene_id: str, scene: Scene, figures: Figures, *, livemode: bool) -> SceneResponse:
    """Return the scene as programs see it."""
    return SceneResponse(
        scene_id=scene_id,
        livemode=livemode,
        scene=scene,
        counted=COUNTED,
        left_out=LEFT_OUT[scene.kind],
        guests=figures.guests,
        counted_g=figures.counted_grams,
        neutralised_g=figures.neutralised_grams,
    )


async def footprint_shown(
    store: Store, handlers: Handlers, stored: StoredFootprint, *, livemode: bool, capability: str | None = None
) -> FootprintResponse:
    """Return the footprint as programs see it."""
    result, release = handlers.recompute(stored), handlers.release_of(stored)
    return FootprintResponse(
        footprint_id=stored.footprint_id,
        livemode=livemode,
        scene_id=stored.scene_id,
        mass_g=stored.grams,
        low_g=stored.low_grams,
        high_g=stored.high_grams,
        release=stored.release,
        method=result.method_version,
        lines=[_line(line, release) for line in result.lines],
        warnings=[WarningResponse(code=warned.code, field=warned.field) for warned in result.warnings],
        root=stored.root,
        replaces=stored.replaces,
        replaced_by=await store.replaced_by(stored.footprint_id),
        certificate_id=stored.certificate_id,
        capability=capability,
    )


def _line(line: Line, release: Release) -> LineResponse:
    return LineResponse(
        activity=line.activity,
        category=line.category,
        quantity=line.quantity,
        unit=line.unit,
        shared_by=line.shared_by,
        basis=line.basis,
        mass_g=line.grams,
        parts=[
            PartResponse(
                kind=part.kind,
                grams=part.grams,
                kg_per_unit=part.value,
                factors=[_factor(factor) for factor in part.factors],
            )
            for part in line.parts
        ],
        notes=[release.notes[note] for note in line.notes],
    )


def _factor(factor: Factor) -> FactorResponse:
    return FactorResponse(
        id=factor.id,
        value=str(factor.value),
        unit=factor.unit,
        source=factor.source,
        year=factor.year,
        grade=factor.grade,
        half_width=str(factor.half_width),
    )
