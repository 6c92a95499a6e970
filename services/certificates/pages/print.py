"""Knows how a certificate looks on paper: the same PDF from the same facts."""

import json
from dataclasses import dataclass
from datetime import UTC, date, datetime, time
from decimal import ROUND_HALF_EVEN, Decimal
from io import BytesIO
from pathlib import Path
from threading import Lock
from typing import Literal

import segno
import typst

from shared.contracts.printable import spelled, unprintable

TEMPLATES = Path(__file__).parent.parent / "templates"
FONTS = TEMPLATES / "fonts"
GRAMS_PER = {"g": 1, "kg": 1_000, "t": 1_000_000}
DOTS_MAX = 1_000


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
    """What a certificate says on paper; `allocations` are (serial text, from_gram, to_gram), half-open."""

    number: str
    version: int
    code: str
    verify_url: str
    short_url: str
    holder: str
    scene_name: str | None
    grams: int
    low_grams: int | None
    high_grams: int | None
    factor_release: str | None
    allocations: tuple[tuple[str, int, int], ...]
    project_name: str
    standard: str
    issuer: str
    issued_on: date
    livemode: bool
    lang: Literal["en", "zh"]
    words: Literal["neutral", "offset"] = "neutral"


class Printer:
    """Prints certificates; built once, because it reads the fonts."""

    def __init__(self) -> None:
        """Load the fonts that are shipped with the template, and no others."""
        fonts = typst.Fonts(include_system_fonts=False, include_embedded_fonts=False, font_paths=[str(FONTS)])
        self._compiler = typst.Compiler(str(TEMPLATES / "certificate.typ"), root=str(TEMPLATES), font_paths=fonts)
        # The compiler keeps the inputs of its last call, so two threads must not share a call.
        self._one_at_a_time = Lock()

    def pdf(self, view: CertificateView) -> bytes:
        """Return the certificate as PDF/A-3a and PDF/UA-1, the same bytes for the same view; raise Unprintable."""
        _refuse_unprintable(view)
        with self._one_at_a_time:
            pdf = self._compiler.compile(
                format="pdf",
                sys_inputs={"sheet": json.dumps(_sheet(view))},
                pdf_standards=["a-3a", "ua-1"],
                timestamp=datetime.combine(view.issued_on, time(), tzinfo=UTC),
            )
        assert isinstance(pdf, bytes)
        return pdf


def _refuse_unprintable(view: CertificateView) -> None:
    texts = {name: value for name, value in vars(view).items() if isinstance(value, str)}
    texts["allocations"] = " ".join(serial for serial, *_ in view.allocations)
    for field, text in texts.items():
        if characters := unprintable(text):
            raise Unprintable(field, characters)


def dots(grams: int) -> tuple[int, int]:
    """Return how many grams one dot stands for and how many dots there are (rules 1 and 2 of the dots field).

    The unit is the smallest of 100 g, 1 kg, 10 kg ... that gives at most 1,000 dots; 100 g serves only below 10 kg.
    """
    unit = 100 if grams < 10_000 else 1_000
    while (count := round(Decimal(grams) / unit)) > DOTS_MAX:
        unit *= 10
    return unit, max(count, 1)


def exact_mass(grams: int) -> tuple[str, str]:
    """Return a mass to the gram as figure and unit: 999 g, 533.014 kg, 1.234567 t."""
    unit = _unit(grams)
    whole, rest = divmod(grams, GRAMS_PER[unit])
    digits = len(str(GRAMS_PER[unit])) - 1
    return f"{whole:,}" + (f".{rest:0{digits}}".rstrip("0") if rest else ""), unit


def _sheet(view: CertificateView) -> dict[str, object]:
    """Return what the template sets: numbers as they are printed, everything a person wrote as plain text."""
    figure, unit = exact_mass(view.grams)
    dot_grams, dot_count = dots(view.grams)
    dot_figure, dot_unit = exact_mass(dot_grams)
    return {
        "lang": view.lang,
        "words": view.words,
        "holder": view.holder,
        "scene": view.scene_name,
        "standard": view.standard,
        "mass": {"figure": figure, "unit": unit},
        "dots": {"count": dot_count, "figure": dot_figure, "unit": dot_unit},
        "rows": [
            {"serial": serial, "from": f"{start:,}", "to": f"{end:,}", "grams": f"{end - start:,}"}
            for serial, start, end in view.allocations
        ],
        "total": f"{view.grams:,}",
        "code": view.code,
        "verify_url": view.verify_url,
        "short_url": view.short_url,
        "qr": _qr(view.verify_url),
        "release": view.factor_release,
        "range": _range(view.low_grams, view.high_grams),
        "issued": {"year": view.issued_on.year, "month": view.issued_on.month, "day": view.issued_on.day},
        "number": view.number,
        "version": view.version,
        "project": view.project_name,
        "issuer": view.issuer,
        "demo": not view.livemode,
    }


def _qr(url: str) -> str:
    """Return a QR code as SVG, without its quiet zone: the sheet is white around it."""
    svg = BytesIO()
    segno.make_qr(url, error="m").save(svg, kind="svg", border=0, dark="#13201e")
    return svg.getvalue().decode()


def _range(low_grams: int | None, high_grams: int | None) -> dict[str, str] | None:
    """Return a likely range in one unit, each end to two significant digits, half-even."""
    if low_grams is None or high_grams is None:
        return None
    unit = _unit(high_grams)
    low, high = (_two_digits(Decimal(grams) / GRAMS_PER[unit]) for grams in (low_grams, high_grams))
    return {"low": low, "high": high, "unit": unit}


def _two_digits(value: Decimal) -> str:
    step = Decimal(1).scaleb(value.adjusted() - 1)
    return f"{value.quantize(step, ROUND_HALF_EVEN).normalize():,f}"


def _unit(grams: int) -> str:
    return next((unit for unit in ("t", "kg") if grams >= GRAMS_PER[unit]), "g")
