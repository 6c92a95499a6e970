"""Decides which characters a certificate can print, and cuts Debian's Noto fonts down to them.

Run it after `apt-get install fonts-noto-cjk fonts-noto-core fonts-noto-mono unicode-data`; it rewrites `fonts/` and
`shared/contracts/printable.txt`, which are committed, so that nobody else needs those packages. Its input was Noto Sans
2.004, Devanagari 2.001, Mono 2.006, CJK 2.004 and Unihan 15.0.
"""

import bz2
import sys
import unicodedata
from collections.abc import Iterable
from itertools import pairwise
from pathlib import Path

from fontTools.subset import Options, Subsetter
from fontTools.ttLib import TTFont

FONTS = Path(__file__).parent / "fonts"
COVERAGE = Path(__file__).parents[3] / "shared/contracts/printable.txt"
LATIN_AND_INDIC = Path("/usr/share/fonts/truetype/noto")
CHINESE = Path("/usr/share/fonts/opentype/noto")
UNIHAN = Path("/usr/share/unicode/Unihan_OtherMappings.txt.bz2")
WEIGHTS = ("Regular", "Bold")
SIMPLIFIED_CHINESE_FACE = 2

# Shaping never needs these, and a name with one of them would be reordered or broken in secret. The two joiners stay:
# Devanagari spells with them.
HIDDEN_CATEGORIES = {"Cc", "Cf", "Zl", "Zp"}
JOINERS = {0x200C, 0x200D}

LATIN_GREEK_CYRILLIC = [(0x20, 0x52F), (0x1D00, 0x1FFF), (0x2000, 0x22FF), (0x2C60, 0x2C7F), (0xA720, 0xA7FF)]
DEVANAGARI = [(0x20, 0x20), (0x900, 0x97F), (0x1CD0, 0x1CFF), (0x200C, 0x200D), (0x20B9, 0x20B9), (0x25CC, 0x25CC)]
SERIALS = [(0x20, 0x7E)]


def main() -> None:
    """Write one file for each family and weight, and the list of what each family covers."""
    FONTS.mkdir(exist_ok=True)
    coverage = {
        "Noto Sans": cut("NotoSans", LATIN_AND_INDIC, spread(LATIN_GREEK_CYRILLIC)),
        "Noto Sans CJK SC": cut("NotoSansCJK", CHINESE, chinese()),
        "Noto Sans Devanagari": cut("NotoSansDevanagari", LATIN_AND_INDIC, spread(DEVANAGARI)),
    }
    cut("NotoSansMono", LATIN_AND_INDIC, spread(SERIALS), weights=("Regular",))
    lines = [f"{family}: {' '.join(runs(characters))}\n" for family, characters in coverage.items()]
    COVERAGE.write_text("".join(lines), encoding="ascii")


def cut(stem: str, folder: Path, wanted: set[int], *, weights: Iterable[str] = WEIGHTS) -> set[int]:
    """Write the weights of one family cut down to `wanted`; return what all of them can draw."""
    covered = []
    for weight in weights:
        source = next(folder.glob(f"{stem}-{weight}.tt[cf]"), None)
        if source is None:
            sys.exit(f"{folder}/{stem}-{weight} is missing: install the Debian packages named at the top of this file")
        face = SIMPLIFIED_CHINESE_FACE if source.suffix == ".ttc" else -1
        font = TTFont(source, fontNumber=face, recalcTimestamp=False)
        # Hints serve coarse screens; vertical metrics, signatures and features of Hanzi serve nothing on this page.
        options = Options(hinting=False, name_IDs=["*"], notdef_outline=True, layout_closure=face < 0)
        options.drop_tables += ["DSIG", "vhea", "vmtx", "VORG", "BASE"]
        if face >= 0:
            options.layout_features = []
        subsetter = Subsetter(options)
        subsetter.populate(unicodes=wanted)
        subsetter.subset(font)
        font.save(FONTS / f"{stem}-{weight}{'.otf' if 'CFF ' in font else '.ttf'}")
        covered.append(set(font.getBestCmap()))
    return set.intersection(*covered)


def spread(ranges: Iterable[tuple[int, int]]) -> set[int]:
    """Return the code points of inclusive ranges, without those that cannot be seen."""
    wanted = {point for first, last in ranges for point in range(first, last + 1)}
    return {point for point in wanted if unicodedata.category(chr(point)) not in HIDDEN_CATEGORIES} | wanted & JOINERS


def chinese() -> set[int]:
    """Return GBK and the Table of General Standard Chinese Characters (2013), from which names are drawn since."""
    pairs = (bytes([lead, trail]) for lead in range(0x81, 0xFF) for trail in range(0x40, 0xFF))
    gbk = {ord(character) for pair in pairs for character in pair.decode("gbk", errors="ignore")} - set(range(0x80))
    with bz2.open(UNIHAN, "rt", encoding="utf-8") as lines:
        fields = (line.split("\t") for line in lines if "\tkTGH\t" in line and line.startswith("U+"))
        return gbk | {int(point.removeprefix("U+"), 16) for point, *_ in fields}


def runs(characters: set[int]) -> list[str]:
    """Return sorted code points as hexadecimal runs, first-last."""
    ordered = sorted(characters)
    starts = [ordered[0], *(after for before, after in pairwise(ordered) if after != before + 1)]
    ends = [*(before for before, after in pairwise(ordered) if after != before + 1), ordered[-1]]
    return [f"{start:X}-{end:X}" for start, end in zip(starts, ends, strict=True)]


if __name__ == "__main__":
    main()
