"""The pages of ranking over a fold made by hand: every board, measure, window and place, and the live wall."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator, Callable, Iterator
from datetime import datetime, timedelta

import httpx
import pytest
import pytest_asyncio
from fastapi import FastAPI

from services.ranking import api
from services.ranking.api.cursors import Cursors
from services.ranking.api.pages import page_router
from services.ranking.domain.selection import MEASURES
from services.ranking.handlers import Handlers
from services.ranking.store import Store
from shared.settings import Settings
from shared.web import problems
from shared.web.app import database
from shared.web.auth import hash_of
from shared.web.middleware import RequestMiddleware
from shared.web.pages import Pages
from tests.tidy.test_repository import ROOT
from tests.unit.ranking.stories import CITIES, NOW, an_id, certificate, footprint, name, scene

CODE, OTHER_CODE = "S1000", "S2000"


class Clock:
    """A clock that stands until it is set."""

    def __init__(self) -> None:
        self.now = NOW

    def __call__(self) -> datetime:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def handlers(settings: Callable[..., Settings], clock: Clock) -> Iterator[Handlers]:
    """Two scenes in Chengdu; six people at the first, one of them named and one at both, and a company there."""
    store = Store(database(settings("ranking")))
    handlers = Handlers(store, clock, code="", replica="test")
    events = [scene(1), scene(2)]
    for who in range(6):
        events += [name(who, board="named" if who == 2 else "alias")]
        events += [footprint(who, 1, grams=500_000), footprint(10 + who, 1, grams=250_000)]
        at = NOW - timedelta(minutes=10 - who)
        events.append(certificate(who, who, 1, grams=500_000, footprints=(who,), at=at))
    events += [certificate(20, 0, 2, grams=1_000, at=NOW - timedelta(days=3))]
    events += [name(100, kind="company", board="named"), certificate(21, 100, 1, grams=2_500_000, kind="company")]
    for event in events:
        handlers.boards.fold(event)
    yield handlers
    store.close()


@pytest_asyncio.fixture
async def client(handlers: Handlers, clock: Clock) -> AsyncIterator[httpx.AsyncClient]:
    pages = Pages(ROOT / "services/ranking/pages", service="ranking", livemode=False)
    app = FastAPI()
    app.include_router(page_router(handlers, clock, Cursors("secret"), pages))
    answers = problems.Problems(statuses=api.STATUSES, pages=pages)
    answers.install(app)
    app.add_middleware(RequestMiddleware, problems=answers, secure=False)

    transport = httpx.ASGITransport(app)
    async with httpx.AsyncClient(transport=transport, base_url="http://diandian.test") as client:
        yield client


def lines(page: str) -> list[list[str]]:
    """Return the cells of a board's lines as texts."""
    rows = re.findall(r"<tr[^>]*>(<td.*?)</tr>", page, re.DOTALL)
    return [[re.sub(r"<[^>]+>", " ", cell).strip() for cell in re.findall(r"<td.*?</td>", row)] for row in rows]


async def test_b2_ties_stand_with_an_equals_sign_and_the_next_rank_skips(client: httpx.AsyncClient) -> None:
    page = (await client.get("/boards/people")).text
    assert lines(page) == [
        ["1", "Alias 0", "2"],
        ["2=", "Alias 1", "1"],
        ["2=", "Name 2 (demo)", "1"],
        ["2=", "Alias 3", "1"],
        ["2=", "Alias 4", "1"],
        ["2=", "Alias 5", "1"],
    ]


async def test_b4_the_board_by_tonnes_shows_none_but_those_who_chose_to_be_named(client: httpx.AsyncClient) -> None:
    page = (await client.get("/boards/people?measure=mass_g")).text
    assert lines(page) == [["1", "Name 2 (demo)", "500 kg"]]
    assert "Alias" not in page


async def test_b1_companies_stand_by_mass_and_scenes_by_share(client: httpx.AsyncClient) -> None:
    assert lines((await client.get("/boards/companies")).text) == [["1", "Name 100 (demo)", "2.50 t"]]
    assert lines((await client.get("/boards/companies?measure=scenes")).text) == [["1", "Name 100 (demo)", "1"]]
    # Six of twelve footprints are covered: 3 t of 4.5 t. The other scene has one guest, and stays off.
    page = (await client.get("/boards/scenes")).text
    assert lines(page) == [["1", "Scene 1 (demo)", "66.6 %"]]
    assert f'href="/s/{CODE}"' in page
    assert lines((await client.get("/boards/scenes?measure=mass_g&window=week")).text) == [
        ["1", "Scene 1 (demo)", "5.50 t"]
    ]


async def test_a_page_names_scenes_in_the_language_of_its_reader(client: httpx.AsyncClient) -> None:
    page = (await client.get("/boards/scenes", headers={"Accept-Language": "zh"})).text
    assert "场景1（示例）" in page
    assert "Scene 1 (demo)" not in page
    page = (await client.get(f"/boards/people?scene={CODE}", headers={"Cookie": "language=zh"})).text
    assert '<b aria-current="true">场景1（示例）</b>' in page


async def test_every_link_of_a_board_leads_to_a_board_that_there_is(client: httpx.AsyncClient) -> None:
    seen: set[str] = set()
    waiting = ["/boards/people", f"/boards/people?scene={CODE}", f"/boards/companies?city={CITIES[0]}&window=week"]
    while waiting:
        address = waiting.pop()
        if address in seen:
            continue
        seen.add(address)
        answer = await client.get(address)
        assert answer.status_code == 200, address
        main = answer.text.split("<main")[1].split("</main>")[0].replace("&amp;", "&")
        waiting += [link for link in re.findall(r'href="(/boards/[^"]+)"', main) if "/wall" not in link]
    for board, measures in MEASURES.items():
        for measure in measures[1:]:
            assert any(f"/boards/{board}?measure={measure}" in address for address in seen)
    assert all(any(f"window={kind}" in address for address in seen) for kind in ("day", "week", "month", "year"))


async def test_whoever_shows_a_profile_sees_where_they_stand_or_that_they_do_not(
    client: httpx.AsyncClient, handlers: Handlers
) -> None:
    event = name(1, sequence=2)
    named = event.data.model_copy(update={"profile_hash": hash_of("ben", an_id("ben", 1), "right")})
    handlers.boards.fold(type(event)(id="x", time=NOW, sequence=2, livemode=False, data=named))
    mine = {"Cookie": f"{an_id('ben', 1)}=right"}
    page = (await client.get("/boards/people", headers=mine)).text
    assert "You, Alias 1" in page
    assert '<tr class="own"><td>2=</td>' in page
    assert f'href="/orders/profiles/{an_id("ben", 1)}"' in page
    assert "You are not on this board" in (await client.get("/boards/people?measure=mass_g", headers=mine)).text
    assert "You are not on this board" not in (await client.get("/boards/companies", headers=mine)).text
    assert "You are not on this board" not in (await client.get("/boards/people?measure=mass_g")).text


@pytest.mark.parametrize(
    ("address", "sentence"),
    [
        (f"/boards/people?scene={OTHER_CODE}&window=day", "The first certificate of this place and time"),
        (f"/boards/people?measure=mass_g&scene={OTHER_CODE}", "It lists those who chose to be named"),
        (f"/boards/companies?scene={OTHER_CODE}", "No company is on this board yet"),
    ],
)
async def test_an_empty_board_shows_what_would_fill_it(client: httpx.AsyncClient, address: str, sentence: str) -> None:
    assert sentence in (await client.get(address)).text


@pytest.mark.parametrize(
    ("address", "status"),
    [
        ("/boards/scenes?measure=share&window=day", 422),
        ("/boards/scenes?scene=S1000", 422),
        ("/boards/people?scene=NOWHERE", 404),
        ("/boards/trees", 422),
    ],
)
async def test_a_page_of_a_board_that_there_is_not_explains_that(
    client: httpx.AsyncClient, address: str, status: int
) -> None:
    answer = await client.get(address, headers={"Accept": "text/html"})
    assert answer.status_code == status


async def test_a_scene_stays_off_its_board_until_five_have_taken_part(
    client: httpx.AsyncClient, clock: Clock, handlers: Handlers
) -> None:
    clock.now = NOW + timedelta(days=1)
    address = "/boards/scenes?measure=mass_g&window=day"
    for who in range(5):
        assert "It lists a scene once five have taken part there." in (await client.get(address)).text
        handlers.boards.fold(certificate(f"next {who}", who, 2, at=clock.now))
    assert lines((await client.get(address)).text) == [["1", "Scene 2 (demo)", "5.0 kg"]]
