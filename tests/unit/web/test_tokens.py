"""The colour tokens of the stylesheet: readable and visible by WCAG in the light and in the dark."""

import re
from decimal import Decimal

import pytest

from shared.web.pages import SHARED

TEXT = Decimal("4.5")
PART = Decimal(3)
PAIRS = [
    ("ink", "paper", TEXT),
    ("ink", "sheet", TEXT),
    ("ink", "tint", TEXT),
    ("ink", "warntint", TEXT),
    ("ink", "honourtint", TEXT),
    ("soft", "paper", TEXT),
    ("soft", "sheet", TEXT),
    ("soft", "tint", TEXT),
    ("soft", "warntint", TEXT),
    ("teal", "paper", TEXT),
    ("teal", "sheet", TEXT),
    ("teal", "tint", TEXT),
    ("teal", "warntint", TEXT),
    ("press", "paper", TEXT),
    ("onteal", "teal", TEXT),
    ("onteal", "press", TEXT),
    ("honour", "paper", TEXT),
    ("warn", "paper", TEXT),
    ("warn", "sheet", TEXT),
    ("warn", "warntint", TEXT),
    # Borders of controls and open rings, which no tool that looks at pages tests.
    ("edge", "paper", PART),
    ("edge", "sheet", PART),
    ("edge", "tint", PART),
]


def tokens() -> tuple[dict[str, str], dict[str, str]]:
    """Return the colours in the light and in the dark."""
    css = (SHARED / "site.css").read_text()
    light, dark = re.findall(r":root \{(.*?)\n\s*\}", css, re.DOTALL)
    colours = [dict(re.findall(r"--(\w+): (#[0-9a-f]{6});", block)) for block in (light, dark)]
    return colours[0], {**colours[0], **colours[1]}


def luminance(colour: str) -> Decimal:
    """Return the relative luminance of WCAG 2.2."""
    channels = [Decimal(int(colour[place : place + 2], 16)) / 255 for place in (1, 3, 5)]
    linear = [
        channel / Decimal("12.92")
        if channel <= Decimal("0.04045")
        else ((channel + Decimal("0.055")) / Decimal("1.055")) ** Decimal("2.4")
        for channel in channels
    ]
    return sum(
        (weight * part for weight, part in zip(map(Decimal, ("0.2126", "0.7152", "0.0722")), linear, strict=True)),
        Decimal(0),
    )


def contrast(one: str, other: str) -> Decimal:
    low, high = sorted((luminance(one), luminance(other)))
    return (high + Decimal("0.05")) / (low + Decimal("0.05"))


def test_contrast_is_reckoned_as_wcag_does() -> None:
    assert contrast("#000000", "#ffffff") == 21
    assert round(contrast("#777777", "#ffffff"), 2) == Decimal("4.48")


@pytest.mark.parametrize("scheme", [0, 1], ids=["light", "dark"])
@pytest.mark.parametrize(("front", "back", "least"), PAIRS)
def test_text_has_contrast_4_5_and_the_borders_of_controls_3(
    front: str, back: str, least: Decimal, scheme: int
) -> None:
    colours = tokens()[scheme]
    assert contrast(colours[front], colours[back]) >= least


def test_every_colour_but_that_around_a_code_is_given_for_the_light_and_for_the_dark() -> None:
    light, dark = tokens()
    same = {name for name in light if light[name] == dark[name]}
    assert same == {"quiet"}


def test_no_colour_stands_outside_the_tokens() -> None:
    rules = (SHARED / "site.css").read_text().split("@layer elements {", 1)[1]
    assert re.findall(r"#[0-9a-f]{3,8}\b|rgb|hsl", rules) == []
