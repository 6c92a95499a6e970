"""The whole way in a real browser: with and without a script, a double tap, back, and without a network."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator

import pytest
import pytest_asyncio
from playwright.async_api import Browser, expect

from tests.e2e.browser import Phone, chromium, phone
from tests.e2e.conftest import System

SCENE = "FORUM26"
WORDS = {
    "en": {"start": "I want to be carbon neutral", "done": "offset."},
    "zh": {"start": "我要碳中和", "done": "抵消"},
    "hi": {"start": "मुझे कार्बन न्यूट्रल बनना है", "done": "ऑफ़सेट"},
}


@pytest_asyncio.fixture(scope="module")
async def browser() -> AsyncIterator[Browser]:
    async with chromium() as running:
        yield running


async def counts(guest: Phone, language: str = "en") -> None:
    """Go from the poster to the result."""
    await guest.open(f"/s/{SCENE}")
    await guest.page.get_by_role("link", name=WORDS[language]["start"]).click()
    await guest.page.locator("#origin").fill("PEK")
    await guest.page.locator(".bar .primary").click()
    await expect(guest.page.locator("h1.figure")).to_be_visible()


async def orders(guest: Phone) -> None:
    """Go from the result to the held order."""
    await guest.page.locator(".bar .primary").click()
    # Without a script the page of a footprint that has not arrived yet loads itself again.
    await expect(guest.page.locator("#mandate")).to_be_visible(timeout=20_000)
    await guest.page.locator("#mandate").check()
    await guest.page.locator(".bar .primary").click()
    await expect(guest.page.locator("#pay")).to_be_attached(timeout=20_000)


async def pays(guest: Phone) -> None:
    """Go from the held order to the certificate."""
    await guest.page.locator("button[form=pay]").click()
    await guest.page.locator("button[value=approve]").click()
    certificate = guest.page.locator('a.primary[href^="/c/orders/"]')
    await expect(certificate).to_be_visible(timeout=30_000)
    await certificate.click()
    await expect(guest.page.locator(".badge.valid")).to_be_visible()


@pytest.mark.parametrize("script", [True, False], ids=["with a script", "without a script"])
@pytest.mark.parametrize("language", ["en", "zh", "hi"])
async def test_a_guest_goes_the_whole_way_in_their_language(
    system: System, browser: Browser, language: str, script: bool
) -> None:
    async with phone(browser, system.local.url, language=language, script=script) as guest:
        await counts(guest, language)
        await orders(guest)
        await pays(guest)
        assert await guest.page.locator("html").get_attribute("lang") == {"zh": "zh-Hans"}.get(language, language)
        assert re.fullmatch(r".*/c/[0-9A-Z-]+", guest.page.url)


async def test_the_language_that_is_chosen_stays_on_every_page_after(system: System, browser: Browser) -> None:
    async with phone(browser, system.local.url) as guest:
        await guest.open(f"/s/{SCENE}")
        await guest.page.get_by_role("link", name="中文").click()
        assert guest.page.url.endswith(f"/s/{SCENE}")
        await guest.page.get_by_role("link", name=WORDS["zh"]["start"]).click()
        assert await guest.page.locator("html").get_attribute("lang") == "zh-Hans"
        await guest.open("/proof")
        assert await guest.page.locator("html").get_attribute("lang") == "zh-Hans"


async def test_s8_a_double_tap_on_pay_pays_once(system: System, browser: Browser) -> None:
    async with phone(browser, system.local.url) as guest:
        await counts(guest)
        await orders(guest)
        order_id = guest.page.url.rpartition("/")[2]
        await guest.page.locator("button[form=pay]").dblclick()
        await guest.page.locator("button[value=approve]").dblclick()
        await expect(guest.page.locator('a.primary[href^="/c/orders/"]')).to_be_visible(timeout=30_000)
    books = await system.holds()
    (order,) = [order for order in books.orders if order["_id"] == order_id]
    assert order["state"] == "completed"
    assert len([payment for payment in order["payments"] if payment.get("received")]) == 1


async def test_back_from_the_held_order_leads_to_it_again_and_makes_no_second_one(
    system: System, browser: Browser
) -> None:
    async with phone(browser, system.local.url) as guest:
        await counts(guest)
        await orders(guest)
        order = guest.page.url
        await guest.page.go_back()
        await guest.page.reload()
        await expect(guest.page.locator("#pay")).to_be_attached(timeout=20_000)
        assert guest.page.url == order


async def test_without_a_network_in_the_middle_of_the_form_nothing_is_sent_and_nothing_lost(
    system: System, browser: Browser
) -> None:
    async with phone(browser, system.local.url) as guest:
        await guest.open(f"/s/{SCENE}/count")
        await guest.page.locator("#origin").fill("PEK")
        await guest.page.locator("#nights").fill("3")
        await guest.context.set_offline(True)
        await guest.page.locator(".bar .primary").click()
        await expect(guest.page.locator("#offline")).to_be_visible()
        assert await guest.page.locator("#nights").input_value() == "3"
        await guest.context.set_offline(False)
        await guest.page.reload()
        assert await guest.page.locator("#origin").input_value() == "PEK"
        assert await guest.page.locator("#nights").input_value() == "3"
        await guest.page.locator(".bar .primary").click()
        await expect(guest.page.locator("h1.figure")).to_be_visible()


async def test_the_form_shows_the_number_while_it_is_filled_in_and_finds_airports_in_each_script(
    system: System, browser: Browser
) -> None:
    async with phone(browser, system.local.url, language="zh") as guest:
        await guest.open(f"/s/{SCENE}/count")
        for typed in ("北京", "बीजिंग", "beijing"):
            await guest.page.locator("#origin").fill("")
            await guest.page.locator("#origin").press_sequentially(typed)
            choice = guest.page.get_by_role("option", name="PEK")
            await expect(choice).to_be_visible()
        await guest.page.locator("#origin").press("ArrowDown")
        await choice.click()
        assert await guest.page.locator("#origin").input_value() == "北京 (PEK)"
        shown = guest.page.locator("[data-sum] b")
        await expect(shown).to_have_text(re.compile(r"^[0-9,.]+ 千克$"))
        first = await shown.text_content()
        await guest.page.locator("#nights").fill("9")
        await expect(shown).not_to_have_text(first or "")
        last = await shown.text_content()
        await guest.page.locator(".bar .primary").click()
        assert await guest.page.locator("h1.figure").text_content() == f"{last} CO₂e"


async def test_every_answer_can_be_refined_with_legs_added_and_removed(system: System, browser: Browser) -> None:
    async with phone(browser, system.local.url, script=False) as guest:
        await guest.open(f"/s/{SCENE}/count")
        await guest.page.locator("#origin").fill("PEK")
        await guest.page.get_by_role("button", name="Refine").click()
        assert await guest.page.locator("#legs-0-origin").input_value() == "Beijing (PEK)"
        await guest.page.get_by_role("button", name="Add a leg").click()
        await guest.page.locator("#legs-1-mode").select_option("metro")
        await guest.page.locator("#legs-1-km").fill("20")
        await guest.page.locator("#hotel_class").select_option("4")
        await guest.page.locator("#guests_per_room").fill("0")
        await guest.page.locator(".bar .primary").click()
        await expect(guest.page.locator("#problems")).to_contain_text("Enter a whole number from 1 to 10.")
        await guest.page.locator("#guests_per_room").fill("2")
        await guest.page.locator(".bar .primary").click()
        # The worked example of the methodology, section 17, as the form gives it.
        await expect(guest.page.locator("h1.figure")).to_have_text("533 kg CO₂e")
        await expect(guest.page.locator("tfoot")).to_contain_text("533.01")
        await guest.page.get_by_role("link", name="Change an answer").click()
        await guest.page.get_by_role("button", name="Remove leg 2").click()
        await guest.page.locator(".bar .primary").click()
        await expect(guest.page.locator("h1.figure")).to_have_text("532 kg CO₂e")
