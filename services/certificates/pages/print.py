"""Knows how a certificate looks on paper and as a card: the same bytes from the same facts."""

import json
from dataclasses import dataclass
from datetime import UTC, date, datetime, time
from io import BytesIO
from pathlib import Path
from threading import Lock

import segno
import typst
from PIL import Image

from shared.contracts.printable import spelled, unprintable
from shared.web import dots
from shared.web.figures import Figures
from shared.web.languages import Language

TEMPLATES = Path(__file__).parent.parent / "templates"
FONTS = TEMPLATES / "fonts"
PIXELS_PER_INCH = 96
# The paints of the card that touch, and in how many steps an edge goes from one to the other.
EDGES = (("#0b5a55", "#ffffff", 3), ("#0b5a55", "#cfe6e1", 2), ("#0b5a55", "#f0c463", 2), ("#ffffff", "#13201e", 1))


class Unprintable(ValueError):
    """A text holds characters that the certificate's fonts lack."""

    code = "unprintable_character"

    def __init__(self, field: str, characters: tuple[str, ...]) -> None:
        """Name the field and the characters, and say what to do."""
        self.field = field
        self.characters = characters
        super().__init__(f"{field}: write it without {spelled(characters)}, which the certificate cannot print")


@dataclass(frozen=True)
class CertificateView:
    """What a certificate says in one language; `allocations` are (serial text, from_gram, to_gram), half-open."""

    lang: Language
    title: str
    subtitle: str
    subtitle_lang: Language
    number: str
    version: int
    code: str
    verify_url: str
    short_url: str
    holder: str
    scene_name: str | None
    statement: str
    grams: int
    low_grams: int | None
    high_grams: int | None
    factor_release: str | None
    allocations: tuple[tuple[str, int, int], ...]
    serials: str
    project_name: str
    standard: str
    issuer: str
    issued_on: date
    demo: str | None


@dataclass(frozen=True)
class Card:
    """What the card says, from top to bottom."""

    figure: str
    unit: str
    statement: str
    holder: str
    lines: tuple[str, ...]

    def __str__(self) -> str:
        """All of it in one line, for whoever cannot see the picture."""
        return " · ".join((f"{self.figure} {self.unit}", self.statement, self.holder, *self.lines))


class Printer:
    """Prints certificates and cards; built once, because it reads the fonts."""

    def __init__(self) -> None:
        """Load the fonts that are shipped with the templates, and no others."""
        fonts = typst.Fonts(include_system_fonts=False, include_embedded_fonts=False, font_paths=[str(FONTS)])
        self._sheets, self._cards = (
            typst.Compiler(str(TEMPLATES / name), root=str(TEMPLATES), font_paths=fonts)
            for name in ("certificate.typ", "card.typ")
        )
        # A compiler keeps the inputs of its last call, so two threads must not share a call.
        self._one_at_a_time = Lock()

    def pdf(self, view: CertificateView) -> bytes:
        """Return the certificate as PDF/A-3a and PDF/UA-1, the same bytes for the same view; raise Unprintable."""
        _refuse_unprintable(view)
        with self._one_at_a_time:
            pdf = self._sheets.compile(
                format="pdf",
                sys_inputs={"sheet": json.dumps(_sheet(view))},
                pdf_standards=["a-3a", "ua-1"],
                timestamp=datetime.combine(view.issued_on, time(), tzinfo=UTC),
            )
        assert isinstance(pdf, bytes)
        return pdf

    def png(self, view: CertificateView) -> bytes:
        """Return the card as PNG of 1080 by 1350 pixels, the same bytes for the same view; raise Unprintable."""
        _refuse_unprintable(view)
        with self._one_at_a_time:
            png = self._cards.compile(format="png", ppi=PIXELS_PER_INCH, sys_inputs={"card": json.dumps(_drawn(view))})
        assert isinstance(png, bytes)
        return _few_colours(png)


def card(view: CertificateView) -> Card:
    """Return what the card of a certificate says."""
    figures = Figures(view.lang)
    figure, unit = figures.mass_parts(view.grams)
    lines = (
        view.title,
        f"{view.number} · {figures.day(view.issued_on)}",
        f"{figures.exact(view.grams)} CO₂e · {figures.scale(dots.unit(view.grams))}",
        view.serials,
        *([view.demo] if view.demo else []),
    )
    return Card(figure, f"{unit} CO₂e", view.statement, view.holder, lines)


def _refuse_unprintable(view: CertificateView) -> None:
    texts = {name: value for name, value in vars(view).items() if isinstance(value, str)}
    texts["allocations"] = " ".join(serial for serial, *_ in view.allocations)
    for field, text in texts.items():
        if characters := unprintable(text):
            raise Unprintable(field, characters)


def _sheet(view: CertificateView) -> dict[str, object]:
    """Return what the sheet sets: numbers as they are printed, everything a person wrote as plain text."""
    figures = Figures(view.lang)
    figure, unit = figures.exact(view.grams).rsplit(" ", 1)
    grouped, dot_grams = figures.grouped, dots.unit(view.grams)
    return {
        "lang": view.lang,
        "title": view.title,
        "subtitle": {"lang": view.subtitle_lang, "text": view.subtitle},
        "holder": view.holder,
        "scene": view.scene_name,
        "standard": view.standard,
        "mass": {"figure": figure, "unit": unit},
        "dots": {"count": dots.count(view.grams, dot_grams), "scale": figures.scale(dot_grams)},
        "rows": [
            {"serial": serial, "from": grouped(start), "to": grouped(end), "grams": grouped(end - start)}
            for serial, start, end in view.allocations
        ],
        "total": grouped(view.grams),
        "code": view.code,
        "verify_url": view.verify_url,
        "short_url": view.short_url,
        "qr": _qr(view.verify_url)[0],
        "release": view.factor_release,
        "range": None
        if view.low_grams is None or view.high_grams is None
        else figures.likely(view.low_grams, view.high_grams),
        "issued": figures.day(view.issued_on),
        "number": view.number,
        "version": view.version,
        "project": view.project_name,
        "issuer": view.issuer,
        "demo": view.demo,
    }


def _drawn(view: CertificateView) -> dict[str, object]:
    """Return what the card draws."""
    printed = card(view)
    svg, modules = _qr(view.verify_url)
    return {
        **vars(printed),
        "lang": view.lang,
        "dots": dots.count(view.grams, dots.unit(view.grams)),
        "qr": {"svg": svg, "modules": modules},
    }


def _qr(url: str) -> tuple[str, int]:
    """Return a QR code as SVG, without its quiet zone, and its side in modules."""
    svg = BytesIO()
    code = segno.make_qr(url, error="m")
    code.save(svg, kind="svg", border=0, dark="#13201e")
    return svg.getvalue().decode(), int(code.symbol_size(border=0)[0])


def _few_colours(png: bytes) -> bytes:
    """Return the picture with a palette instead of four bytes a pixel: a fifth of the size, to the eye the same."""
    few = Image.new("P", (1, 1))
    palette = [part for one, other, steps in EDGES for colour in _between(one, other, steps) for part in colour]
    # Twice, so that they are more than 16: then a pixel is a whole byte, and that packs smaller than half bytes.
    few.putpalette(palette * 2)
    small = BytesIO()
    with Image.open(BytesIO(png)) as picture:
        picture.convert("RGB").quantize(palette=few, dither=Image.Dither.NONE).save(small, "PNG", optimize=True)
    return small.getvalue()


def _between(one: str, other: str, steps: int) -> list[tuple[int, ...]]:
    """Return a colour, another, and those on the way in so many steps."""
    ends = list(zip(bytes.fromhex(one[1:]), bytes.fromhex(other[1:]), strict=True))
    return [tuple((a * (steps - step) + b * step) // steps for a, b in ends) for step in range(steps + 1)]
