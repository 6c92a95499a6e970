"""K1: page, sheet, card and API say the same of a certificate, field by field, in each language."""

from __future__ import annotations

import html
import re
import subprocess
from collections.abc import AsyncIterator
from datetime import datetime
from pathlib import Path
from typing import Any

import httpx
import pytest
import pytest_asyncio

from services.certificates.app import create_app
from services.certificates.domain.certificate import business_day
from services.certificates.pages.print import CertificateView, Printer, card
from shared.web.figures import Figures
from shared.web.languages import Language
from tests.component.test_certificates import Issuer, Publish, settings, stated, way_to
from tests.component.test_certificates_answers import corrected, signs_of_pdf, text_of_page
from tests.conftest import Infra, client_of
from tests.unit.certificates.story import GRAMS, Story
from tests.unit.certificates.test_card import read
from tests.unit.certificates.views import EIGHTY_LETTERS, FORTY_HANZI, LONG_HINDI

# The page without its frame, its style sheet and its script; the card is by far the heavier part.
KILOBYTES_MAX = 40
HOLDERS: dict[Language, str] = {"en": EIGHTY_LETTERS, "zh": FORTY_HANZI, "hi": LONG_HINDI}

OFFSET_TITLES: dict[Language, str] = {
    "en": "Carbon Offset Certificate of Honor",
    "zh": "碳抵消荣誉证书",
    "hi": "कार्बन ऑफ़सेट सम्मान प्रमाणपत्र",
}


@pytest_asyncio.fixture(scope="module")
async def certificates(infra: Infra, issuer: Issuer) -> AsyncIterator[httpx.AsyncClient]:
    async with client_of(create_app(settings(infra, issuer))) as client:
        yield client


def without_spaces(text: str) -> str:
    return "".join(text.split())


def complaints_of(pdf: Path) -> str:
    """Return what qpdf has to say against a file."""
    checked = subprocess.run(["qpdf", "--check", pdf], capture_output=True, text=True, check=False)
    return checked.stderr if checked.returncode == 0 else checked.stdout + checked.stderr


def stated_by(facts: dict[str, Any], language: Language) -> list[str]:
    """Return all that the API states of a certificate, as a language writes it."""
    figures = Figures(language)
    low, high = figures.likely(facts["low_g"], facts["high_g"])
    return [
        facts["holder"],
        facts["number"],
        facts["code"],
        facts["scene"]["names"][language],
        facts["project"]["names"][language],
        facts["project"]["standard"],
        facts["issuer"][language],
        figures.day(datetime.fromisoformat(facts["issued_at"])),
        figures.exact(facts["mass_g"]),
        figures.grouped(facts["mass_g"]),
        low,
        high,
        *(line["serial"] for line in facts["serials"]),
        *(figures.grouped(line[bound]) for line in facts["serials"] for bound in ("from_gram", "to_gram")),
        *(figures.grouped(line["to_gram"] - line["from_gram"]) for line in facts["serials"]),
    ]


def seen(facts: dict[str, Any], language: Language, title: str, alternative: str) -> CertificateView:
    """Return the certificate as it is printed, made from what the API states and from the words of the page."""
    statement = alternative.split(" · ")[1]
    assert facts["scene"]["names"][language] in statement
    return CertificateView(
        lang=language,
        title=title,
        subtitle="",
        subtitle_lang="en",
        number=facts["number"],
        version=facts["version"],
        code=facts["code"],
        verify_url=facts["address"].replace("-", "").upper(),
        short_url="",
        holder=facts["holder"],
        scene_name=facts["scene"]["names"][language],
        statement=statement,
        grams=facts["mass_g"],
        low_grams=facts["low_g"],
        high_grams=facts["high_g"],
        factor_release=facts["factor_releases"][0],
        allocations=tuple((line["serial"], line["from_gram"], line["to_gram"]) for line in facts["serials"]),
        serials="CDCER-CN510100-0042-2021-01-413, -414",
        project_name=facts["project"]["names"][language],
        standard=facts["project"]["standard"],
        issuer=facts["issuer"][language],
        issued_on=business_day(datetime.fromisoformat(facts["issued_at"])),
        demo=alternative.rsplit(" · ", maxsplit=1)[-1],
    )


@pytest.mark.parametrize("language", HOLDERS)
async def test_k1_page_sheet_card_and_api_show_the_same(
    certificates: httpx.AsyncClient, publish: Publish, tmp_path: Path, language: Language
) -> None:
    story = Story()
    await publish(story.published(), story.listed(), story.named(HOLDERS[language]), story.purchased(), story.retired())
    second = f"{HOLDERS[language][:-1]}."
    old, new = await corrected(certificates, publish, story, second)
    language_header = {"Accept-Language": language}
    for code, version, holder in ((old, 1, HOLDERS[language]), (new, 2, second)):
        facts = await stated(certificates, code)
        pdf = (await certificates.get(f"/c/{code}.pdf", headers=language_header)).content
        png = (await certificates.get(f"/c/{code}.png", headers=language_header)).content
        sheet = signs_of_pdf(pdf)
        assert (facts["version"], facts["holder"], facts["mass_g"]) == (version, holder, GRAMS)
        assert (facts["low_g"], facts["high_g"], facts["factor_releases"]) == (390_000, 680_000, ["2026.2"])
        stated_on_paper = [*stated_by(facts, language), *facts["factor_releases"]]
        assert [text for text in stated_on_paper if without_spaces(text) not in sheet] == []
        (tmp_path / "card.png").write_bytes(png)
        address = read(tmp_path / "card.png")
        assert address.lower() == facts["address"].replace("-", "").lower()
        led = await certificates.get("/" + address.split("/", 3)[3], headers=language_header)
        assert (led.status_code, address.split("/")[3]) == (200, "C")
        if version == 1:
            continue
        # Above the facts stands when the page was made, and that is mostly the day of issue.
        page = without_spaces(text_of_page(led.text.partition('<dl class="facts">')[2]))
        ledger = [Figures(language).grouped(facts["ledger"]["sequence"]), facts["ledger"]["page_hash"]]
        assert [text for text in [*stated_by(facts, language), *ledger] if without_spaces(text) not in page] == []
        for text in (page, sheet):
            assert re.search(re.escape(facts["number"]) + rf"\D{{1,12}}{version}(?!\d)", text)
        (title,) = (html.unescape(found) for found in re.findall(r"<h1>(.+?)</h1>", led.text))
        assert without_spaces(title) in sheet
        (alternative,) = (html.unescape(found) for found in re.findall(r'<img [^>]*alt="([^"]+)"', led.text))
        view = seen(facts, language, title, alternative)
        assert str(card(view)) == alternative
        assert Printer().png(view) == png
        assert len(led.content) + len(png) < KILOBYTES_MAX * 1_024
        file = tmp_path / "sheet.pdf"
        file.write_bytes(pdf)
        assert complaints_of(file) == ""
        for mark in ("<pdfaid:part>3", "<pdfaid:conformance>A", "<pdfuaid:part>1", f"/Lang({language}"):
            assert mark.encode() in pdf


@pytest.mark.parametrize(("language", "title"), OFFSET_TITLES.items())
async def test_d9_where_neutral_is_no_word_it_stands_nowhere(
    certificates: httpx.AsyncClient, publish: Publish, language: Language, title: str
) -> None:
    story = Story(jurisdiction="DE")
    await publish(*story.whole())
    code, language_header = (await way_to(certificates, story))["code"], {"Accept-Language": language}
    facts = await stated(certificates, code)
    page = (await certificates.get(f"/c/{code}", headers=language_header)).text
    sheet = signs_of_pdf((await certificates.get(f"/c/{code}.pdf", headers=language_header)).content)
    (alternative,) = re.findall(r'<img [^>]*alt="([^"]+)"', page)
    assert (facts["words"], facts["title"]) == ("offset", OFFSET_TITLES["en"])
    assert title in alternative
    for text in (page, sheet, str(facts)):
        assert not re.search("neutral|中和|न्यूट्रल", text, re.IGNORECASE)
    for text in (without_spaces(page), sheet):
        assert without_spaces(title) in text
