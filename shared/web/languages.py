"""In which language a page speaks: the one that the guest chose, else the one their browser asks for."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from contextvars import ContextVar
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path
from typing import Literal, get_args
from urllib.parse import parse_qsl, urlencode

from babel.messages.mofile import write_mo
from babel.messages.pofile import read_po
from babel.support import NullTranslations, Translations
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from shared.sentence import Money, Sentence

Language = Literal["en", "zh", "hi"]
LANGUAGES: tuple[Language, ...] = get_args(Language)
# Each in its own script, as whoever looks for it reads it.
NAMES: Mapping[Language, str] = {"en": "English", "zh": "中文", "hi": "हिन्दी"}
TAGS: Mapping[Language, str] = {"en": "en", "zh": "zh-Hans", "hi": "hi"}
PARAMETER = "lang"
COOKIE = "language"
YEAR_SECONDS = 365 * 24 * 3600
SOURCE: Language = "en"


@dataclass(frozen=True)
class Wanted:
    """What a request wants of its page: its language, and the address of the page without it."""

    language: Language
    here: str


_NOBODY = Wanted(SOURCE, "/")
_current: ContextVar[Wanted] = ContextVar("wanted", default=_NOBODY)


def current() -> Wanted:
    """Return what the request under way wants."""
    return _current.get()


def in_current(names: Mapping[str, str]) -> str:
    """Return a text of several languages in that of the request, else in English, else in the first that it has."""
    return in_language(names, current().language)


def in_language(names: Mapping[str, str], language: Language) -> str:
    """Return a text of several languages in this one, else in English, else in the first that it has."""
    return names.get(language) or names.get(SOURCE) or next(iter(names.values()))


def remember(request: Request) -> None:
    """Let every page of this request speak the language that it asks for."""
    chosen, here = _chosen(request)
    _current.set(Wanted((chosen if _is_file(request) else None) or _language_of(request), here))


def choosing(request: Request, *, secure: bool) -> Response | None:
    """Return what leads to the same address without `lang`, and keeps the choice; none when nothing is chosen.

    A file is answered in the language that its address names: who fetches it keeps no cookie, and wants this one alone.
    """
    chosen, here = _chosen(request)
    if chosen is None or request.method != "GET" or request.url.path.startswith("/v1/") or _is_file(request):
        return None
    # A path that begins with two slashes would lead to another host.
    answer = RedirectResponse("/" + here.lstrip("/"), 303)
    answer.set_cookie(COOKIE, chosen, max_age=YEAR_SECONDS, path="/", httponly=True, samesite="lax", secure=secure)
    return answer


def here_in(here: str, language: Language) -> str:
    """Return the address at which the same page is asked for in a language."""
    return f"{here}{'&' if '?' in here else '?'}{PARAMETER}={language}"


def _chosen(request: Request) -> tuple[Language | None, str]:
    """Return the language that an address names, and the address without it."""
    path, query = request.url.path, request.url.query
    named = parse_qsl(query, keep_blank_values=True)
    wishes = [value for name, value in named if name == PARAMETER]
    if wishes:
        query = urlencode([(name, value) for name, value in named if name != PARAMETER])
    chosen = next((language for language in LANGUAGES if language in wishes[:1]), None)
    return chosen, f"{path}?{query}" if query else path


def _is_file(request: Request) -> bool:
    return "." in request.url.path.rpartition("/")[2]


def _language_of(request: Request) -> Language:
    kept = request.cookies.get(COOKIE)
    for language in LANGUAGES:
        if language == kept:
            return language
    return preferred(request.headers.get("accept-language", ""))


def preferred(accepted: str) -> Language:
    """Return the language that an Accept-Language header likes best of those there are, else English."""
    liked: list[tuple[float, int, Language]] = []
    for place, part in enumerate(accepted[:1_000].split(",")):
        tag, _, weight = part.partition(";")
        name = tag.strip().lower().partition("-")[0]
        try:
            quality = float(weight.partition("=")[2]) if weight else 1.0
        except ValueError:
            continue
        liked += [(-quality, place, language) for language in LANGUAGES if language == name and quality > 0]
    return min(liked)[2] if liked else SOURCE


def catalogue(language: Language, folders: Iterable[Path]) -> NullTranslations:
    """Return the sentences of a language from the `locale` folders beside the templates; English needs none."""
    if language == SOURCE:
        return NullTranslations()
    first, *rest = (_compiled(folder / "locale" / f"{language}.po", language) for folder in folders)
    for other in rest:
        first.merge(other)
    return first


def _compiled(file: Path, language: Language) -> Translations:
    with file.open("rb") as source:
        found = read_po(source, locale=language)
    compiled = BytesIO()
    write_mo(compiled, found)
    compiled.seek(0)
    return Translations(compiled)


def translator(sentences: NullTranslations, money: Callable[[Money], str] = str) -> Callable[[str], str]:
    """Return what puts a Sentence into the language of a catalogue; any other text it gives back as it is."""

    def translated(text: str) -> str:
        if not isinstance(text, Sentence):
            return text
        facts = {name: written(fact) for name, fact in text.facts.items()}
        template = sentences.ugettext(text.template)
        return template.format(**facts) if facts else template

    def written(fact: object) -> object:
        if isinstance(fact, Money):
            return money(fact)
        return translated(fact) if isinstance(fact, str) else fact

    return translated
