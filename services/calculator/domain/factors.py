"""A release of factors as values: what its files must hold, and which factors an activity takes in a place."""

from __future__ import annotations

import csv
import hashlib
import io
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from types import MappingProxyType
from typing import Any, Literal, cast

from pydantic import TypeAdapter

from shared.refusal import Refusal

METHOD_VERSION = "2026-11-22"
MANIFEST = "manifest.json"
WORLD = "world"

PartKind = Literal["direct", "upstream", "non_co2"]


class UnknownRelease(Refusal):
    """No release of this name exists (404)."""

    code = "unknown_release"


class ReleaseAltered(Refusal):
    """The files of a release are not the ones that were frozen; nothing is computed with them (500)."""

    code = "release_altered"


class NoFactor(Refusal):
    """The release has no factor for this activity in this place, not even a fallback (422)."""

    code = "no_factor"


@dataclass(frozen=True)
class Factor:
    """One emission factor with its pedigree; `half_width` is relative, at 95%; `grade` is A, B or C."""

    id: str
    category: str
    activity: str
    region: str
    year: str
    value: Decimal
    unit: str
    gas_basis: str
    boundary: str
    source: str
    publisher: str
    grade: str
    half_width: Decimal
    half_width_from: str


@dataclass(frozen=True)
class Airport:
    """An airport's reference point in degrees on WGS84."""

    iata: str
    name: str
    city: str
    country: str
    latitude: Decimal
    longitude: Decimal


@dataclass(frozen=True)
class Term:
    """What one part of an activity is multiplied with: the product of `factors`, and what must be said about it."""

    kind: PartKind
    factors: tuple[Factor, ...]
    notes: tuple[str, ...]


@dataclass(frozen=True)
class Release:
    """A frozen set of factors, of defaults that say which activity takes which, and of airports.

    `notes` gives the sentence behind each note that a line may carry.
    """

    name: str
    method_version: str
    date: str
    factors: Mapping[str, Factor]
    defaults: Mapping[tuple[str, str], tuple[tuple[str, str, str], ...]]
    airports: Mapping[str, Airport]
    notes: Mapping[str, str]
    licences: tuple[str, ...]

    def terms(self, activity: str, regions: Sequence[str]) -> tuple[Term, ...]:
        """Return the terms of an activity for the first of the regions that has its own, else for the world.

        Raises NoFactor when there is none for the world either.
        """
        found: list[Term] = []
        for kind, product, notes in self._lines(activity, regions):
            note_keys = notes.split()
            factors: list[Factor] = []
            for name in product.split():
                if name.startswith("@"):
                    for term in self.terms(name[1:], regions):
                        factors += term.factors
                        note_keys += term.notes
                else:
                    factors.append(self.factors[name])
            found.append(Term(cast("PartKind", kind), tuple(factors), tuple(note_keys)))
        return tuple(found)

    def _lines(self, activity: str, regions: Sequence[str]) -> tuple[tuple[str, str, str], ...]:
        for region in (*regions, WORLD):
            if lines := self.defaults.get((activity, region)):
                return lines
        raise NoFactor(f"There is no factor for {activity} in {', '.join(regions)}. Choose another way or place.")


_FACTORS = TypeAdapter(list[Factor])
_AIRPORTS = TypeAdapter(list[Airport])


def release_of(files: Mapping[str, bytes], *, digest: str) -> Release:
    """Return the release that the files hold; `digest` is the SHA-256 of its manifest.

    Raises ReleaseAltered when a byte differs from what was frozen, or the method is not this engine's.
    """
    if MANIFEST not in files or hashlib.sha256(files[MANIFEST]).hexdigest() != digest:
        raise ReleaseAltered("The manifest of the factor release is not the frozen one. Restore the release.")
    manifest: dict[str, Any] = json.loads(files[MANIFEST])
    for name, wanted in manifest["sha256"].items():
        if hashlib.sha256(files.get(name, b"")).hexdigest() != wanted:
            raise ReleaseAltered(f"{name} of release {manifest['release']} is not the frozen one. Restore the release.")
    if manifest["method_version"] != METHOD_VERSION:
        raise ReleaseAltered(f"Release {manifest['release']} needs method {manifest['method_version']}.")
    defaults: dict[tuple[str, str], tuple[tuple[str, str, str], ...]] = {}
    for row in _rows(files["defaults.csv"]):
        key = (row["activity"], row["region"])
        defaults[key] = (*defaults.get(key, ()), (row["part"], row["factors"], row["notes"]))
    factors = _FACTORS.validate_python(_rows(files["factors.csv"]))
    airports = _AIRPORTS.validate_python(_rows(files["airports.csv"]))
    return Release(
        name=manifest["release"],
        method_version=manifest["method_version"],
        date=manifest["date"],
        factors=MappingProxyType({factor.id: factor for factor in factors}),
        defaults=MappingProxyType(defaults),
        airports=MappingProxyType({airport.iata: airport for airport in airports}),
        notes=MappingProxyType(manifest["notes"]),
        licences=tuple(manifest["licences"]),
    )


def _rows(content: bytes) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(content.decode(), newline="")))
