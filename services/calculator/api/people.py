"""The calculator's addresses for people: home, scene, the three questions, the result."""

from __future__ import annotations

import secrets
from collections.abc import Mapping
from typing import Annotated, Any

from fastapi import APIRouter, Query, Request
from fastapi.responses import HTMLResponse, RedirectResponse, Response

from services.calculator import domain
from services.calculator.api.programs import FootprintAsked, wanted_of
from services.calculator.handlers import Handlers, UnknownFootprint
from services.calculator.pages import words
from services.calculator.pages.form import DEFAULTS, REFINED, FormWrong, as_typed, read_form
from services.calculator.store import Store
from shared.web.app import cause_of, keep_capability
from shared.web.auth import hash_of, shown
from shared.web.idempotency import checked
from shared.web.pages import Pages


def page_router(store: Store, handlers: Handlers, pages: Pages, *, secret: str, secure: bool) -> APIRouter:
    """Build the routes for people."""
    routes = APIRouter(include_in_schema=False)

    @routes.get("/")
    async def home(q: Annotated[str, Query(max_length=80)] = "") -> HTMLResponse:
        scenes = []
        for scene_id, scene in await store.scenes(q.strip()):
            totals = await store.totals(scene_id)
            shown_scene = _scene(scene)
            shown_scene |= {"counted_grams": totals.counted_grams, "neutralised_grams": totals.neutralised_grams}
            scenes.append(shown_scene)
        return HTMLResponse(pages.render("home.html", q=q, scenes=scenes))

    @routes.get("/s/{code}")
    async def scene(code: str) -> HTMLResponse:
        scene_id, found = await handlers.scene(code)
        totals = await store.totals(scene_id)
        return HTMLResponse(
            pages.render(
                "scene.html",
                scene=_scene(found),
                counted=domain.COUNTED,
                left_out=domain.LEFT_OUT[found.kind],
                guests=totals.guests,
                counted_grams=totals.counted_grams,
                neutralised_grams=totals.neutralised_grams,
            )
        )

    @routes.get("/s/{code}/count")
    async def count(request: Request, code: str, replaces: str = "") -> HTMLResponse:
        _, found = await handlers.scene(code)
        domain.must_be_open(found)
        typed, last_grams = dict(DEFAULTS), None
        if replaces and (old := await store.footprint(replaces)) and _fits(request, replaces, old.claim_hash):
            typed, last_grams = as_typed(old.answers, handlers.release), old.grams
        page = _count(found, typed, errors={}, key=secrets.token_hex(16), replaces=replaces, last_grams=last_grams)
        return HTMLResponse(pages.render("count.html", **page))

    @routes.get("/s/{code}/footprints")
    async def back_to_count(code: str) -> RedirectResponse:
        # Where a form with a wrong answer came back: whoever opens that address again wants the form.
        return RedirectResponse(f"/s/{code}/count", 303)

    @routes.post("/s/{code}/footprints")
    async def calculate(request: Request, code: str) -> Response:
        form = {name: str(value) for name, value in (await request.form()).items()}
        _, found = await handlers.scene(code)
        key, replaces = checked(form.get("idempotency_key")), form.get("replaces", "")
        try:
            answers = read_form(form, found, handlers.release)
        except FormWrong as wrong:
            typed = {name: form.get(name, "") for name in DEFAULTS}
            page = _count(found, typed, errors=wrong.errors, key=key, replaces=replaces, last_grams=None)
            return HTMLResponse(pages.render("count.html", **page), 422)
        asked = FootprintAsked(scene=found.code, answers=answers, replaces=replaces or None)
        wanted, token = await wanted_of(request, store, asked, key=key, secret=secret)
        await handlers.calculate(wanted, cause=cause_of(request))
        answer = RedirectResponse(f"/footprints/{wanted.footprint_id}", 303)
        keep_capability(answer, wanted.footprint_id, token, secure=secure)
        return answer

    @routes.get("/footprints/{footprint_id}")
    async def result(footprint_id: str) -> HTMLResponse:
        stored = await store.footprint(footprint_id)
        scene = await store.scene_by_id(stored.scene_id) if stored else None
        if stored is None or scene is None:
            raise UnknownFootprint("There is no such footprint.")
        computed = handlers.recompute(stored)
        replaced_by = await store.replaced_by(footprint_id) or ""
        state = "neutralised" if stored.certificate_id else "replaced" if replaced_by else "open"
        price = await store.lowest_price_fen()
        return HTMLResponse(
            pages.render(
                "result.html",
                footprint_id=footprint_id,
                scene=_scene(scene),
                grams=stored.grams,
                low_grams=stored.low_grams,
                high_grams=stored.high_grams,
                categories=[
                    {"name": words.CATEGORIES[name], "grams": grams}
                    for name, grams in computed.grams_by_category.items()
                    if grams
                ],
                lines=[_line(line) for line in computed.lines if line.grams],
                release=stored.release,
                left_out=[source.name.lower() for source in domain.LEFT_OUT[scene.kind]],
                widest=words.line_name(domain.widest(computed.lines).activity),
                reduction=_reduction(handlers.reduction(stored, computed)),
                from_fen=domain.cost_fen(stored.grams, price[0]) if price else None,
                currency=price[1] if price else "CNY",
                state=state,
                replaced_by=replaced_by,
            )
        )

    def _count(
        scene: domain.Scene,
        typed: Mapping[str, str],
        *,
        errors: Mapping[str, str],
        key: str,
        replaces: str,
        last_grams: int | None,
    ) -> dict[str, Any]:
        release, country = handlers.release, scene.country
        return {
            "scene": _scene(scene),
            "idempotency_key": key,
            "replaces": replaces,
            "last_grams": last_grams,
            "refined": any(typed[name] != DEFAULTS[name] for name in REFINED),
            "modes": [
                {
                    "id": mode,
                    "name": name,
                    "grams_per_100km": int(domain.per_100_km(mode, release, country=country) * 1000),
                }
                for mode, name in words.MODES.items()
            ],
            "cabins": _choices(words.CABINS),
            "hotel_classes": _choices(words.HOTEL_CLASSES),
            "dishes": [
                {"id": dish, "name": words.DISHES[dish], "grams": _grams_of(dish, release, scene)}
                for dish in domain.DISHES
            ],
            "answers": typed,
            "errors": errors,
        }

    return routes


def _scene(scene: domain.Scene) -> dict[str, Any]:
    return {
        "code": scene.code,
        "names": scene.names,
        "kind": scene.kind,
        "status": scene.status,
        "starts_on": scene.starts_on,
        "ends_on": scene.ends_on,
        "place": scene.place,
        "host": scene.host,
    }


def _line(line: domain.Line) -> dict[str, Any]:
    divided = f" ÷ {line.shared_by}" if line.shared_by > 1 else ""
    factor = line.parts[0].factors[0]
    return {
        "name": words.line_name(line.activity),
        "source": factor.publisher,
        "year": factor.year,
        "parts": [
            {
                "kind": part.kind,
                "calculation": f"{line.quantity:,} {words.UNITS[line.unit]} × {part.value.normalize():f} kg{divided}",
                "grams": part.grams,
                "uncertainty_percent": int((part.half_width * 100).to_integral_value()),
            }
            for part in line.parts
        ],
    }


def _reduction(found: domain.Reduction | None) -> dict[str, Any] | None:
    if found is None:
        return None
    by, instead_of = words.BY[found.by], words.BY[found.instead_of]
    return {"by": by, "instead_of": instead_of, "grams": found.grams, "less_grams": found.less_grams}


def _grams_of(dish: str, release: domain.Release, scene: domain.Scene) -> int:
    one = domain.read_answers({"meals": {dish: 1}})
    return domain.compute(one, scene=scene.location, release=release).grams


def _choices(names: Mapping[str, str]) -> list[dict[str, str]]:
    return [{"id": choice, "name": name} for choice, name in names.items()]


def _fits(request: Request, footprint_id: str, claim_hash: str) -> bool:
    token = shown(request, footprint_id)
    return token is not None and hash_of("fp", footprint_id, token) == claim_hash
