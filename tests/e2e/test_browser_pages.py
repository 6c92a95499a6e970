"""Every page in each language, light and dark: readable for all, light on the wire, and asking no other host."""

from __future__ import annotations

import re
import shutil
from collections.abc import AsyncIterator
from importlib.resources import files
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
import pytest_asyncio
from playwright.async_api import Browser, expect

from shared.web.languages import LANGUAGES
from tests.e2e.browser import PHONE, Phone, chromium, phone
from tests.e2e.conftest import System
from tests.e2e.visitors import Visitor

ROOT = Path(__file__).resolve().parents[2]
# What a look at the pages needs: one picture a page and language, kept by CI.
PICTURES = ROOT / ".local/screenshots"
AXE = files("axe_playwright_python").joinpath("axe.min.js").read_text()
# On the wire, of all that a page asks for (ux.md).
BYTES_MAX, CERTIFICATE_BYTES_MAX, REQUESTS_MAX, SCRIPT_BYTES_MAX = 14_336, 40_960, 6, 5_120
SCENE = "FORUM26"


@pytest_asyncio.fixture(scope="module")
async def browser() -> AsyncIterator[Browser]:
    async with chromium() as running:
        yield running


@pytest_asyncio.fixture(scope="module", params=LANGUAGES)
async def pages(
    request: pytest.FixtureRequest, copy: System, browser: Browser
) -> AsyncIterator[tuple[Phone, dict[str, str]]]:
    """A guest who has been everywhere, and the address of each page."""
    language = str(request.param)
    async with copy.client() as client, phone(browser, copy.local.url, language=language) as guest:
        addresses = await _addresses(copy, client, guest)
        yield guest, addresses


async def _addresses(copy: System, client: Any, guest: Phone) -> dict[str, str]:
    """Walk to every page and return its address; the browser holds the capabilities that they need."""
    found = {
        "home": "/",
        "home nothing found": "/?q=no%20such%20scene",
        "scene": f"/s/{SCENE}",
        "scene closed": "/s/FORUM21",
        "count": f"/s/{SCENE}/count",
        "refine": f"/s/{SCENE}/refine",
        "life": "/life",
        "how": "/how",
        "privacy": "/privacy",
        "boards people": "/boards/people",
        "boards companies": "/boards/companies",
        "boards scenes": "/boards/scenes",
        "wall": f"/boards/wall?scene={SCENE}",
        "check": "/v",
        "unknown": "/v?code=0000-0000-0000",
        "projects": "/projects",
        "proof": "/proof",
        "error": "/nothing-here",
        "problem": "/problems/price_changed",
        "problems": "/problems",
    }
    visitor = Visitor(client, name="Guest (demo)")
    await visitor.buys()
    held, refused = Visitor(client), Visitor(client)
    await held.has_held()
    await refused.asks_for_too_much()
    late = Visitor(client)
    await late.pays_too_late()
    renamed, mistaken = Visitor(client), Visitor(client)
    await renamed.buys()
    superseded = (await renamed.certificate())["code"]
    await renamed.is_called("Guest of Another Name (demo)")
    await mistaken.buys()
    revoked = (await mistaken.certificate())["code"]
    address = f"/v1/certificates/cert_{mistaken.order['order_id'].removeprefix('ord_')}/revoke"
    staff = {"Authorization": f"Bearer {copy.token}"}
    (await client.post(address, json={"reason": "issued_in_error"}, headers=staff)).raise_for_status()
    await copy.quiet()
    for who in (visitor, held, refused, late):
        await _hold(guest, who.order["order_id"], who.capability)
    await _hold(guest, held.footprint["footprint_id"], held.footprint["capability"])
    await _hold(guest, visitor.order["beneficiary_id"], visitor.order["profile_capability"])
    completed = await visitor.seen()
    code = (await visitor.certificate())["code"]
    serial = completed["serials"][0]["first_serial"]
    return found | {
        "result": f"/footprints/{held.footprint['footprint_id']}",
        "choose": "/orders/new?mass_g=533014",
        "order held": f"/orders/{held.order['order_id']}",
        "order completed": f"/orders/{visitor.order['order_id']}",
        "order refused": f"/orders/{refused.order['order_id']}",
        "order refunded": f"/orders/{late.order['order_id']}",
        "profile": f"/orders/profiles/{visitor.order['beneficiary_id']}",
        "certificate valid": f"/c/{code}",
        "certificate superseded": f"/c/{superseded}",
        "certificate revoked": f"/c/{revoked}",
        "project": f"/projects/{completed['project_id']}",
        "retirement of an order": f"/retirements/{visitor.order['order_id']}",
        "retirement of a serial": f"/retirements/{serial}",
    }


async def _hold(guest: Phone, object_id: str, capability: str) -> None:
    await guest.context.add_cookies([{"name": object_id, "value": capability, "url": guest.base}])


async def test_every_page_is_readable_for_all_in_the_light_and_in_the_dark(
    pages: tuple[Phone, dict[str, str]], request: pytest.FixtureRequest
) -> None:
    guest, addresses = pages
    language = request.node.callspec.params["pages"]
    shutil.rmtree(PICTURES / language, ignore_errors=True)
    (PICTURES / language).mkdir(parents=True)
    wrong = []
    for name, address in addresses.items():
        for scheme in ("light", "dark"):
            await guest.page.emulate_media(color_scheme=scheme)
            await guest.open(address)
            found = await guest.page.evaluate(f"{AXE}\n; axe.run()")
            wrong += [
                f"{name}, {scheme}: {violation['id']}: {violation['nodes'][0]['html'][:200]}"
                for violation in found["violations"]
            ]
            suffix = "" if scheme == "light" else " dark"
            picture = PICTURES / language / f"{name}{suffix}.png"
            # As high as the page is, so that its bar lies at the end as it does when one has read that far.
            height = await guest.page.evaluate("document.documentElement.scrollHeight")
            await guest.page.set_viewport_size({"width": 390, "height": height})
            await guest.page.screenshot(path=picture)
            await guest.page.set_viewport_size(PHONE)
    assert not wrong, "\n".join(wrong)


async def test_no_page_is_wider_than_a_narrow_phone(pages: tuple[Phone, dict[str, str]]) -> None:
    guest, addresses = pages
    wide = []
    for name, address in addresses.items():
        await guest.open(address)
        # The narrowest, and the most common one.
        for phone_width in (320, 360):
            await guest.page.set_viewport_size({"width": phone_width, "height": 640})
            width = await guest.page.evaluate("document.documentElement.scrollWidth")
            if width > phone_width:
                wide.append(f"{name}: {width} on {phone_width}")
    await guest.page.set_viewport_size(PHONE)
    assert not wide


async def test_every_page_keeps_to_its_budget_and_asks_no_other_host(pages: tuple[Phone, dict[str, str]]) -> None:
    guest, addresses = pages
    over = []
    for name, address in addresses.items():
        # As a first visit: nothing is cached yet.
        session = await guest.context.new_cdp_session(guest.page)
        await session.send("Network.clearBrowserCache")
        await guest.open(address)
        await guest.page.wait_for_load_state("networkidle") if "order" not in name else None
        loaded = [answer for answer in guest.answers if not answer.url.startswith("data:")]
        assert {urlsplit(answer.url).netloc for answer in loaded} == {urlsplit(guest.base).netloc}, name
        first = [answer for answer in loaded if "/preview" not in answer.url and "/events" not in answer.url]
        sizes = {answer.url: (await answer.request.sizes())["responseBodySize"] for answer in first}
        most = CERTIFICATE_BYTES_MAX if name.startswith("certificate") else BYTES_MAX
        script = sum(size for url, size in sizes.items() if ".js" in url)
        if sum(sizes.values()) > most or len(sizes) > REQUESTS_MAX or script > SCRIPT_BYTES_MAX:
            over.append(f"{name}: {sum(sizes.values())} bytes, {len(sizes)} requests, {script} of script")
    assert not over, "\n".join(over)


async def test_the_policy_of_every_page_allows_no_script_and_no_style_of_its_own(
    pages: tuple[Phone, dict[str, str]],
) -> None:
    guest, addresses = pages
    messages: list[str] = []
    guest.page.on("console", lambda message: messages.append(message.text))
    for address in addresses.values():
        await guest.open(address)
        policy = guest.answers[0].headers["content-security-policy"]
        assert "default-src 'none'" in policy
        assert "unsafe" not in policy
    assert not [text for text in messages if "Content Security Policy" in text or "Content-Security-Policy" in text]


async def test_every_page_is_whole_in_its_language(
    pages: tuple[Phone, dict[str, str]], request: pytest.FixtureRequest
) -> None:
    guest, addresses = pages
    language = request.node.callspec.params["pages"]
    if language == "en":
        await guest.open("/")
        await expect(guest.page.locator("h1")).to_contain_text("dot by dot")
        return
    left = []
    for name, address in addresses.items():
        await guest.open(address)
        # Sentences of four English words in a row stand on no page; names, serials, hashes and licences do.
        text = await guest.page.evaluate(
            "[...document.querySelectorAll('main :not(code):not([lang=en]):not(script)')]"
            ".flatMap((one) => [...one.childNodes].filter((node) => node.nodeType === 3).map((node) => node.data))"
            ".join('\\n')"
        )
        left += [f"{name}: {found}" for found in re.findall(r"(?:\b[a-z]{2,} ){3}[a-z]{2,}\b", text)]
    assert not left, "\n".join(left)
