"""What somebody else puts on our topics stops no consumer, breaks no page, and ends no tool."""

from __future__ import annotations

import asyncio
import importlib
import re
import secrets
import time
from collections.abc import AsyncIterator, Callable
from typing import Any

import pytest
import pytest_asyncio
from hypothesis import given, settings

from deploy import audit
from deploy.audit.books import read
from deploy.dead import DeadLetter, dead_letters
from deploy.generate.cards import consumed_by
from deploy.issuer import LocalIssuer
from shared.contracts.event import (
    AHEAD_MAX,
    EARLIEST,
    WHOLE_MAX,
    Envelope,
    Event,
    MalformedEvent,
    OtherMode,
    from_record,
)
from shared.contracts.topics import SERVICES
from shared.messaging import broker
from shared.mongodb import connect
from tests import offsets
from tests.conftest import Infra, client_of, until
from tests.contracts.hostile import Hostile, far, hostile, many
from tests.contracts.test_consumers import ALL_READ_SECONDS, record
from tests.contracts.test_events import PUBLISHED, PUBLISHED_MS, examples

HOSTILE = 150
SEEN_BY_ALL = 40
# Of each service the addresses with a query of their own, beside those of its access table.
WITH_QUERY = {
    "orders": ["/orders/new?mass_g=533014", "/orders/new?footprint_id={footprint_id}"],
    "ranking": [
        f"/{kind}boards/{board}?measure={measure}&window={window}"
        for kind in ("", "v1/")
        for board, measure in (("people", "scenes"), ("companies", "mass_g"), ("scenes", "share"), ("scenes", "mass_g"))
        for window in ("all", "2020", "2020-01", "2020-01-01")
    ]
    + ["/boards/people?scene={scene_id}", "/boards/wall?scene={scene_id}", "/boards/people?city=XX"],
}


def taken(one: Hostile, *, timestamp_ms: int) -> Envelope[Event] | None:
    """Return the event that a consumer takes it for; none when it is refused. Whatever else is raised is a fault."""
    try:
        return from_record(one.contract, one.value, one.headers, livemode=False, timestamp_ms=timestamp_ms)  # type: ignore[arg-type]
    except (MalformedEvent, OtherMode):
        return None


@settings(deadline=None)
@given(hostile())
def test_what_is_on_a_topic_is_an_event_within_bounds_or_malformed(one: Hostile) -> None:
    event = taken(one, timestamp_ms=PUBLISHED_MS)
    if event is not None:
        assert EARLIEST <= event.time <= PUBLISHED + AHEAD_MAX
        assert 1 <= event.sequence <= WHOLE_MAX
        assert len(event.id) <= 200


def test_events_at_all_their_bounds_are_events() -> None:
    assert [one.contract.topic for one in far("x") if taken(one, timestamp_ms=PUBLISHED_MS) is None] == []


@pytest_asyncio.fixture
async def producer(infra: Infra) -> AsyncIterator[broker.Producer]:
    started = broker.Producer(infra.kafka, replica="hostile")
    await started.start()
    yield started
    await started.stop()


@pytest.mark.parametrize("service", SERVICES)
async def test_hostile_events_stop_no_consumer_and_break_no_page(
    service: str,
    infra: Infra,
    producer: broker.Producer,
    settings: Callable[..., Any],
    issuer: tuple[LocalIssuer, str, str],
) -> None:
    mark, contracts = secrets.token_hex(4), consumed_by(service)
    extremes = [one for one in far(mark) if one.contract in contracts]
    sent = [*(one for one in many(HOSTILE * len(SERVICES)) if one.contract in contracts)][:HOSTILE] + extremes
    good = [message for message in examples() if message[0] in contracts]
    acknowledged: list[Any] = []
    for number, one in enumerate(sent):
        # Too many that fail in a row halt a consumer, so among them come good ones.
        contract, message = good[number % len(good)]
        acknowledged += [
            await put(producer, service, contract.topic, record(message)),
            await put(producer, service, one.contract.topic, (f"{mark} {number}".encode(), one.value, one.headers)),
        ]
    await asyncio.gather(*acknowledged)
    app = importlib.import_module(f"services.{service}.app")
    given = settings(service, kind=app.Settings, replica=f"{service}-test")
    async with client_of(app.create_app(given)) as client, offsets.opened(infra.kafka) as log:
        if service != "ranking":
            await until(lambda: log.is_read_by(service, f"replay.{service}"), seconds=ALL_READ_SECONDS)
        client.headers["Authorization"] = f"Bearer {issuer[0].token('staff', 'orders:read', 'orders:organise')}"
        broken = [
            (address, answer.status_code)
            for address in await addresses(service, given.mongodb_url, extremes)
            if (answer := await client.get(address)).status_code >= 500
        ]
        assert broken == []
        assert (await client.get("/health/ready")).status_code == 200
    letters = [letter async for letter in dead_letters(infra.kafka, service) if key_of(letter).startswith(mark)]
    now_ms = int(time.time() * 1000)
    refused = {f"{mark} {number}" for number, one in enumerate(sent) if taken(one, timestamp_ms=now_ms) is None}
    assert len(refused) > HOSTILE / 2
    if service == "ranking":
        return
    # What is an event takes effect, and what is none has been seen.
    unlisted = {key_of(letter) for letter in letters if letter.reason.startswith("AllocationUnreadable")}
    assert not unlisted or service == "certificates", "only certificates lists serials"
    assert {key_of(letter): letter.reason for letter in letters if key_of(letter) not in refused | unlisted} == {}
    assert {key_of(letter) for letter in letters} == refused | unlisted
    reasons = ("MalformedEvent", "OtherMode", "AllocationUnreadable")
    assert all(letter.reason.startswith(reasons) for letter in letters)


async def put(producer: broker.Producer, service: str, topic: str, message: tuple[Any, Any, Any]) -> Any:
    """Give a message to the service alone, by its replay topic; ranking reads topics alone."""
    key, value, headers = message
    if service != "ranking":
        headers = [*headers, ("dead_topic", topic.encode())]
    to = topic if service == "ranking" else f"replay.{service}"
    return await producer.send(to, (key, value, headers), partition=0)


def key_of(letter: DeadLetter) -> str:
    return (letter.key or b"").decode(errors="replace")


async def addresses(service: str, mongodb_url: str, about: list[Hostile]) -> list[str]:
    """Return the pages and programs' addresses of a service, about what the events are about."""
    api = importlib.import_module(f"services.{service}.api")
    ids = {
        name: found.decode()
        for one in about
        for name, found in re.findall(rb'"([a-z]+_id)": "([a-z]+_[0-9A-Z]{26})"', one.value)
        for name in (name.decode(),)
    }
    client = connect(mongodb_url)
    issued = await client.get_default_database()["certificates"].find_one({"facts.grams": 10**15})
    client.close()
    codes = [version["code"] for version in issued["versions"]] if service == "certificates" and issued else []
    assert codes or service != "certificates"
    ids |= {
        "board": "people",
        "about": ids.get("order_id", "x"),
        "serial": "x",
        "rebuild": "1",
        "code": codes[0] if codes else "X",
    }
    paths = [route.removeprefix("GET ") for route in api.ACCESS if route.startswith("GET ")]
    return [
        re.sub(r"\{(\w+)\}", lambda found: ids.get(found[1], "x"), path)
        for path in [*paths, *WITH_QUERY.get(service, ())]
        if not path.endswith("/events")
    ]


async def test_an_audit_and_the_tools_withstand_what_the_services_withstand(
    infra: Infra, producer: broker.Producer
) -> None:
    for number, one in enumerate(many(HOSTILE)[:SEEN_BY_ALL]):
        # Others read these topics too, and halt when too many in a row are none.
        contract, message = examples()[number % len(examples())]
        await (await put(producer, "ranking", contract.topic, record(message)))
        await (await put(producer, "ranking", one.contract.topic, (b"hostile", one.value, one.headers)))
    for headers in ([("dead_attempts", b"x" * 5000), ("dead_offset", b"\xff")], [("dead_topic", None)], []):
        await (await producer.send("dead.calculator", (b"k", None, headers)))  # type: ignore[arg-type]
    books = await read(infra.kafka, infra.mongodb)
    assert books.foreign > SEEN_BY_ALL / 3
    assert [found.report for found in audit.check(books)]
    assert [letter async for letter in dead_letters(infra.kafka, "calculator")]
