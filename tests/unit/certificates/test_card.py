"""The card that a holder shares, and the QR codes of card and sheet, read back from real pictures."""

import subprocess
from dataclasses import replace
from datetime import timedelta
from io import BytesIO
from operator import attrgetter
from pathlib import Path

import pytest
from PIL import Image

from services.certificates.pages.print import EDGES, CertificateView, Printer, Unprintable, card
from tests.unit.certificates.views import (
    BY_MASS,
    CARD_SEAL,
    DEMO,
    EACH_LANGUAGE,
    FORTY_HANZI,
    LIN_YUE,
    LONG_SCENES,
    LONGEST,
    TEAL,
    WHITE,
    islands,
    of_mass,
)
from tests.unit.web.test_tokens import TEXT, contrast

PAINTS = {TEAL, WHITE, CARD_SEAL, (19, 32, 30)}
KILOBYTES_MAX, LONGEST_KILOBYTES_MAX = 26, 38


@pytest.fixture(scope="module")
def printer() -> Printer:
    return Printer()


def picture(png: bytes) -> Image.Image:
    return Image.open(BytesIO(png)).convert("RGB")


def counted(png: bytes, colour: tuple[int, int, int], box: tuple[int, int, int, int]) -> int:
    part = picture(png).crop(box)
    return islands(part.tobytes(), part.width, part.height, colour)


def read(image: Path) -> str:
    """Return what the QR code in a picture says."""
    command = ["zbarimg", "--quiet", "--raw", "-Sdisable", "-Sqrcode.enable", str(image)]
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()


@pytest.mark.parametrize("view", [*EACH_LANGUAGE, BY_MASS], ids=attrgetter("lang"))
def test_the_card_is_a_small_picture_of_its_size_and_the_same_each_time(
    printer: Printer, view: CertificateView
) -> None:
    png = printer.png(view)
    assert png.startswith(b"\x89PNG")
    assert picture(png).size == (1080, 1350)
    assert len(png) < KILOBYTES_MAX * 1_000
    # The page and the card share one palette, in which the paints themselves are whole.
    assert {colour for _, colour in picture(png).getcolors() or []} >= PAINTS
    assert printer.png(replace(view, holder="Somebody Else")) != png
    assert printer.png(view) == png
    assert Printer().png(replace(view)) == png


def test_what_touches_on_a_card_can_be_distinguished() -> None:
    assert all(contrast(one, other) >= TEXT for one, other, _ in EDGES)


def test_the_card_shows_each_fact_once() -> None:
    shown = card(LIN_YUE)
    assert (shown.figure, shown.unit, shown.statement, shown.holder) == (
        "533",
        "kg CO₂e",
        "Chengdu Green Finance Forum 2026, offset to the last dot.",
        "Lin Yue",
    )
    assert shown.lines == (
        "Carbon Neutral Certificate of Honor",
        "DD-2026-004182 · 26 November 2026",
        "533.014 kg CO₂e · 1 dot = 1 kg",
        "CDCER-CN510100-0042-2021-01-413, -414",
    )
    assert str(shown) == " · ".join(("533 kg CO₂e", shown.statement, shown.holder, *shown.lines))


def test_the_card_draws_each_fact(printer: Printer) -> None:
    facts = {
        "grams": 533_015,
        "statement": "Something else.",
        "holder": "Lin Yu",
        "title": "Carbon Offset Certificate of Honor",
        "number": "DD-2026-004183",
        "issued_on": LIN_YUE.issued_on + timedelta(days=1),
        "serials": "CDCER-CN510100-0042-2021-01-413, -415",
        "demo": DEMO["en"],
        "verify_url": "HTTPS://DIANDIAN.EXAMPLE/C/7K3M9QXD4TVC",
    }
    views = [LIN_YUE, of_mass(LIN_YUE, 534_014)] + [replace(LIN_YUE, **{name: fact}) for name, fact in facts.items()]  # type: ignore[arg-type]
    assert len({printer.png(view) for view in views}) == len(views)


@pytest.mark.parametrize("view", EACH_LANGUAGE, ids=attrgetter("lang"))
def test_the_card_writes_figures_and_days_as_its_language_does(view: CertificateView) -> None:
    lines = card(replace(of_mass(view, 12_345_678_901_234), demo=DEMO[view.lang])).lines
    assert lines[1].endswith({"en": "· 26 November 2026", "zh": "· 2026年11月26日", "hi": "· 26 नवंबर 2026"}[view.lang])
    assert (
        lines[2]
        == {
            "en": "12,345,678.901234 t CO₂e · 1 dot = 100,000 tonnes",
            "zh": "12,345,678.901234 吨 CO₂e · 一点 = 100,000 吨",
            "hi": "1,23,45,678.901234 टन CO₂e · 1 बिंदु = 1,00,000 टन",
        }[view.lang]
    )
    assert lines[4] == DEMO[view.lang]


@pytest.mark.parametrize(("grams", "count"), [(533_014, 533), (1, 1), (101_000, 101), (1_000_000, 1_000)])
def test_the_card_shows_as_many_dots_as_its_sheet(printer: Printer, grams: int, count: int) -> None:
    # Below what is said and above the name stand the dots alone; the seal is of another paint.
    assert counted(printer.png(of_mass(LIN_YUE, grams)), WHITE, (60, 560, 720, 1_050)) == count


def test_the_card_carries_the_seal_of_a_hundred_dots(printer: Printer) -> None:
    assert counted(printer.png(LIN_YUE), CARD_SEAL, (800, 800, 1_010, 1_010)) == 102


@pytest.mark.parametrize("name", LONGEST)
@pytest.mark.parametrize("view", EACH_LANGUAGE, ids=attrgetter("lang"))
def test_a_long_name_stays_clear_of_edges_dots_and_code(printer: Printer, view: CertificateView, name: str) -> None:
    png = printer.png(replace(view, holder=name, scene_name=name, statement=f"{name}, {name}", demo=DEMO[view.lang]))
    image = picture(png)
    for box in ((0, 0, 70, 1_350), (1_010, 0, 1_080, 1_350), (0, 1_275, 1_080, 1_350), (765, 1_010, 815, 1_270)):
        assert image.crop(box).getcolors() == [((box[2] - box[0]) * (box[3] - box[1]), TEAL)]
    # Between the last row of dots and the name lies a band of nothing.
    rows = image.crop((70, 700, 720, 1_270))
    empty = [y for y in range(rows.height) if len(rows.crop((0, y, rows.width, y + 1)).getcolors() or []) == 1]
    assert any({y + step for step in range(24)} <= set(empty) for y in empty)


@pytest.mark.parametrize("name", LONG_SCENES)
@pytest.mark.parametrize("view", EACH_LANGUAGE, ids=attrgetter("lang"))
def test_the_fullest_card_stays_in_its_frame_and_in_the_budget(
    printer: Printer, view: CertificateView, name: str
) -> None:
    four = replace(of_mass(view, 999_014, 4), holder=FORTY_HANZI, demo=DEMO[view.lang])
    serials = ", ".join(serial for serial, *_ in four.allocations)
    png = printer.png(replace(four, statement=f"{name[:200]}, {LIN_YUE.statement[-24:]}", serials=serials))
    assert len(png) < LONGEST_KILOBYTES_MAX * 1_000
    for box in ((0, 0, 70, 1_350), (1_010, 0, 1_080, 1_350), (0, 1_275, 1_080, 1_350), (765, 1_010, 815, 1_270)):
        assert picture(png).crop(box).getcolors() == [((box[2] - box[0]) * (box[3] - box[1]), TEAL)]


@pytest.mark.parametrize("view", [*EACH_LANGUAGE, replace(LIN_YUE, demo=DEMO["en"], holder="W" * 80)])
def test_the_codes_of_card_and_sheet_lead_to_the_verification(
    printer: Printer, tmp_path: Path, view: CertificateView
) -> None:
    (tmp_path / "card.png").write_bytes(printer.png(view))
    (tmp_path / "sheet.pdf").write_bytes(printer.pdf(view))
    drawn = ["pdftoppm", "-f", "1", "-l", "1", "-r", "200", "-png", "-singlefile", "sheet.pdf", "sheet"]
    subprocess.run(drawn, cwd=tmp_path, check=True)
    assert read(tmp_path / "card.png") == read(tmp_path / "sheet.png") == "HTTPS://DIANDIAN.EXAMPLE/C/7K3M9QXD4TVB"


@pytest.mark.parametrize("field", ["holder", "statement"])
def test_s23_a_card_with_a_sign_that_cannot_be_printed_is_refused_by_name(printer: Printer, field: str) -> None:
    with pytest.raises(Unprintable) as refused:
        printer.png(replace(LIN_YUE, **{field: "Lin 🌱 Yue"}))  # type: ignore[arg-type]
    assert (refused.value.field, refused.value.characters) == (field, ("🌱",))
