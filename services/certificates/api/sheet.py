"""How a version of a certificate becomes its PDF and its card, and when it does not."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from functools import lru_cache

from services.certificates.domain.certificate import Opened, business_day
from services.certificates.domain.claims import ERASED, TITLES, statement
from services.certificates.domain.serials import serial_lines, serials_in_brief
from services.certificates.pages import FOLDER
from services.certificates.pages.print import Card, CertificateView, Printer, Unprintable, card
from shared.refusal import Refusal
from shared.sentence import Sentence
from shared.web import languages, pages
from shared.web.languages import LANGUAGES, SOURCE, Language

PRINTS_KEPT = 64
FORGET_SECONDS = 60.0
DEMO = Sentence("Demo: invented projects, no real money.")


class Gone(Refusal):
    """A certificate that was revoked is not printed any more (410)."""

    code = "certificate_revoked"


class NotPrintable(Refusal):
    """A text of the certificate has characters that its fonts lack (409)."""

    code = "unprintable_character"


class Sheets:
    """The PDFs and cards of certificates: made when they are first requested, the last ones kept in memory.

    What is kept may hold a name that is erased meanwhile. It is served to nobody, for it is found by what it states,
    and it is dropped soon: at once where the erasure arrives, and within `FORGET_SECONDS` by every other replica.
    """

    def __init__(self, printer: Printer, *, public_url: str, livemode: bool) -> None:
        self._pdf = lru_cache(PRINTS_KEPT)(printer.pdf)
        self._png = lru_cache(PRINTS_KEPT)(printer.png)
        self._public_url = public_url
        self._livemode = livemode
        self._translators = {
            language: languages.translator(languages.catalogue(language, (pages.SHARED, FOLDER)))
            for language in LANGUAGES
        }

    async def pdf(self, opened: Opened, language: Language) -> bytes:
        """Return the PDF of a version, always the same bytes. Raises Gone or NotPrintable."""
        return await self._printed(self._pdf, opened, language)

    async def png(self, opened: Opened, language: Language) -> bytes:
        """Return the card of a version, always the same bytes. Raises Gone or NotPrintable."""
        return await self._printed(self._png, opened, language)

    def card(self, opened: Opened, language: Language) -> Card:
        """Return what the card of a version says."""
        return card(self._view(opened, language))

    @property
    def kept(self) -> int:
        """How many prints are in memory."""
        return self._pdf.cache_info().currsize + self._png.cache_info().currsize

    async def forget(self) -> None:
        """Drop every print from memory."""
        self._pdf.cache_clear()
        self._png.cache_clear()

    async def _printed(self, printed: Callable[[CertificateView], bytes], opened: Opened, language: Language) -> bytes:
        if opened.certificate.revocation is not None:
            raise Gone(Sentence("This certificate was revoked and is no longer printed. Its page says why."))
        try:
            return await asyncio.to_thread(printed, self._view(opened, language))
        except Unprintable as wrong:
            raise NotPrintable(str(wrong), field=wrong.field) from None

    def _view(self, opened: Opened, language: Language) -> CertificateView:
        facts, version, translated = opened.facts, opened.version, self._translators[language]
        title = TITLES[facts.words]
        # Under the title it stands in the other language of the place: in Chinese, and in English under any but that.
        second: Language = "zh" if language == SOURCE else SOURCE
        lines = serial_lines(facts.allocations)
        scene = languages.in_language(facts.scene.names, language) if facts.scene else None
        return CertificateView(
            lang=language,
            title=translated(title),
            subtitle=self._translators[second](title),
            subtitle_lang=second,
            number=facts.number,
            version=version.version,
            code=version.code,
            # In capitals, and without what only eyes need, the QR code takes fewer dots.
            verify_url=f"{self._public_url}/c/{''.join(version.code.split('-'))}".upper(),
            short_url=f"{self._public_url.partition('://')[2]}/v",
            holder=translated(ERASED) if version.holder is None else version.holder,
            scene_name=scene,
            statement=translated(statement(scene)),
            grams=facts.grams,
            low_grams=facts.low_grams,
            high_grams=facts.high_grams,
            factor_release=", ".join(facts.releases) or None,
            allocations=tuple((line.serial, line.from_gram, line.to_gram) for line in lines),
            serials=translated(serials_in_brief(lines)),
            project_name=languages.in_language(facts.project.names, language),
            standard=facts.project.standard,
            issuer=languages.in_language(facts.issuer, language),
            issued_on=business_day(facts.issued_at),
            demo=None if self._livemode else translated(DEMO),
        )
