"""The certificate's fonts: what they cover is what they say, and what they cover can be printed."""

import unicodedata
from dataclasses import replace

from fontTools.ttLib import TTFont
from hypothesis import example, given, settings
from hypothesis import strategies as st

from services.certificates.pages.print import FONTS, Printer
from shared.contracts.printable import COVERAGE, unprintable
from tests.unit.certificates.views import EACH_LANGUAGE

PRINTER = Printer()
STEMS = {"Noto Sans": "NotoSans", "Noto Sans CJK SC": "NotoSansCJK", "Noto Sans Devanagari": "NotoSansDevanagari"}


def covered(stem: str, weight: str) -> set[int]:
    (file,) = FONTS.glob(f"{stem}-{weight}.*")
    return set(TTFont(file).getBestCmap())


def test_the_list_of_coverage_is_what_the_font_files_hold() -> None:
    lines = COVERAGE.read_text(encoding="ascii").splitlines()
    listed = {}
    for family, _, runs in (line.partition(": ") for line in lines):
        bounds = ([int(point, 16) for point in run.split("-")] for run in runs.split())
        listed[family] = {point for first, last in bounds for point in range(first, last + 1)}
    assert listed == {family: covered(stem, "Regular") & covered(stem, "Bold") for family, stem in STEMS.items()}


def test_the_folder_stays_small_and_carries_its_licence() -> None:
    assert sum(file.stat().st_size for file in FONTS.iterdir()) < 12_000_000
    assert "SIL OPEN FONT LICENSE Version 1.1" in (FONTS / "OFL.txt").read_text(encoding="utf-8")


ALPHABET = sorted(set().union(*(covered(stem, "Regular") for stem in STEMS.values())))
MARKS = [point for point in ALPHABET if unicodedata.category(chr(point)).startswith("M")] + [0x200C, 0x200D]
TEXTS = st.text(st.sampled_from(ALPHABET).map(chr) | st.sampled_from(MARKS).map(chr), min_size=1, max_size=60)


@settings(max_examples=60, deadline=None)
@given(TEXTS)
@example("\u200d")
@example("“…”—·₂×–")
def test_a_text_without_unprintable_characters_prints(text: str) -> None:
    for character in unprintable(text):
        text = text.replace(character, "")
    if not unprintable(text):
        for view in EACH_LANGUAGE:
            assert PRINTER.pdf(replace(view, holder=text, scene_name=text, statement=text))
