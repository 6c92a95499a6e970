"""The live wall: what it shows of a scene and what it never shows, its snapshots, and the page in a browser."""

from __future__ import annotations

import asyncio
import contextlib
import re
import socket
import time
from collections.abc import AsyncIterator, Callable
from datetime import UTC, datetime, timedelta

import httpx
import pytest_asyncio
import uvicorn
from fastapi import FastAPI
from playwright.async_api import Page, async_playwright
from prometheus_client import REGISTRY
from sse_starlette import EventSourceResponse

from services.ranking import api
from services.ranking.api import walls
from services.ranking.api.wall import wall_router
from services.ranking.handlers import Handlers
from services.ranking.store import Store
from shared.messaging.outbox import clock
from shared.settings import Settings
from shared.web import problems
from shared.web.app import _static, database
from shared.web.middleware import RequestMiddleware
from shared.web.pages import Pages
from tests.conftest import until
from tests.tidy.test_repository import ROOT
from tests.unit.ranking.stories import an_id, certificate, footprint, name, scene

ADDRESS = "/boards/wall?scene=S1000"
EVENTS = "/boards/wall/events?scene=S1000"
STREAMS = 200


class Hall:
    """A scene with guests, and the service that shows its wall."""

    def __init__(self, url: str, store: Store) -> None:
        self.url = url
        self.handlers = Handlers(store, clock, code="", replica="test")
        self.fold(scene(1))

    def fold(self, *events: object) -> None:
        """Fold events, as the reader would."""
        for event in events:
            self.handlers.boards.fold(event)  # type: ignore[arg-type]

    def guest(self, who: int, *, ago: timedelta = timedelta(hours=1), grams: int = 468_000) -> None:
        """Let a guest count a footprint and get a certificate."""
        self.fold(name(who), footprint(who, 1, grams=grams))
        self.fold(certificate(who, who, 1, grams=grams, footprints=(who,), at=datetime.now(UTC) - ago))


@pytest_asyncio.fixture
async def hall(settings: Callable[..., Settings]) -> AsyncIterator[Hall]:
    """Four guests an hour ago, over real HTTP: streams are not what a transport in memory shows."""
    listening = socket.create_server(("127.0.0.1", 0))
    store = Store(database(settings("ranking")))
    hall = Hall(f"http://127.0.0.1:{listening.getsockname()[1]}", store)
    for who in range(4):
        hall.guest(who)
    pages = Pages(ROOT / "services/ranking/pages", service="ranking", livemode=False)
    app = FastAPI()
    app.include_router(wall_router(hall.handlers, clock, pages, public_url="https://diandian.example"))
    app.add_api_route("/static/{name}", _static)

    answers = problems.Problems(statuses=api.STATUSES, pages=pages)
    answers.install(app)
    app.add_middleware(RequestMiddleware, problems=answers, secure=False)
    server = uvicorn.Server(uvicorn.Config(app, log_level="critical", lifespan="off", timeout_graceful_shutdown=1))
    serving = asyncio.create_task(server.serve([listening]))
    yield hall
    server.should_exit = True
    await serving
    store.close()


async def snapshots(url: str, last: str | None = None) -> AsyncIterator[tuple[str, str]]:
    """Yield id and data of each snapshot of a stream."""
    headers = {"Last-Event-ID": last} if last else {}
    async with (
        httpx.AsyncClient(timeout=20, headers=headers) as client,
        client.stream("GET", url) as answer,
    ):
        assert answer.headers["content-type"].startswith("text/event-stream")
        event: dict[str, str] = {}
        async for line in answer.aiter_lines():
            field, _, text = line.partition(": ")
            if not line and "data" in event:
                yield event["id"], event["data"]
                event = {}
            elif field:
                event[field] = f"{event[field]}\n{text}" if field in event else text


async def page_of(hall: Hall) -> str:
    async with httpx.AsyncClient() as client:
        return (await client.get(hall.url + ADDRESS)).text


async def test_b4_the_wall_has_no_figures_until_five_have_taken_part(hall: Hall) -> None:
    page = await page_of(hall)
    assert "Figures appear once five guests have a certificate." in page
    assert not re.search(r"\d (kg|t|g)\b", page)
    hall.guest(4, grams=1_000_000)
    hall.fold(footprint("left", 1, grams=5_000_000))

    async def changed() -> str | None:
        page = await page_of(hall)
        return page if "2.87 t offset by 5 guests, of 7.87 t that 6 have counted." in page else None

    assert "1 dot = 10 kg" in await until(changed)


async def test_b4_the_latest_are_aliases_without_a_mass_and_without_a_time(hall: Hall) -> None:
    for who in range(4, 9):
        hall.guest(who, ago=timedelta(minutes=30 - who))
    hall.guest(9, ago=timedelta(0), grams=533_014)
    hall.fold(name(8, board="hidden", sequence=2), name(7, sequence=2, erased=True))
    latest = (await page_of(hall)).split('class="wall-latest"')[1].split("wall-updated")[0]
    assert re.findall(r"<span>(.*?)</span>", latest) == ["Alias 9", "Alias 6", "Alias 5", "Alias 4", "Alias 3"]
    assert re.findall(r'<li class="now">.*?<i>(.*?)</i>', latest) == ["just now"]
    assert not re.search(r"533|468|\d\d:\d\d|kg", latest)


async def test_a_snapshot_comes_at_once_and_again_when_something_has_changed_and_its_version_is_its_id(
    hall: Hall,
) -> None:
    hall.guest(4)
    async with contextlib.aclosing(snapshots(hall.url + EVENTS)) as stream:
        first, data = await anext(stream)
        assert "2.34 t" in data
        hall.guest(5, ago=timedelta(0))
        second, data = await anext(stream)
        assert "2.81 t" in data
        assert "just now" in data.split("wall-latest")[1]
        assert first != second
        # Ten seconds later it is not just now any more, although nothing has come.
        while "just now" in data.split("wall-latest")[1]:
            third, data = await anext(stream)
    async with contextlib.aclosing(snapshots(hall.url + EVENTS)) as again:
        assert (await anext(again))[0] == third


async def test_who_comes_back_with_the_last_version_is_sent_nothing_until_it_changes(hall: Hall) -> None:
    hall.guest(4)
    async with contextlib.aclosing(snapshots(hall.url + EVENTS)) as stream:
        version, _ = await anext(stream)
    async with contextlib.aclosing(snapshots(hall.url + EVENTS, version)) as stream:
        coming = asyncio.ensure_future(anext(stream))
        await asyncio.sleep(2.5)
        hall.guest(5)
        changed, data = await coming
        assert changed != version
        # The minute may have turned meanwhile, and the time on the wall with it.
        while "2.81 t" not in data:
            _, data = await anext(stream)


async def test_a_wall_of_no_scene_is_not_found_as_page_and_as_stream(hall: Hall) -> None:
    async with httpx.AsyncClient(base_url=hall.url) as client:
        for address in (ADDRESS, EVENTS):
            assert (await client.get(address.replace("S1000", "NOWHERE"))).status_code == 404


async def streamed(url: str, frames: dict[str, set[bytes]], opened: asyncio.Event, language: str) -> None:
    """Follow a wall until cancelled; keep the bytes of each snapshot under its version."""
    async with (
        httpx.AsyncClient(timeout=60, headers={"Accept-Language": language}) as client,
        client.stream("GET", url) as answer,
    ):
        rest = b""
        async for some in answer.aiter_raw():
            rest += some
            while b"\r\n\r\n" in rest:
                event, _, rest = rest.partition(b"\r\n\r\n")
                if (found := re.search(rb"^id: (\w+)", event, re.MULTILINE)) is not None:
                    frames.setdefault(found[1].decode(), set()).add(event)
                    opened.set()


def value_of(name: str, **labels: str) -> float:
    return REGISTRY.get_sample_value(name, labels) or 0.0


async def test_two_hundred_streams_cost_one_computation_a_second_get_the_same_bytes_and_leave_nothing(
    hall: Hall,
) -> None:
    hall.guest(4)
    before, began = value_of("diandian_wall_snapshots_total"), time.monotonic()
    drawn = {language: value_of("diandian_wall_frames_total", language=language) for language in ("en", "zh")}
    chinese, english = {}, {}
    opened = [asyncio.Event() for _ in range(STREAMS)]
    streams = [
        asyncio.create_task(streamed(hall.url + EVENTS, frames, one, language))
        for one, (frames, language) in zip(opened, [(english, "en"), (chinese, "zh")] * (STREAMS // 2), strict=True)
    ]
    try:
        await asyncio.gather(*(one.wait() for one in opened))
        assert value_of("diandian_wall_viewers") == STREAMS
        assert [task.get_name() for task in asyncio.all_tasks()].count(f"wall of {an_id('scn', 1)}") == 1
        for who in range(5, 9):
            # Just now, so that the wall changes with each second too.
            hall.guest(who, ago=timedelta(0))
            number = len(english)

            async def all_have_it(number: int = number) -> bool:
                return len(english) > number

            await until(all_have_it)
        seconds = time.monotonic() - began
        computed = value_of("diandian_wall_snapshots_total") - before
        assert 4 <= computed <= seconds / walls.LOOK_SECONDS + 2
        for language, frames in (("en", english), ("zh", chinese)):
            assert value_of("diandian_wall_frames_total", language=language) - drawn[language] <= len(frames) + 1
        assert all(len(sent) == 1 for frames in (english, chinese) for sent in frames.values())
        assert {b"just now" in one for sent in chinese.values() for one in sent} == {False}
    finally:
        for stream in streams:
            stream.cancel()
        await asyncio.gather(*streams, return_exceptions=True)

    async def nothing_left() -> bool:
        names = [task.get_name() for task in asyncio.all_tasks()]
        return value_of("diandian_wall_viewers") == 0 and not any(name.startswith("wall of") for name in names)

    await until(nothing_left)
    left = value_of("diandian_wall_snapshots_total")
    await asyncio.sleep(2 * walls.LOOK_SECONDS)
    assert value_of("diandian_wall_snapshots_total") == left


def test_the_stream_keeps_alive_every_fifteen_seconds_and_names_when_to_come_again() -> None:
    from services.ranking.api import wall

    assert wall.KEEP_ALIVE_SECONDS == 15 == EventSourceResponse.DEFAULT_PING_INTERVAL
    assert wall.RETRY_MILLISECONDS == 2_000


@pytest_asyncio.fixture
async def screen(hall: Hall) -> AsyncIterator[Page]:
    """The wall on a large screen."""
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path="/usr/bin/chromium", args=["--no-sandbox"])
        page = await browser.new_page(viewport={"width": 1920, "height": 1080})
        await page.goto(hall.url + ADDRESS)
        yield page
        await browser.close()


async def test_the_wall_follows_what_happens_stops_when_paused_and_then_catches_up(hall: Hall, screen: Page) -> None:
    figure = screen.locator(".wall-figure b")
    hall.guest(4)
    await figure.wait_for()
    assert await figure.text_content() == "2.34"
    pause = screen.get_by_role("button", name="Pause")
    await pause.click()
    hall.guest(5)
    await asyncio.sleep(2.5)
    assert await figure.text_content() == "2.34"
    await pause.click()

    async def caught_up() -> bool:
        return await figure.text_content() == "2.81"

    await until(caught_up)


async def test_who_listens_is_sent_a_summary_a_minute_and_nothing_in_between(hall: Hall, screen: Page) -> None:
    for who in range(4, 6):
        hall.guest(who)
    await screen.locator(".wall-figure").wait_for()
    await screen.clock.install()
    await screen.reload()
    summary, wall = screen.locator("#told"), screen.locator("[data-wall]")
    await screen.locator(".wall-figure").wait_for()
    assert await wall.get_attribute("aria-live") == "off"
    assert await summary.text_content() == ""
    await screen.clock.fast_forward(61_000)
    assert await summary.text_content() == "2.81 t offset by 6 guests, of 2.81 t that 6 have counted."


async def test_the_wall_works_without_a_script_and_fits_its_screen(hall: Hall, screen: Page) -> None:
    for who in range(4, 130):
        hall.guest(who)
    await screen.reload()
    assert await screen.evaluate("document.querySelector('main').scrollHeight <= innerHeight")
    assert await screen.evaluate("document.documentElement.scrollWidth <= innerWidth")
    assert '<noscript><meta http-equiv="refresh" content="30"></noscript>' in await page_of(hall)
