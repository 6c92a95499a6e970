"""Knows how the QR code of a scene looks: on every poster the same, and large enough to be read across a hall."""

from __future__ import annotations

from functools import cache
from io import BytesIO

import segno

INK = "#13201e"
# Level H stays readable with a third of it torn off; four modules of white around it belong to the code.
LEVEL = "h"
QUIET_MODULES = 4
PNG_PIXELS_PER_MODULE = 40


def address(public_url: str, code: str) -> str:
    """Return what the code says: in capitals, which take fewer dots; the scene's address is read in either case."""
    return f"{public_url}/s/{code}".upper()


@cache
def svg(public_url: str, code: str) -> bytes:
    """Return the code as SVG with its quiet zone."""
    return _drawn(public_url, code, "svg", 1)


@cache
def png(public_url: str, code: str) -> bytes:
    """Return the code as PNG with its quiet zone, some 1,500 pixels wide: 300 dots an inch at 12 cm."""
    return _drawn(public_url, code, "png", PNG_PIXELS_PER_MODULE)


def _drawn(public_url: str, code: str, kind: str, scale: int) -> bytes:
    drawn = BytesIO()
    made = segno.make_qr(address(public_url, code), error=LEVEL, boost_error=False)
    made.save(drawn, kind=kind, scale=scale, border=QUIET_MODULES, dark=INK, light="#ffffff")
    return drawn.getvalue()
