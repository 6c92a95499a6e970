"""How a service's pages are made: templates over the shared frame, in the language that the request asks for."""

from __future__ import annotations

import hashlib
import re
from functools import cache
from pathlib import Path

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from shared.web import dots, languages
from shared.web.figures import Figures
from shared.web.languages import LANGUAGES, NAMES, TAGS, Language

SHARED = Path(__file__).parent
STATIC = {"site.css": "text/css", "site.js": "text/javascript", "wall.js": "text/javascript"}


class Pages:
    """The pages of one service: its own folder of templates over what all services share."""

    def __init__(self, folder: Path, service: str, *, livemode: bool) -> None:
        self._templates = {
            language: _environment(folder, language, service, livemode=livemode) for language in LANGUAGES
        }

    @property
    def templates(self) -> Environment:
        """The templates as English pages use them."""
        return self._templates["en"]

    def render(self, name: str, **context: object) -> str:
        """Return the page. Raises jinja2.UndefinedError when the context lacks what the head of the template lists."""
        wanted = languages.current()
        return self._templates[wanted.language].get_template(name).render({"here": wanted.here, **context})


@cache
def static_file(name: str) -> bytes:
    """Return a shared file as it is sent: a stylesheet without its comments and indentation."""
    text = (SHARED / name).read_text()
    if STATIC[name] == "text/css":
        text = re.sub(r"/\*.*?\*/", "", text, flags=re.DOTALL)
        text = re.sub(r"\s*([{};,])\s*|\s+", lambda found: found[1] or " ", text).strip()
    return text.encode()


def static_address(name: str) -> str:
    """Return where a shared file is; the digest lets browsers keep it for good and still get the next one."""
    return f"/static/{name}?{hashlib.sha256(static_file(name)).hexdigest()[:8]}"


def _environment(folder: Path, language: Language, service: str, *, livemode: bool) -> Environment:
    templates = Environment(
        loader=FileSystemLoader([folder, SHARED]),
        extensions=["jinja2.ext.i18n"],
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        auto_reload=False,
    )
    sentences = languages.catalogue(language, (SHARED, folder))
    templates.policies["ext.i18n.trimmed"] = True
    templates.install_gettext_translations(sentences, newstyle=True)  # type: ignore[attr-defined]
    figures = Figures(language)
    templates.filters |= {
        "mass": figures.mass,
        "mass_parts": figures.mass_parts,
        "exact": figures.exact,
        "tonnes": figures.tonnes,
        "kilograms": figures.kilograms,
        "grouped": figures.grouped,
        "number": figures.number,
        "money": figures.money,
        "amount": figures.amount,
        "currency": figures.currency,
        "percent": figures.percent,
        "day": figures.day,
        "clock": figures.clock,
        "second": figures.second,
        "moment": figures.moment,
        "name": figures.name,
        "said": languages.translator(sentences, lambda price: figures.money(price.minor, price.currency)),
    }
    templates.globals |= {
        "service": service,
        "livemode": livemode,
        "tag": TAGS[language],
        "languages": [{"tag": TAGS[other], "name": NAMES[other], "code": other} for other in LANGUAGES],
        "here_in": languages.here_in,
        "static": {name: static_address(name) for name in STATIC},
        "likely": figures.likely,
        "period": figures.period,
        "kilogram_column": figures.kilogram_column,
        "axis": figures.axis,
        "scale": figures.scale,
        "field": dots.field,
        "bar": dots.bar,
        "unit": dots.unit,
        "dot_count": dots.count,
        "shares": dots.shares,
        "key": dots.key,
        "mark": dots.mark,
        "patterns": dots.patterns,
    }
    return templates
