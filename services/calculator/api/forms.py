"""The calculator's forms for people: the three questions, the refined form, and the footprint that they make."""

from __future__ import annotations

import re
import secrets
from collections.abc import Mapping
from typing import Any

from fastapi import APIRouter, Request
from fastapi.responses import HTMLResponse, JSONResponse, RedirectResponse, Response

from services.calculator.api.contexts import question_context, refined_context, zero_context
from services.calculator.api.programs import FootprintRequest, wanted_of
from services.calculator.domain.answers import AnswersRefused, read_answers
from services.calculator.domain.engine import compute
from services.calculator.domain.factors import NoFactor
from services.calculator.domain.footprint import ZeroFootprint
from services.calculator.domain.scenes import must_be_open
from services.calculator.handlers import HOME, Handlers, UnknownFootprint
from services.calculator.pages.form import DEFAULTS, FormWrong, read_questions
from services.calculator.pages.occasion import Occasion
from services.calculator.pages.refined import Typed
from services.calculator.store.store import Store
from shared.sentence import Sentence
from shared.web import languages
from shared.web.app import cause_of, keep_capability
from shared.web.auth import hash_of, presented
from shared.web.figures import Figures
from shared.web.idempotency import checked, id_of
from shared.web.pages import Pages

# What a form asks for; of the refined form anything else changes its legs.
SHOW, REFINE = "show", "refine"
Form = Mapping[str, str]
_FOOTPRINT_ID = re.compile(r"fp_[0-9A-HJKMNP-TV-Z]{26}")


def form_router(store: Store, handlers: Handlers, pages: Pages, *, secret: str, secure: bool) -> APIRouter:
    """Build the routes by which people count."""
    routes = APIRouter(include_in_schema=False)
    forms = _Forms(store, handlers, pages, secret=secret, secure=secure)

    @routes.get("/s/{code}/count")
    async def count(code: str) -> HTMLResponse:
        """Ask the three questions."""
        occasion = await forms.visit(code)
        return forms.three_questions(occasion, DEFAULTS, key=secrets.token_hex(16))

    @routes.get("/s/{code}/refine")
    async def refine(request: Request, code: str, replaces: str = "") -> HTMLResponse:
        """Ask for every leg of a visit."""
        return await forms.every_leg_of(request, await forms.visit(code), replaces)

    @routes.get("/life")
    async def life(request: Request, replaces: str = "") -> HTMLResponse:
        """Ask for every journey of a year."""
        return await forms.every_leg_of(request, Occasion.year(HOME), replaces)

    @routes.get("/s/{code}/footprints")
    async def back_to_count(code: str) -> RedirectResponse:
        """Lead to the form from where it came back with a wrong answer: whoever opens that again wants the form."""
        return RedirectResponse(f"/s/{code}/count", 303)

    @routes.get("/life/footprints")
    async def back_to_life() -> RedirectResponse:
        """Lead to the form of a year in the same way."""
        return RedirectResponse("/life", 303)

    @routes.post("/s/{code}/footprints")
    async def calculate(request: Request, code: str) -> Response:
        """Take the form of a visit."""
        form = await _fields(request)
        occasion = await forms.visit(code, also_when_closed=await forms.is_made(request, form))
        return await forms.made(request, occasion, form)

    @routes.post("/life/footprints")
    async def calculate_life(request: Request) -> Response:
        """Take the form of a year."""
        form = await _fields(request)
        return await forms.made(request, _year(form), form)

    @routes.post("/s/{code}/preview")
    async def preview(request: Request, code: str) -> JSONResponse:
        """Sum a visit as the form stands."""
        return forms.summed(await forms.visit(code), await _fields(request))

    @routes.post("/life/preview")
    async def preview_life(request: Request) -> JSONResponse:
        """Sum a year as the form stands."""
        form = await _fields(request)
        return forms.summed(_year(form), form)

    return routes


class _Forms:
    """What the routes share: how a form is shown, read, summed and made a footprint."""

    def __init__(self, store: Store, handlers: Handlers, pages: Pages, *, secret: str, secure: bool) -> None:
        self._store, self._handlers, self._pages = store, handlers, pages
        self._secret, self._secure = secret, secure

    async def visit(self, code: str, *, also_when_closed: bool = False) -> Occasion:
        """Return the visit to an open scene. Raises UnknownScene or SceneNotOpen."""
        scene = (await self._handlers.scene(code)).scene
        if not also_when_closed:
            must_be_open(scene)
        return Occasion.visit(scene)

    async def is_made(self, request: Request, form: Form) -> bool:
        """Whether the key of the form has made a footprint: who sends it again is led there, whatever came since."""
        footprint_id = id_of("fp", request.state.caller, checked(form.get("idempotency_key")))
        return await self._store.claim_hash(footprint_id) is not None

    async def every_leg_of(self, request: Request, occasion: Occasion, replaces: str) -> HTMLResponse:
        """Show the refined form, with the answers of the footprint that is to be replaced if it is this browser's."""
        answers: Mapping[str, Any] = {}
        grams = None
        if replaces and (old := await self._store.footprint(replaces)) and _fits(request, replaces, old.claim_hash):
            answers, grams = old.answers, old.grams
            occasion = occasion if occasion.scene else Occasion.year(old.place.country)
        else:
            replaces = ""
        typed = Typed.of_answers(answers, occasion.place.country, self._handlers.release, languages.current().language)
        if not typed.legs and not occasion.scene:
            typed = typed.changed("add-leg")
        return self._every_leg(occasion, typed, key=secrets.token_hex(16), replaces=replaces, last_grams=grams)

    async def made(self, request: Request, occasion: Occasion, form: Form) -> Response:
        """Make the footprint of a form, or show the form again: with what is wrong, refined, or with other legs."""
        key, replaces, do = checked(form.get("idempotency_key")), _replaces(form), form.get("do", SHOW)
        if do not in {SHOW, REFINE}:
            return self._every_leg(occasion, Typed.of_form(form).changed(do), key=key, replaces=replaces)
        try:
            answers = self._answers(occasion, form)
        except FormWrong as wrong:
            if "form" in form:
                return self._every_leg(occasion, Typed.of_form(form), key=key, replaces=replaces, errors=wrong.errors)
            return self.three_questions(occasion, form, key=key, errors=wrong.errors)
        if do == REFINE:
            typed = Typed.of_answers(
                answers, occasion.place.country, self._handlers.release, languages.current().language
            )
            return self._every_leg(occasion, typed, key=key, replaces=replaces)
        wish = FootprintRequest(
            scene=occasion.scene.code if occasion.scene else None,
            country=occasion.place.country,
            answers=read_answers(answers),
            replaces=replaces or None,
        )
        wanted, token = await wanted_of(request, self._store, wish, key=key, secret=self._secret)
        try:
            await self._handlers.calculate(wanted, cause=cause_of(request))
        except ZeroFootprint:
            return HTMLResponse(self._pages.render("zero.html", **zero_context(occasion)))
        answer = RedirectResponse(f"/footprints/{wanted.footprint_id}", 303)
        keep_capability(answer, wanted.footprint_id, token, secure=self._secure)
        return answer

    def summed(self, occasion: Occasion, form: Form) -> JSONResponse:
        """Return the mass that a form gives as it stands, as text; none while something is wrong in it."""
        try:
            answers = read_answers(self._answers(occasion, form))
            grams = compute(answers, scene=occasion.place, release=self._handlers.release).grams
        except (FormWrong, AnswersRefused, NoFactor):
            return JSONResponse({"mass": None})
        return JSONResponse({"mass": Figures(languages.current().language).mass(grams)})

    def _answers(self, occasion: Occasion, form: Form) -> dict[str, Any]:
        language = languages.current().language
        if "form" in form or occasion.scene is None:
            return Typed.of_form(form).answers(self._handlers.release, language)
        return read_questions(form, occasion.scene, self._handlers.release, language)

    def three_questions(
        self, occasion: Occasion, typed: Form, *, key: str, errors: Mapping[str, str] | None = None
    ) -> HTMLResponse:
        """Show the three questions."""
        context = question_context(occasion, typed, self._handlers.release, errors=errors or {}, key=key)
        return HTMLResponse(self._pages.render("count.html", **context), 422 if errors else 200)

    def _every_leg(
        self,
        occasion: Occasion,
        typed: Typed,
        *,
        key: str,
        replaces: str,
        errors: Mapping[str, str] | None = None,
        last_grams: int | None = None,
    ) -> HTMLResponse:
        context = refined_context(
            occasion,
            typed,
            self._handlers.release,
            errors=errors or {},
            key=key,
            replaces=replaces,
            last_grams=last_grams,
        )
        return HTMLResponse(self._pages.render("refine.html", **context), 422 if errors else 200)


async def _fields(request: Request) -> dict[str, str]:
    return {name: str(value) for name, value in (await request.form()).items()}


def _replaces(form: Form) -> str:
    """Return the footprint that the form changes, if any. Raises UnknownFootprint for what is no id of one."""
    replaces = form.get("replaces", "")
    if replaces and not _FOOTPRINT_ID.fullmatch(replaces):
        raise UnknownFootprint(Sentence("There is no such footprint of this scene to change."), field="replaces")
    return replaces


def _year(form: Form) -> Occasion:
    country = form.get("country", "")
    return Occasion.year(country if len(country) == len(HOME) and country.isascii() and country.isupper() else HOME)


def _fits(request: Request, footprint_id: str, claim_hash: str) -> bool:
    token = presented(request, footprint_id)
    return token is not None and hash_of("fp", footprint_id, token) == claim_hash
