"""Which language a page speaks, how a guest chooses another, and what a sentence says in it."""

from __future__ import annotations

import httpx
import pytest
from fastapi import FastAPI
from fastapi.responses import HTMLResponse
from starlette.requests import Request
from starlette.responses import Response

from shared.sentence import Money, Sentence
from shared.web import languages
from shared.web.languages import catalogue, preferred, translator
from shared.web.pages import SHARED, Pages


@pytest.mark.parametrize(
    ("accepted", "language"),
    [
        ("", "en"),
        ("zh-CN,zh;q=0.9,en;q=0.8", "zh"),
        ("fr-FR,hi;q=0.7,en;q=0.8", "en"),
        ("hi-IN", "hi"),
        ("en;q=0.1,zh-Hans;q=0.2", "zh"),
        ("zh;q=0,hi;q=0.1", "hi"),
        ("zh;q=high, hi", "hi"),
        ("de,fr", "en"),
        ("x" * 100_000, "en"),
    ],
)
def test_a_page_speaks_the_language_that_the_browser_likes_best(accepted: str, language: str) -> None:
    assert preferred(accepted) == language


@pytest.fixture
def site() -> httpx.AsyncClient:
    """A page that says its language and address, behind what every service has before its routes."""
    pages = Pages(SHARED.parents[1] / "services/orders/pages", "orders", livemode=False)
    app = FastAPI()

    async def before(request: Request, go_on: object) -> Response:
        if (chosen := languages.choosing(request, secure=False)) is not None:
            return chosen
        languages.remember(request)
        return await go_on(request)  # type: ignore[operator, no-any-return]

    app.middleware("http")(before)

    @app.get("/{_path:path}")
    async def page(_path: str) -> HTMLResponse:
        context = {"status": 404, "title": Sentence("There is nothing here"), "detail": "", "errors": []}
        return HTMLResponse(pages.render("error.html", **context, request_id="req_1"))

    return httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://site")


async def test_a_language_that_is_chosen_is_kept_and_leaves_the_address_as_it_was(site: httpx.AsyncClient) -> None:
    chosen = await site.get("/orders/new?footprint=fp_1&lang=zh")
    assert chosen.status_code == 303
    assert chosen.headers["location"] == "/orders/new?footprint=fp_1"
    again = await site.get("/orders/new?footprint=fp_1", headers={"Accept-Language": "hi"})
    assert '<html lang="zh-Hans">' in again.text
    assert 'href="/orders/new?footprint=fp_1&amp;lang=hi"' in again.text
    assert (await site.get("/a?lang=en")).headers["location"] == "/a"
    assert '<html lang="en">' in (await site.get("/a")).text


async def test_a_file_is_answered_in_the_language_of_its_address_and_nothing_is_kept(site: httpx.AsyncClient) -> None:
    site.cookies.set("language", "hi")
    file = await site.get("/c/7K3M-9QXD-4TVB.pdf?lang=zh&a=1", headers={"Accept-Language": "en"})
    assert (file.status_code, "set-cookie" in file.headers) == (200, False)
    assert '<html lang="zh-Hans">' in file.text
    assert 'href="/c/7K3M-9QXD-4TVB.pdf?a=1&amp;lang=hi"' in file.text
    assert '<html lang="hi">' in (await site.get("/c/7K3M-9QXD-4TVB.pdf")).text
    assert '<html lang="hi">' in (await site.get("/v1/boards?lang=zh")).text


async def test_what_is_no_language_of_ours_is_no_choice(site: httpx.AsyncClient) -> None:
    strange = await site.get("/a?lang=tlh")
    assert (strange.status_code, 'href="/a?lang=zh"' in strange.text) == (200, True)
    site.cookies.set("language", "tlh")
    assert '<html lang="hi">' in (await site.get("/a", headers={"Accept-Language": "hi-IN"})).text


async def test_a_choice_never_leads_to_another_host(site: httpx.AsyncClient) -> None:
    assert (await site.get("http://site//evil.example/a?lang=zh")).headers["location"] == "/evil.example/a"


def test_a_sentence_is_english_to_programs_and_of_the_language_to_people() -> None:
    whole = Sentence("Enter a whole number from {low} to {high}.", low=1, high=10)
    assert whole == "Enter a whole number from 1 to 10."
    translated = translator(catalogue("zh", (SHARED, SHARED.parents[1] / "services/calculator/pages")))
    assert "1" in translated(whole)
    assert "10" in translated(whole)
    assert translated(whole) != whole
    assert (
        translated(Sentence("{line}: {part}", line=Sentence("Plane"), part="x"))
        == translated(Sentence("Plane")) + "：x"
    )
    price = Sentence("{price} a tonne", price=Money(4505, "CNY"))
    assert price == "45.05 CNY a tonne"
    assert translator(catalogue("zh", (SHARED,)), lambda money: f"{money.minor} 分")(price) == "4505 分 a tonne"
    assert translated("Plane") == "Plane", "what is no Sentence is somebody's own word"
    assert translated(Sentence("{text}", text="{low}")) == "{low}", "what a guest typed is never a place"
