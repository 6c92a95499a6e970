"""The printed certificate, read back from real PDFs."""

import itertools
import subprocess
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from operator import attrgetter
from pathlib import Path
from typing import Any

import pytest

from services.certificates.pages.print import CertificateView, Printer, Unprintable
from shared.web.figures import Figures
from tests.unit.certificates.views import (
    BY_MASS,
    DEMO,
    EACH_LANGUAGE,
    EIGHTY_LETTERS,
    FORTY_HANZI,
    HONOUR,
    KSHITIJ_IN_HINDI,
    LIN_YUE,
    LIN_YUE_IN_CHINESE,
    LONG_SCENES,
    LONGEST,
    TEAL,
    blobs_of,
    boxes_of,
    of_mass,
    pages_of,
    signs_of,
    words_of,
)


@pytest.fixture(scope="module")
def printer() -> Printer:
    return Printer()


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


def test_the_sheet_shows_every_field(printer: Printer) -> None:
    words = words_of(printer.pdf(LIN_YUE))
    for expected in (
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
        assert expected in words
    assert "Demo:" not in words


def test_the_chinese_sheet_shows_every_field(printer: Printer) -> None:
    signs = signs_of(printer.pdf(LIN_YUE_IN_CHINESE))
    for expected in (
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
        assert expected in signs


def test_the_hindi_sheet_shows_every_field(printer: Printer) -> None:
    signs = signs_of(printer.pdf(KSHITIJ_IN_HINDI))
    for expected in (
        "कार्बन न्यूट्रल सम्मान प्रमाणपत्र Carbon Neutral Certificate of Honor यह प्रमाणित किया जाता है कि क्षितिज श्रीवास्तव",
        "ने चेंगदू ग्रीन फ़ाइनेंस फ़ोरम 2026 में भाग लेने का पूरा कार्बन फ़ुटप्रिंट, रजिस्ट्री में CDCER क्रेडिट स्थायी रूप से रद्द करके,",
        "533.014 किग्रा CO₂e",
        "1 बिंदु = 1 किग्रा",
        "CDCER-CN510100-0042-2021-01-413 41,27,30,480 41,30,00,000 2,69,520",
        "कुल 5,33,014",
        "उत्सर्जन कारक: संस्करण 2026.2। फ़ुटप्रिंट संभवतः 390 से 680 किग्रा के बीच;",
        "26 नवंबर 2026",
        "DD-2026-004182, संस्करण 1",
        "लिनपान उपवन, चोंगझोउ (डेमो)",
        "चेंगदू पर्यावरण एक्सचेंज (डेमो)",
    ):
        assert "".join(expected.split()) in signs


def test_an_order_by_mass_names_no_scene_and_no_range(printer: Printer) -> None:
    words = words_of(printer.pdf(BY_MASS))
    assert (
        "has offset this mass of greenhouse gases by the permanent cancellation of CDCER credits in the registry."
        in words
    )
    assert "footprint" not in words
    assert "Factors" not in words


@pytest.mark.parametrize(
    ("low", "high", "expected"),
    [
        (450, 1_450, "0.45 to 1.4 kg"),
        (0, 999_499, "0 to 1,000 kg"),
        (9_100_000, 15_700_000, "9.1 to 16 t"),
        (95, 105, "95 to 100 g"),
    ],
)
def test_a_range_has_two_digits_and_one_unit(printer: Printer, low: int, high: int, expected: str) -> None:
    assert f"Likely range of the footprint {expected};" in words_of(
        printer.pdf(replace(LIN_YUE, low_grams=low, high_grams=high))
    )


@pytest.mark.parametrize("view", EACH_LANGUAGE, ids=attrgetter("lang"))
def test_a_demo_sheet_shows_it_in_plain_words(printer: Printer, view: CertificateView) -> None:
    sentence = "".join(DEMO[view.lang].split())
    assert sentence not in signs_of(printer.pdf(view))
    assert sentence in signs_of(printer.pdf(replace(view, demo=DEMO[view.lang])))


@pytest.mark.parametrize("view", [*EACH_LANGUAGE, BY_MASS, of_mass(LIN_YUE, 1_234_567, 20)])
def test_the_file_is_sound_archivable_and_accessible(printer: Printer, tmp_path: Path, view: CertificateView) -> None:
    pdf = printer.pdf(view)
    (tmp_path / "sheet.pdf").write_bytes(pdf)
    checked = subprocess.run(["qpdf", "--check", tmp_path / "sheet.pdf"], capture_output=True, text=True, check=False)
    assert (checked.returncode, checked.stderr) == (0, "")
    for mark in ("<pdfaid:part>3", "<pdfaid:conformance>A", "<pdfuaid:part>1", view.number, view.issuer):
        assert mark.encode() in pdf
    assert f"/Lang({view.lang}".encode() in pdf


@pytest.mark.parametrize("name", LONGEST)
@pytest.mark.parametrize("view", EACH_LANGUAGE, ids=attrgetter("lang"))
def test_a_long_name_is_scaled_until_it_fits(printer: Printer, view: CertificateView, name: str) -> None:
    pdf = printer.pdf(replace(view, holder=name, demo=DEMO[view.lang]))
    boxes = boxes_of(pdf)
    assert pages_of(pdf) == 1
    assert max(right for _, _, right, _ in boxes) <= 1046
    # A box is as high as its font, which is never less than its size.
    assert min(low - top for _, top, _, low in boxes) >= 6
    assert name.replace(" ", "") in signs_of(pdf)


def test_long_names_of_scene_project_and_issuer_wrap_inside_the_frame(printer: Printer) -> None:
    scene = (
        "International Conference on the Measurement and Permanent Neutralisation of the Emissions of Trade Fairs " * 2
    )
    project = "Methane recovery in the villages of Chongzhou, Dayi and Qionglai, second phase, northern part (demo)"
    view = replace(
        of_mass(LIN_YUE, 10**15), holder=EIGHTY_LETTERS, scene_name=scene, project_name=project, issuer=project
    )
    pdf = printer.pdf(replace(view, demo=DEMO["en"]))
    for expected in (scene, project, EIGHTY_LETTERS, "1,000,000,000.000000 t CO₂e", "Total 1,000,000,000,000,000"):
        assert expected.replace(" ", "") in signs_of(pdf)
    lefts, tops, rights, lows = zip(*boxes_of(pdf), strict=True)
    assert (min(lefts) > 77, min(tops) > 60, max(rights) < 1046, max(lows) < 745) == (True, True, True, True)


@pytest.mark.parametrize("name", LONG_SCENES)
@pytest.mark.parametrize("view", EACH_LANGUAGE, ids=attrgetter("lang"))
def test_no_name_of_scene_or_project_leaves_the_frame_or_covers_another_text(
    printer: Printer, view: CertificateView, name: str
) -> None:
    four = replace(of_mass(view, 999_014, 4), holder=FORTY_HANZI, demo=DEMO[view.lang])
    pdf = printer.pdf(replace(four, scene_name=name.strip()[:200], project_name=name.strip()[:200]))
    assert signs_of(pdf).count("".join(name[:200].split())) == 2
    boxes = boxes_of(pdf, "-l", "1")
    lefts, tops, rights, lows = zip(*boxes, strict=True)
    assert (min(lefts) > 77, min(tops) > 60, max(rights) < 1046, max(lows) < 746) == (True, True, True, True)
    for (left, top, right, low), (left2, top2, right2, low2) in itertools.combinations(boxes, 2):
        # A box is as high as its font, which is higher than a line, and a full-width comma is set half as wide.
        height = min(low - top, low2 - top2)
        assert min(right, right2) - max(left, left2) < 8 or min(low, low2) - max(top, top2) < 0.5 * height


@pytest.mark.parametrize(("count", "pages"), [(1, 1), (2, 1), (4, 1), (8, 2), (20, 2)])
@pytest.mark.parametrize("view", EACH_LANGUAGE, ids=attrgetter("lang"))
def test_up_to_twenty_allocations_are_all_listed(
    printer: Printer, view: CertificateView, count: int, pages: int
) -> None:
    view = replace(of_mass(view, 8_234_567, count), demo=DEMO[view.lang])
    pdf = printer.pdf(view)
    signs = signs_of(pdf)
    assert pages_of(pdf) == pages
    grouped = Figures(view.lang).grouped
    for serial, start, end in view.allocations:
        assert f"{serial}{grouped(start)}{grouped(end)}{grouped(end - start)}" in signs
    total = {"en": "Total8,234,567", "zh": "合计8,234,567", "hi": "कुल82,34,567"}[view.lang]
    assert signs.count(total) == pages
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


def test_s23_a_serial_that_cannot_be_printed_is_refused_too(printer: Printer) -> None:
    with pytest.raises(Unprintable) as refused:
        printer.pdf(replace(LIN_YUE, allocations=(("CDCER-🌱-413", 0, 533_014),)))
    assert (refused.value.field, refused.value.characters) == ("allocations", ("🌱",))


@pytest.mark.parametrize(
    ("grams", "count"), [(533_014, 533), (999, 10), (12_000_000, 120), (1, 1), (101_000, 101), (1_000_000, 1_000)]
)
def test_the_sheet_shows_as_many_dots_as_it_states(printer: Printer, tmp_path: Path, grams: int, count: int) -> None:
    pdf = printer.pdf(of_mass(LIN_YUE, grams))
    assert blobs_of(pdf, tmp_path, TEAL, 70, 110, 360, 580) == count


def test_the_seal_has_a_hundred_dots_and_the_mark(printer: Printer, tmp_path: Path) -> None:
    assert blobs_of(printer.pdf(LIN_YUE), tmp_path, HONOUR, 940, 630, 1060, 745) == 102


@pytest.mark.parametrize(
    ("grams", "expected"),
    [
        (1, "1 g"),
        (999, "999 g"),
        (1_000, "1.000 kg"),
        (533_014, "533.014 kg"),
        (1_234_567, "1.234567 t"),
        (12_345_000_000_001, "12,345,000.000001 t"),
    ],
)
def test_s14_the_mass_on_a_certificate_is_exact(printer: Printer, grams: int, expected: str) -> None:
    assert f"{expected} CO₂e" in words_of(printer.pdf(of_mass(LIN_YUE, grams)))


@pytest.mark.parametrize("view", EACH_LANGUAGE, ids=attrgetter("lang"))
def test_an_order_by_mass_speaks_of_the_mass_in_each_language(printer: Printer, view: CertificateView) -> None:
    sheet = signs_of(printer.pdf(replace(view, scene_name=None, low_grams=None, high_grams=None, factor_release=None)))
    expected = {
        "en": "has offset this mass of greenhouse gases",
        "zh": "抵消以下质量的温室气体",
        "hi": "ग्रीनहाउस गैसों का यह द्रव्यमान ऑफ़सेट किया है",
    }[view.lang]
    assert "".join(expected.split()) in sheet
    assert "2026.2" not in sheet
    assert "390" not in sheet
