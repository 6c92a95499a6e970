"""How a version of a certificate becomes its PDF, and when it does not."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from functools import lru_cache
from typing import Literal

from services.certificates import domain
from services.certificates.pages.print import CertificateView, Printer, Unprintable
from shared.refusal import Refusal

SHEETS_KEPT = 64
Language = Literal["en", "zh"]
ERASED: dict[Language, str] = {"en": "Holder erased", "zh": "持有人信息已删除"}


class Gone(Refusal):
    """A certificate that was revoked is not printed any more (410)."""

    code = "certificate_revoked"


class NotPrintable(Refusal):
    """A text of the certificate has characters that its fonts lack (409)."""

    code = "unprintable_character"


class Sheets:
    """The PDFs of certificates: made when asked for, the last ones kept in memory."""

    def __init__(self, printer: Printer, *, public_url: str, livemode: bool) -> None:
        self._pdf = lru_cache(SHEETS_KEPT)(printer.pdf)
        self._public_url = public_url
        self._livemode = livemode

    async def pdf(self, facts: domain.Facts, version: domain.Version, language: Language) -> bytes:
        """Return the PDF of a version, always the same bytes. Raises NotPrintable."""
        view = self._view(facts, version, language)
        try:
            return await asyncio.to_thread(self._pdf, view)
        except Unprintable as wrong:
            raise NotPrintable(str(wrong), field=wrong.field) from None

    def _view(self, facts: domain.Facts, version: domain.Version, language: Language) -> CertificateView:
        return CertificateView(
            number=facts.number,
            version=version.version,
            code=version.code,
            # In capitals, and without what only eyes need, the QR code takes fewer dots.
            verify_url=f"{self._public_url}/c/{''.join(version.code.split('-'))}".upper(),
            short_url=f"{self._public_url.partition('://')[2]}/v",
            holder=ERASED[language] if version.holder is None else version.holder,
            scene_name=_in(language, facts.scene.names) if facts.scene else None,
            grams=facts.grams,
            low_grams=facts.low_grams,
            high_grams=facts.high_grams,
            factor_release=", ".join(facts.releases) or None,
            allocations=tuple(
                (line.serial, line.from_gram, line.to_gram) for line in domain.serial_lines(facts.allocations)
            ),
            project_name=_in(language, facts.project.names),
            standard=facts.project.standard,
            issuer=facts.issuer,
            issued_on=domain.business_day(facts.issued_at),
            livemode=self._livemode,
            lang=language,
            words=facts.words,
        )


def _in(language: Language, names: Mapping[str, str]) -> str:
    return names.get(language) or names.get("en") or next(iter(names.values()))
