"""The printed certificate, read back from real PDFs."""

import re
import subprocess
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import date
from pathlib import Path
from typing import Any

import pytest

from services.certificates.pages.print import CertificateView, Printer, Unprintable, dots, exact_mass

PX = 0.75
TEAL = (11, 90, 85)
HONOUR = (135, 82, 0)

LIN_YUE = CertificateView(
    number="DD-2026-004182",
    version=1,
    code="7K3M-9QXD-4TVB",
    verify_url="HTTPS://DIANDIAN.EXAMPLE/C/7K3M9QXD4TVB",
    short_url="diandian.example/v",
    holder="Lin Yue",
    scene_name="Chengdu Green Finance Forum 2026",
    grams=533_014,
    low_grams=390_211,
    high_grams=680_400,
    factor_release="2026.2",
    allocations=(
        ("CDCER-CN510100-0042-2021-01-413", 412_730_480, 413_000_000),
        ("CDCER-CN510100-0042-2021-01-414", 413_000_000, 413_263_494),
    ),
    project_name="Linpan groves, Chongzhou (demo)",
    standard="CDCER",
    issuer="Chengdu Environment Exchange (demo)",
    issued_on=date(2026, 11, 26),
    livemode=True,
    lang="en",
)
LIN_YUE_IN_CHINESE = replace(
    LIN_YUE,
    holder="林悦",
    scene_name="成都绿色金融论坛 2026",
    project_name="崇州川西林盘（示例）",
    issuer="成都环境交易所（演示）",
    lang="zh",
)
BY_MASS = replace(LIN_YUE, scene_name=None, low_grams=None, high_grams=None, factor_release=None)
FORTY_HANZI = "成都市环境与能源交易所低碳发展研究院首届中国数字碳中和高峰论坛组委会秘书处同仁们"
EIGHTY_LETTERS = "Wolfgang Amadeus Maximilian von Habsburg-Lothringen and the Whole House of Ghent"


def of_mass(view: CertificateView, grams: int, count: int = 1) -> CertificateView:
    """Return the certificate about another mass, in `count` allocations of which the last takes the rest."""
    bounds = [2_988_000_000 + grams * i // count for i in range(count + 1)]
    serials = (f"CDCER-CN510100-{42 + i}-2021-{i + 1}-412000-412{i:03}" for i in range(count))
    allocations = zip(serials, bounds[:-1], bounds[1:], strict=True)
    return replace(view, grams=grams, allocations=tuple(allocations))


@pytest.fixture(scope="module")
def printer() -> Printer:
    return Printer()


def text_of(pdf: bytes, *options: str) -> str:
    return subprocess.run(
        ["pdftotext", *(options or ["-raw"]), "-", "-"], input=pdf, capture_output=True, check=True
    ).stdout.decode()


def words_of(pdf: bytes) -> str:
    """Return the text in reading order with single spaces, wherever its lines broke."""
    return " ".join(text_of(pdf).split())


def signs_of(pdf: bytes) -> str:
    return "".join(text_of(pdf).split())


def pages_of(pdf: bytes) -> int:
    return text_of(pdf).count("\f")


def boxes_of(pdf: bytes) -> list[tuple[float, float, float, float]]:
    """Return left, top, right and bottom of every printed word, in CSS pixels."""
    found = re.findall(r'<word xMin="(.+?)" yMin="(.+?)" xMax="(.+?)" yMax="(.+?)">', text_of(pdf, "-bbox"))
    return [(float(x0) / PX, float(y0) / PX, float(x1) / PX, float(y1) / PX) for x0, y0, x1, y1 in found]


def blobs_of(pdf: bytes, folder: Path, colour: tuple[int, int, int], left: int, top: int, right: int, low: int) -> int:
    """Count the separate shapes of a colour in a part of the first page, given in CSS pixels."""
    file = folder / "sheet.pdf"
    file.write_bytes(pdf)
    scale = 3
    part = ["-x", left * scale, "-y", top * scale, "-W", (right - left) * scale, "-H", (low - top) * scale]
    command = ["pdftoppm", "-f", "1", "-l", "1", "-r", 96 * scale, *part, file]
    picture = subprocess.run([str(word) for word in command], capture_output=True, check=True).stdout
    _, size, _, pixels = picture.split(b"\n", 3)
    row, rows = (int(number) for number in size.split())
    close = {at for at in range(row * rows) if all(abs(pixels[at * 3 + i] - colour[i]) < 40 for i in range(3))}
    blobs = 0
    while close:
        blobs += 1
        edge = [close.pop()]
        while edge:
            at = edge.pop()
            touching = {at - 1, at + 1, at - row, at + row} & close
            close -= touching
            edge.extend(touching)
    return blobs


def test_the_same_view_gives_the_same_bytes(printer: Printer) -> None:
    first = printer.pdf(LIN_YUE)
    assert printer.pdf(replace(LIN_YUE, holder="Somebody Else")) != first
    assert printer.pdf(LIN_YUE) == first
    assert Printer().pdf(replace(LIN_YUE)) == first


def test_the_time_inside_the_file_is_the_day_of_issue(printer: Printer) -> None:
    assert b"<xmp:CreateDate>2026-11-26T00:00:00+00:00" in printer.pdf(LIN_YUE)


def test_threads_may_share_a_printer(printer: Printer) -> None:
    views = [replace(LIN_YUE, holder=f"Guest {i}") for i in range(8)]
    alone = [printer.pdf(view) for view in views]
    with ThreadPoolExecutor(4) as threads:
        assert list(threads.map(printer.pdf, views)) == alone


def test_the_sheet_says_every_field(printer: Printer) -> None:
    words = words_of(printer.pdf(LIN_YUE))
    for said in (
        "点点 Diandian",
        "Carbon Neutral Certificate of Honor 碳中和荣誉证书",
        "This certifies that Lin Yue has offset in full the footprint of taking part in Chengdu Green Finance",
        "Forum 2026, by the permanent cancellation of CDCER credits in the registry.",
        "533.014 kg CO₂e",
        "1 dot = 1 kg",
        "CDCER-CN510100-0042-2021-01-413 412,730,480 413,000,000 269,520",
        "CDCER-CN510100-0042-2021-01-414 413,000,000 413,263,494 263,494",
        "533,014",
        "Verify 7K3M-9QXD-4TVB diandian.example/v",
        "Factors of release 2026.2. Likely range of the footprint 390 to 680 kg; the middle figure is offset.",
        "26 November 2026",
        "DD-2026-004182, version 1",
        "Linpan groves, Chongzhou (demo)",
        "Chengdu Environment Exchange (demo)",
    ):
        assert said in words
    assert "Demo:" not in words


def test_the_chinese_sheet_says_every_field(printer: Printer) -> None:
    signs = signs_of(printer.pdf(LIN_YUE_IN_CHINESE))
    for said in (
        "碳中和荣誉证书CarbonNeutralCertificateofHonor兹证明林悦",
        "参加成都绿色金融论坛2026所核算的碳足迹，已通过在登记系统永久注销CDCER碳减排量全部抵消。特颁此证，以志荣誉。",
        "533.014千克二氧化碳当量",
        "一点=1千克",
        "采用2026.2版排放因子。碳足迹可能区间为390至680千克，按中间值抵消。",
        "2026年11月26日",
        "DD-2026-004182，第1版",
        "崇州川西林盘（示例）",
        "成都环境交易所（演示）",
    ):
        assert said in signs


def test_an_order_by_mass_names_no_scene_and_no_range(printer: Printer) -> None:
    words = words_of(printer.pdf(BY_MASS))
    assert (
        "has offset this mass of greenhouse gases by the permanent cancellation of CDCER credits in the registry."
        in words
    )
    assert "footprint" not in words
    assert "Factors" not in words


@pytest.mark.parametrize(
    ("low", "high", "said"),
    [
        (450, 1_450, "0.45 to 1.4 kg"),
        (0, 999_499, "0 to 1,000 kg"),
        (9_100_000, 15_700_000, "9.1 to 16 t"),
        (95, 105, "95 to 100 g"),
    ],
)
def test_a_range_has_two_digits_and_one_unit(printer: Printer, low: int, high: int, said: str) -> None:
    assert f"Likely range of the footprint {said};" in words_of(
        printer.pdf(replace(LIN_YUE, low_grams=low, high_grams=high))
    )


@pytest.mark.parametrize("view", [LIN_YUE, LIN_YUE_IN_CHINESE])
def test_a_demo_sheet_says_so_in_plain_words(printer: Printer, view: CertificateView) -> None:
    sentence = {"en": "Demo:inventedprojects,norealmoney.", "zh": "演示环境：项目均为虚构，不涉及真实资金。"}[view.lang]
    assert sentence not in signs_of(printer.pdf(view))
    assert sentence in signs_of(printer.pdf(replace(view, livemode=False)))


@pytest.mark.parametrize("view", [LIN_YUE, LIN_YUE_IN_CHINESE, BY_MASS, of_mass(LIN_YUE, 1_234_567, 20)])
def test_the_file_is_sound_archivable_and_accessible(printer: Printer, tmp_path: Path, view: CertificateView) -> None:
    pdf = printer.pdf(view)
    (tmp_path / "sheet.pdf").write_bytes(pdf)
    checked = subprocess.run(["qpdf", "--check", tmp_path / "sheet.pdf"], capture_output=True, text=True, check=False)
    assert (checked.returncode, checked.stderr) == (0, "")
    for mark in ("<pdfaid:part>3", "<pdfaid:conformance>A", "<pdfuaid:part>1", view.number, view.issuer):
        assert mark.encode() in pdf
    assert f"/Lang({view.lang}".encode() in pdf


@pytest.mark.parametrize(
    "name", [FORTY_HANZI, EIGHTY_LETTERS, "W" * 80, "क्षितिज श्रीवास्तव " * 4, "m" * 39 + " " + "m" * 40]
)
@pytest.mark.parametrize("view", [LIN_YUE, LIN_YUE_IN_CHINESE])
def test_a_long_name_is_scaled_until_it_fits(printer: Printer, view: CertificateView, name: str) -> None:
    pdf = printer.pdf(replace(view, holder=name, livemode=False))
    assert pages_of(pdf) == 1
    assert max(right for _, _, right, _ in boxes_of(pdf)) <= 1046
    if name.isascii() or name == FORTY_HANZI:
        assert name.replace(" ", "") in signs_of(pdf)


def test_long_names_of_scene_project_and_issuer_wrap_inside_the_frame(printer: Printer) -> None:
    scene = (
        "International Conference on the Measurement and Permanent Neutralisation of the Emissions of Trade Fairs " * 2
    )
    project = "Methane recovery in the villages of Chongzhou, Dayi and Qionglai, second phase, northern part (demo)"
    view = replace(
        of_mass(LIN_YUE, 10**15), holder=EIGHTY_LETTERS, scene_name=scene, project_name=project, issuer=project
    )
    pdf = printer.pdf(replace(view, livemode=False))
    for said in (scene, project, EIGHTY_LETTERS, "1,000,000,000 t CO₂e", "Total 1,000,000,000,000,000"):
        assert said.replace(" ", "") in signs_of(pdf)
    lefts, tops, rights, lows = zip(*boxes_of(pdf), strict=True)
    assert (min(lefts) > 77, min(tops) > 60, max(rights) < 1046, max(lows) < 745) == (True, True, True, True)


@pytest.mark.parametrize(("count", "pages"), [(1, 1), (2, 1), (5, 1), (6, 2), (20, 2)])
@pytest.mark.parametrize("view", [LIN_YUE, LIN_YUE_IN_CHINESE])
def test_up_to_twenty_allocations_are_all_listed(
    printer: Printer, view: CertificateView, count: int, pages: int
) -> None:
    view = replace(of_mass(view, 8_234_567, count), livemode=False)
    pdf = printer.pdf(view)
    words = words_of(pdf)
    assert pages_of(pdf) == pages
    for serial, start, end in view.allocations:
        assert f"{serial} {start:,} {end:,} {end - start:,}" in words
    assert words.count({"en": "Total 8,234,567", "zh": "合计 8,234,567"}[view.lang]) == pages
    assert max(low for _, _, _, low in boxes_of(pdf)) <= 745


@pytest.mark.parametrize(
    "name",
    ["#let x = 1", "$", "$ x $", "*bold*", "_thin_", "<script>alert(1)</script>", "\\ ` // @a ~ -- ''", "]#panic()"],
)
def test_a_name_is_never_read_as_markup(printer: Printer, name: str) -> None:
    pdf = printer.pdf(replace(LIN_YUE, holder=name, scene_name=name, project_name=name, issuer=name))
    assert f"This certifies that {name} has offset" in words_of(pdf)
    assert f"taking part in {name}, by" in words_of(pdf)


@pytest.mark.parametrize("field", ["holder", "scene_name", "project_name", "issuer"])
def test_s23_a_text_that_cannot_be_printed_is_refused_by_name(printer: Printer, field: str) -> None:
    change: dict[str, Any] = {field: "Lin 🌱 Yue 𪚥"}
    with pytest.raises(Unprintable) as refused:
        printer.pdf(replace(LIN_YUE, **change))
    assert refused.value.code == "unprintable_character"
    assert refused.value.field == field
    assert refused.value.characters == ("🌱", "𪚥")
    assert "🌱 (U+1F331)" in str(refused.value)


@pytest.mark.parametrize(
    ("grams", "unit", "count"),
    [
        (533_014, 1_000, 533),
        (999, 100, 10),
        (12_000_000, 100_000, 120),
        (1, 100, 1),
        (9_999, 100, 100),
        (10_000, 1_000, 10),
        (10_500, 1_000, 10),
        (11_500, 1_000, 12),
        (1_000_500, 1_000, 1_000),
        (1_000_501, 10_000, 100),
        (10**15, 1_000_000_000_000, 1_000),
    ],
)
def test_the_unit_and_number_of_dots_follow_the_rule(grams: int, unit: int, count: int) -> None:
    assert dots(grams) == (unit, count)


@pytest.mark.parametrize(
    ("grams", "count"), [(533_014, 533), (999, 10), (12_000_000, 120), (1, 1), (101_000, 101), (1_000_000, 1_000)]
)
def test_the_sheet_shows_as_many_dots_as_it_says(printer: Printer, tmp_path: Path, grams: int, count: int) -> None:
    pdf = printer.pdf(of_mass(LIN_YUE, grams))
    assert blobs_of(pdf, tmp_path, TEAL, 70, 110, 360, 580) == count


def test_the_seal_has_a_hundred_dots_and_the_mark(printer: Printer, tmp_path: Path) -> None:
    assert blobs_of(printer.pdf(LIN_YUE), tmp_path, HONOUR, 940, 630, 1060, 745) == 102


@pytest.mark.parametrize(
    ("grams", "said"),
    [
        (1, ("1", "g")),
        (999, ("999", "g")),
        (1_000, ("1", "kg")),
        (533_014, ("533.014", "kg")),
        (533_010, ("533.01", "kg")),
        (1_234_567, ("1.234567", "t")),
        (12_000_000, ("12", "t")),
        (12_345_000_000_001, ("12,345,000.000001", "t")),
    ],
)
def test_s14_the_mass_on_a_certificate_is_exact(printer: Printer, grams: int, said: tuple[str, str]) -> None:
    assert exact_mass(grams) == said
    assert " ".join(said) + " CO₂e" in words_of(printer.pdf(of_mass(LIN_YUE, grams)))


@pytest.mark.parametrize("view", [LIN_YUE, LIN_YUE_IN_CHINESE], ids=["en", "zh"])
def test_where_neutral_may_not_be_said_the_title_says_offset(printer: Printer, view: CertificateView) -> None:
    text = signs_of(printer.pdf(replace(view, words="offset")))
    assert "CarbonOffsetCertificateofHonor" in text
    assert "碳抵消荣誉证书" in text
    assert "CarbonNeutral" not in text
    assert "碳中和荣誉证书" not in text
