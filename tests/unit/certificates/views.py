"""Certificates as they are printed, one a language, and what a test reads back from paper and picture."""

import re
import subprocess
from dataclasses import replace
from datetime import date
from pathlib import Path

from services.certificates.pages.print import CertificateView

PX = 0.75
TEAL = (11, 90, 85)
HONOUR = (135, 82, 0)
WHITE = (255, 255, 255)
CARD_SEAL = (240, 196, 99)

LIN_YUE = CertificateView(
    lang="en",
    title="Carbon Neutral Certificate of Honor",
    subtitle="碳中和荣誉证书",
    subtitle_lang="zh",
    number="DD-2026-004182",
    version=1,
    code="7K3M-9QXD-4TVB",
    verify_url="HTTPS://DIANDIAN.EXAMPLE/C/7K3M9QXD4TVB",
    short_url="diandian.example/v",
    holder="Lin Yue",
    scene_name="Chengdu Green Finance Forum 2026",
    statement="Chengdu Green Finance Forum 2026, offset to the last dot.",
    grams=533_014,
    low_grams=390_211,
    high_grams=680_400,
    factor_release="2026.2",
    allocations=(
        ("CDCER-CN510100-0042-2021-01-413", 412_730_480, 413_000_000),
        ("CDCER-CN510100-0042-2021-01-414", 413_000_000, 413_263_494),
    ),
    serials="CDCER-CN510100-0042-2021-01-413, -414",
    project_name="Linpan groves, Chongzhou (demo)",
    standard="CDCER",
    issuer="Chengdu Environment Exchange (demo)",
    issued_on=date(2026, 11, 26),
    demo=None,
)
LIN_YUE_IN_CHINESE = replace(
    LIN_YUE,
    lang="zh",
    title="碳中和荣誉证书",
    subtitle="Carbon Neutral Certificate of Honor",
    subtitle_lang="en",
    holder="林悦",
    scene_name="成都绿色金融论坛 2026",
    statement="成都绿色金融论坛 2026，抵消到最后一点。",
    project_name="崇州川西林盘（示例）",
    issuer="成都环境交易所（演示）",
)
KSHITIJ_IN_HINDI = replace(
    LIN_YUE,
    lang="hi",
    title="कार्बन न्यूट्रल सम्मान प्रमाणपत्र",
    subtitle="Carbon Neutral Certificate of Honor",
    subtitle_lang="en",
    holder="क्षितिज श्रीवास्तव",
    scene_name="चेंगदू ग्रीन फ़ाइनेंस फ़ोरम 2026",
    statement="चेंगदू ग्रीन फ़ाइनेंस फ़ोरम 2026, आखिरी बिंदु तक ऑफ़सेट।",
    project_name="लिनपान उपवन, चोंगझोउ (डेमो)",
    issuer="चेंगदू पर्यावरण एक्सचेंज (डेमो)",
)
EACH_LANGUAGE = (LIN_YUE, LIN_YUE_IN_CHINESE, KSHITIJ_IN_HINDI)
BY_MASS = replace(
    LIN_YUE,
    scene_name=None,
    statement="Offset to the last dot.",
    low_grams=None,
    high_grams=None,
    factor_release=None,
)
DEMO = {
    "en": "Demo: invented projects, no real money.",
    "zh": "演示环境：项目均为虚构，不涉及真实资金。",
    "hi": "डेमो: परियोजनाएँ काल्पनिक हैं, असली पैसा नहीं।",
}
FORTY_HANZI = "成都市环境与能源交易所低碳发展研究院首届中国数字碳中和高峰论坛组委会秘书处同仁们"
EIGHTY_LETTERS = "Wolfgang Amadeus Maximilian von Habsburg-Lothringen and the Whole House of Ghent"
LONG_HINDI = "क्षितिज श्रीवास्तव " * 3 + "क्षितिज श्रीवास्तव"
# What a project or a scene may be called at the longest, and what no reader would call a word.
LONG_SCENES = (
    "International Conference on the Permanent Neutralisation of Trade Fairs and their Travellers in Towns " * 2,
    "成都市环境与能源交易所低碳发展研究院" * 11,
    "क्षितिज श्रीवास्तव " * 11,
    "W" * 200,
    "श्री" * 50,
)
LONGEST = (FORTY_HANZI, EIGHTY_LETTERS, LONG_HINDI, "W" * 80, "श्री" * 40, "m" * 39 + " " + "m" * 40)


def of_mass(view: CertificateView, grams: int, count: int = 1) -> CertificateView:
    """Return the certificate about another mass, in `count` allocations of which the last takes the rest."""
    bounds = [2_988_000_000 + grams * i // count for i in range(count + 1)]
    serials = (f"CDCER-CN510100-{42 + i}-2021-{i + 1}-412000-412{i:03}" for i in range(count))
    allocations = zip(serials, bounds[:-1], bounds[1:], strict=True)
    return replace(view, grams=grams, allocations=tuple(allocations))


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


def boxes_of(pdf: bytes, *options: str) -> list[tuple[float, float, float, float]]:
    """Return left, top, right and bottom of every printed word, in CSS pixels."""
    found = re.findall(r'<word xMin="(.+?)" yMin="(.+?)" xMax="(.+?)" yMax="(.+?)">', text_of(pdf, "-bbox", *options))
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
    return islands(pixels, row, rows, colour)


def islands(pixels: bytes, row: int, rows: int, colour: tuple[int, int, int]) -> int:
    """Count the separate shapes of a colour in a picture of three bytes a pixel."""
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
