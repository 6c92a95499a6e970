"""What the calculator's pages show: the context of each template, as its head lists it."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable, Mapping
from typing import Any

from babel import Locale

from services.calculator.domain.answers import DISHES, Place, read_answers
from services.calculator.domain.engine import compute, per_100_km
from services.calculator.domain.factors import Release
from services.calculator.domain.lines import Line
from services.calculator.domain.price import cost_fen
from services.calculator.domain.range import widest
from services.calculator.domain.reduction import Reduction
from services.calculator.domain.scenes import LEFT_OUT, LIFE_LEFT_OUT, Scene
from services.calculator.handlers import Handlers
from services.calculator.pages import words
from services.calculator.pages.form import DEFAULTS
from services.calculator.pages.occasion import Occasion
from services.calculator.pages.refined import LEGS_MAX, Typed
from services.calculator.store.store import StoredFootprint
from shared.web import languages

# What a page shows of a scene's territories; the codes that CLDR has beside countries are left out.
_NO_COUNTRIES = frozenset({"EU", "EZ", "QO", "UN", "XA", "XB", "ZZ"})


def question_context(
    occasion: Occasion, typed: Mapping[str, str], release: Release, *, errors: Mapping[str, str], key: str
) -> dict[str, Any]:
    """Return what the page of the three questions shows."""
    return {
        **_form(occasion, key=key, errors=errors),
        "here": f"{occasion.base}/count",
        "replaces": "",
        "last_grams": None,
        "modes": [
            {
                "id": mode,
                "name": name,
                "grams_per_100km": int(per_100_km(mode, release, country=occasion.place.country) * 1000),
            }
            for mode, name in words.MODES.items()
        ],
        "stays": words.STAYS,
        "answers": {name: typed.get(name, "") for name in DEFAULTS},
    }


def refined_context(
    occasion: Occasion,
    typed: Typed,
    release: Release,
    *,
    errors: Mapping[str, str],
    key: str,
    replaces: str,
    last_grams: int | None,
) -> dict[str, Any]:
    """Return what the refined page shows."""
    return {
        **_form(occasion, key=key, errors=errors),
        "here": occasion.refined + (f"?replaces={replaces}" if replaces else ""),
        "questions": f"{occasion.base}/count" if occasion.scene else "",
        "replaces": replaces,
        "last_grams": last_grams,
        "legs": typed.legs,
        "more_legs": len(typed.legs) < LEGS_MAX,
        "modes": _choices(words.LEGS),
        "cabins": _choices(words.CABINS),
        "fuels": _choices(words.FUELS),
        "hotel_classes": _choices(words.HOTEL_CLASSES),
        "countries": countries(),
        "stays": words.STAYS,
        "dishes": [
            {"id": dish, "name": words.DISHES[dish], "grams": _grams_of(dish, release, occasion.place)}
            for dish in DISHES
        ],
        "answers": typed.rest,
    }


def zero_context(occasion: Occasion) -> dict[str, Any]:
    """Return what the page of a visit that emitted nothing shows."""
    return {
        "over": languages.in_current(occasion.names) if occasion.names else "",
        "left_out": LEFT_OUT[occasion.scene.kind] if occasion.scene else LIFE_LEFT_OUT,
        "change_href": f"{occasion.base}/count" if occasion.scene else occasion.base,
    }


def result_context(
    handlers: Handlers,
    stored: StoredFootprint,
    scene: Scene | None,
    *,
    replaced_by: str,
    price: tuple[int, str] | None,
) -> dict[str, Any]:
    """Return what the page of a footprint shows; all figures recomputed from its own answers and release."""
    computed = handlers.recompute(stored)
    occasion = Occasion.visit(scene) if scene else Occasion.year(stored.place.country)
    may_change = scene is None or scene.status == "open"
    return {
        "footprint_id": stored.footprint_id,
        "scene": scene,
        "change_href": f"{occasion.refined}?replaces={stored.footprint_id}" if may_change else "",
        "grams": stored.grams,
        "low_grams": stored.low_grams,
        "high_grams": stored.high_grams,
        "categories": [
            {"name": words.CATEGORIES[name], "grams": grams}
            for name, grams in computed.grams_by_category.items()
            if grams
        ],
        "lines": [_line(line) for line in sorted(computed.lines, key=lambda one: -one.grams) if line.grams],
        "warnings": [words.WARNINGS[warned.code] for warned in computed.warnings],
        "release": stored.release,
        "left_out": [source.name for source in (LEFT_OUT[scene.kind] if scene else LIFE_LEFT_OUT)],
        "widest": words.line_name(widest(computed.lines).activity),
        "reduction": _reduction(handlers.reduction(stored, computed)),
        "from_fen": cost_fen(stored.grams, price[0]) if price else None,
        "currency": price[1] if price else "CNY",
        "state": "neutralised" if stored.certificate_id else "replaced" if replaced_by else "open",
        "replaced_by": replaced_by,
    }


def countries() -> list[dict[str, str]]:
    """Return all countries by ISO code, in the order of their names in the page's language."""
    names = Locale.parse(languages.current().language).territories
    found = [
        (name, code) for code, name in names.items() if len(code) == 2 and code.isalpha() and code not in _NO_COUNTRIES
    ]
    return [{"id": code, "name": name} for name, code in sorted(found, key=lambda one: _in_order(one[0]))]


def _in_order(name: str) -> bytes:
    """Return what sorts names as their readers look them up: Chinese by sound, which is the order of GB 18030."""
    if name[0] >= "\N{CJK UNIFIED IDEOGRAPH-4E00}":
        return name.encode("gb18030")
    return unicodedata.normalize("NFKD", name).casefold().encode()


def _form(occasion: Occasion, *, key: str, errors: Mapping[str, str]) -> dict[str, Any]:
    return {
        "title": occasion.title,
        "over": languages.in_current(occasion.names) if occasion.names else "",
        "action": f"{occasion.base}/footprints",
        "preview": f"{occasion.base}/preview",
        "idempotency_key": key,
        "errors": errors,
    }


def _line(line: Line) -> dict[str, Any]:
    factor = line.parts[0].factors[0]
    shown = [part for part in line.parts if part.grams]
    return {
        "field": line.field,
        "source": factor.publisher,
        "year": factor.year,
        "basis": line.basis,
        "notes": [words.NOTES[note] for note in line.notes],
        "parts": [
            {
                "name": words.part_name(line.activity, part.kind, alone=len(shown) == 1),
                "quantity": line.quantity,
                "unit": words.UNITS[line.unit],
                "kg_per_unit": part.value.normalize(),
                "shared_by": line.shared_by,
                "grams": part.grams,
                "grade": part.factors[0].grade,
                "uncertainty_percent": int((part.half_width * 100).to_integral_value()),
            }
            for part in line.parts
        ],
    }


def _reduction(found: Reduction | None) -> dict[str, Any] | None:
    if found is None:
        return None
    by, instead_of = words.LEGS[found.by], words.INSIDE[found.instead_of]
    return {"by": by, "instead_of": instead_of, "grams": found.grams, "less_grams": found.less_grams}


def _grams_of(dish: str, release: Release, place: Place) -> int:
    one = read_answers({"meals": {dish: 1}})
    return compute(one, scene=place, release=release).grams


def _choices(names: Mapping[str, str] | Iterable[tuple[str, str]]) -> list[dict[str, str]]:
    return [{"id": choice, "name": name} for choice, name in dict(names).items()]
