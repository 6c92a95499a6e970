"""The forms of the calculator as a guest fills them in, and what a test reads in the pages that answer."""

from __future__ import annotations

import html
import re
import secrets
from collections.abc import AsyncIterator
from typing import Any

import httpx
import pytest_asyncio

from shared.web.idempotency import id_of
from tests.component.test_calculator import CODE, SCENE, running
from tests.conftest import Infra

TRAIN = {"mode": "high_speed_train", "origin": "Xi'an"}
CAR = {"mode": "car", "km": "300"}
COACH_LEG = {"legs-0-mode": "coach", "legs-0-km": "300"}
FLIGHT_LEG = {"legs-0-mode": "plane", "legs-0-origin": "PEK", "legs-0-destination": "TFU", "legs-0-cabin": "economy"}
HOTEL = {"stay": "hotel", "nights": "1", "hotel_class": "average", "guests_per_room": "1"}
AT_HOME = {"stay": "home", "nights": "1", "meals": "2"}


@pytest_asyncio.fixture(scope="module")
async def calculator(infra: Infra, issuer: Any) -> AsyncIterator[httpx.AsyncClient]:
    async with running(infra, issuer) as client:
        yield client


async def put(calculator: httpx.AsyncClient, code: str, **changes: Any) -> None:
    """Write a scene as it is to be."""
    scene = {**SCENE, "code": code, **changes}
    address = f"/v1/scenes/{id_of('scn', code)}"
    there = await calculator.get(address)
    seen = {"If-Match": there.headers["ETag"]} if there.is_success else {}
    answer = await calculator.put(address, json=scene, headers={**calculator.staff, **seen})  # type: ignore[attr-defined]
    assert answer.status_code == 200, answer.text


async def sent(calculator: httpx.AsyncClient, typed: dict[str, str], *, code: str = CODE) -> httpx.Response:
    """Send the three questions."""
    form = {"mode": "plane", "stay": "hotel", "nights": "2", "meals": "4", "do": "show", **typed}
    return await calculator.post(f"/s/{code}/footprints", data={**form, "idempotency_key": secrets.token_hex(16)})


async def refined(
    calculator: httpx.AsyncClient, typed: dict[str, str], *, address: str = f"/s/{CODE}"
) -> httpx.Response:
    """Send the form with every leg."""
    # The page of a year asks for no nights.
    nights = {} if address == "/life" else {"stay": "none"}
    form = {"form": "refined", **nights, "do": "show", **typed, "idempotency_key": secrets.token_hex(16)}
    return await calculator.post(f"{address}/footprints", data=form)


async def lines_of(calculator: httpx.AsyncClient, answer: httpx.Response) -> dict[str, dict[str, Any]]:
    """Return the lines of the footprint that a form made, by what they count; its page must show."""
    assert answer.status_code == 303, text_of(answer)
    page = await calculator.get(answer.headers["location"])
    shown = await calculator.get(f"/v1{answer.headers['location']}")
    assert page.status_code == 200, page.text
    assert sum(line["mass_g"] for line in shown.json()["lines"]) == shown.json()["mass_g"]
    return {line["activity"]: line for line in shown.json()["lines"]}


def text_of(page: httpx.Response) -> str:
    return " ".join(html.unescape(re.sub(r"<[^>]+>", " ", page.text)).split())


def errors_of(page: httpx.Response) -> list[str]:
    """Return the fields that the list at the top of the form leads to."""
    assert page.status_code == 422, page.text
    top = page.text.split('id="problems"')[1].split("</ul>")[0]
    return re.findall(r'href="#([a-z0-9_-]+)"', top)


def typed_of(page: str) -> dict[str, str]:
    """Return what a browser would send for the form as it stands."""
    typed = {}
    for tag in re.findall(r"<input [^>]+>", page):
        kind, name = _attribute(tag, "type"), _attribute(tag, "name")
        if name in {"q", "idempotency_key", "replaces"} or (kind in {"radio", "checkbox"} and " checked" not in tag):
            continue
        typed[name] = html.unescape(_attribute(tag, "value"))
    for name, inside in re.findall(r'<select[^>]* name="([^"]+)".*?>(.*?)</select>', page, re.DOTALL):
        chosen = re.search(r'value="([^"]*)" selected', inside) or re.search(r'value="([^"]*)"', inside)
        assert chosen is not None
        typed[name] = chosen[1]
    return typed


def _attribute(tag: str, name: str) -> str:
    found = re.search(rf' {name}="([^"]*)"', tag)
    return found[1] if found else ""
