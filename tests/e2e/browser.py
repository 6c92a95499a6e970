"""A guest's phone: Chromium at 390 px, with or without a script engine, and what it was sent."""

from __future__ import annotations

import contextlib
import os
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from playwright.async_api import Browser, BrowserContext, Page, Response, async_playwright

CHROMIUM = "/usr/bin/chromium"
# Without the fonts of a language its signs are boxes, which are wider.
FONTS = Path(__file__).with_name("fonts.conf")
PHONE = {"width": 390, "height": 844}
Scheme = Literal["light", "dark"]


@dataclass
class Phone:
    """One guest's browser window, and every answer that it got since the last page was opened."""

    context: BrowserContext
    page: Page
    base: str
    answers: list[Response] = field(default_factory=list)

    async def open(self, address: str) -> None:
        """Open an address of the site."""
        self.answers.clear()
        await self.page.goto(self.base + address)

    def note(self, answer: Response) -> None:
        """Keep an answer."""
        self.answers.append(answer)


@contextlib.asynccontextmanager
async def chromium() -> AsyncIterator[Browser]:
    """Run the browser."""
    async with async_playwright() as playwright:
        # Debian's Chromium, as root in a container: it has no sandbox there.
        browser = await playwright.chromium.launch(
            executable_path=CHROMIUM, args=["--no-sandbox"], env={**os.environ, "FONTCONFIG_FILE": str(FONTS)}
        )
        try:
            yield browser
        finally:
            await browser.close()


@contextlib.asynccontextmanager
async def phone(
    browser: Browser, base: str, *, language: str = "en", scheme: Scheme = "light", script: bool = True, **more: Any
) -> AsyncIterator[Phone]:
    """Yield a guest's window in a language."""
    context = await browser.new_context(
        viewport=PHONE, locale=language, color_scheme=scheme, java_script_enabled=script, **more
    )
    page = await context.new_page()
    mine = Phone(context, page, base)
    # Playwright keeps something on what it is given, which a list's own method does not take.
    page.on("response", mine.note)
    try:
        yield mine
    finally:
        await context.close()
