"""What a serial stands for is found by a few reads however long the ledger is, and returned in pages."""

from __future__ import annotations

import math
import secrets
from collections.abc import AsyncIterator, Mapping
from typing import Any

import httpx
import pytest
import pytest_asyncio

from services.registry import api
from services.registry.api.people import page_router
from services.registry.api.programs import api_router
from services.registry.api.reserves import reserves_router
from services.registry.domain.commands import Cancel, Cancellation, Command
from services.registry.domain.decide import next_page
from services.registry.domain.ledger import Page
from services.registry.domain.open_holds import OpenHolds
from services.registry.handlers.ledger import Handlers
from services.registry.handlers.recount import Recounter
from services.registry.store.store import Store
from shared.messaging.outbox import clock
from shared.settings import Settings
from shared.web.app import create, database
from shared.web.idempotency import id_of
from shared.web.lists import cursor_of
from shared.web.pages import Pages
from tests.component.test_registry_replicas import PAGES, PROJECT, listed
from tests.conftest import client_of
from tests.unit.registry.chain import BECAUSE, post
from tests.unit.registry.chain import hold as held

PREFIX = "CDCER-CN510100-0042-2021-01"
TONNE = 1_000_000
GRAMS = 10_000
ORDERS, POSTED = 220, 200


class Counting(Store):
    """A store that counts the pages that it reads, whole or in part."""

    reads = 0

    async def page(self, project_id: str, sequence: int) -> Page | None:
        self.reads += 1
        return await super().page(project_id, sequence)

    async def _read_heads(self, newest: Mapping[str, int]) -> None:
        self.reads += len(newest)
        await super()._read_heads(newest)

    async def _allocated(self, project_id: str, sequence: int, batch_id: str) -> int:
        self.reads += 1
        return await super()._allocated(project_id, sequence, batch_id)


@pytest_asyncio.fixture(scope="module")
async def long(infra: Any) -> AsyncIterator[tuple[Counting, httpx.AsyncClient, Recounter]]:
    """A ledger of 4 t: each order held on a page of its own, most posted two to a page, 1 t cancelled from the end."""
    settings = Settings(
        kafka_bootstrap_servers=infra.kafka,
        mongodb_url=infra.mongodb_url(f"registry_{secrets.token_hex(4)}"),
        secret="s" * 32,
        replica="registry-test",
        issuer="http://nobody.test",
        jwks_url="http://nobody.test/jwks",
    )
    store = Counting(database(settings), livemode=False, wake=lambda: None)
    handlers = Handlers(store, clock)
    app = create(
        settings,
        service="registry",
        description="",
        routers=[
            api_router(store, handlers, livemode=False),
            reserves_router(store, livemode=False),
            page_router(store, pages := Pages(PAGES, service="registry", livemode=False), livemode=False),
        ],
        access=api.ACCESS,
        statuses=api.STATUSES,
        store=store,
        pages=pages,
    )
    async with client_of(app) as client:
        await listed(handlers, tonnes=4)
        open_holds = OpenHolds(await store.head(PROJECT))
        wanted = Cancellation(batch_id=id_of("bat", "1"), tonnes=1, reason="reversal")
        polls: list[list[Command]] = [[held(number, GRAMS)] for number in range(ORDERS)]
        polls += [[post(number), post(number + 1)] for number in range(0, POSTED, 2)]
        polls += [[Cancel(cancellation=wanted, cancellation_id="can", cause=BECAUSE)]]
        for commands in polls:
            page = next_page(PROJECT, open_holds.last, open_holds.entries(commands), commands, day="2026-11-24")
            assert page is not None
            open_holds.advance(page)
            await store.append(page)
        yield store, client, Recounter(store, clock)


async def retirement(client: httpx.AsyncClient, serials: str, **query: int) -> dict[str, Any]:
    answer = await client.get(f"/v1/retirements/{PREFIX}-{serials}", params=query)
    assert answer.status_code == 200, answer.text
    return dict(answer.json())


async def test_a_serial_in_a_long_ledger_costs_as_many_reads_as_its_length_has_digits(
    long: tuple[Counting, httpx.AsyncClient, Recounter],
) -> None:
    store, client, _ = long
    pages = 2 + ORDERS + POSTED // 2 + 1
    for serial in ("1", "2"):
        store.reads = 0
        answer = await retirement(client, serial, limit=2)
        assert len(answer["data"]) == 2
        # The newest page, and halves of what there is twice: once to pass the place, once to come back to it.
        assert store.reads <= 2 * math.ceil(math.log2(pages)) + 2
    store.reads = 0
    answer = await retirement(client, "2", cursor=cursor_of(str(TONNE + 10 * GRAMS)), limit=20)
    assert len(answer["data"]) == 20
    # Ten pages of two claims each, one beside the other.
    assert store.reads <= 2 * math.ceil(math.log2(pages)) + 2 + 9 * 2


@pytest.mark.parametrize("limit", [1, 3, 30, 100])
async def test_the_claims_of_a_range_come_once_each_and_in_order_in_answers_of_any_size(
    long: tuple[Counting, httpx.AsyncClient, Recounter], limit: int
) -> None:
    _, client, _ = long
    ranges: list[tuple[int, int]] = []
    cursor: str | None = cursor_of(str(TONNE - 5 * GRAMS) if limit == 1 else "0")
    while cursor is not None and len(ranges) < 2 * POSTED:
        answer = await retirement(client, "1-3", cursor=cursor, limit=limit)
        assert answer["has_more"] == (answer["next_cursor"] is not None)
        assert len(answer["data"]) <= limit
        ranges += [(part["from_gram"], part["to_gram"]) for one in answer["data"] for part in one["allocations"]]
        cursor = answer["next_cursor"]
        if limit == 1 and len(ranges) == 12:
            break
    first = ranges[0][0]
    assert ranges == [(first + n * GRAMS, first + (n + 1) * GRAMS) for n in range(len(ranges))]
    assert limit == 1 or len(ranges) == POSTED
    assert (answer["retired"], answer["claimed_g"]) == (False, 2 * TONNE)


async def test_serials_that_are_retired_still_for_sale_or_cancelled_are_distinguished(
    long: tuple[Counting, httpx.AsyncClient, Recounter],
) -> None:
    _, client, _ = long
    states = {serial: await retirement(client, serial) for serial in ("1", "1-2", "2-3", "3", "4")}
    assert {serial: (state["retired"], state["cancelled"]) for serial, state in states.items()} == {
        "1": (True, False),
        "1-2": (True, False),
        "2-3": (False, False),
        "3": (False, False),
        "4": (False, True),
    }
    assert [len(states[serial]["data"]) for serial in ("3", "4")] == [0, 0]
    people = {serial: (await client.get(f"/retirements/{PREFIX}-{serial}")).text for serial in ("1", "3", "4")}
    assert "cancelled for good" in people["1"]
    assert "still for sale" in people["3"]
    assert "cancelled without a claim" in people["4"]
    never = await client.get(f"/v1/retirements/{PREFIX}-5")
    elsewhere = await client.get("/v1/retirements/CDCER-CN510100-0043-2021-01-1")
    vintage = await client.get("/v1/retirements/CDCER-CN510100-0042-2022-01-1")
    assert [answer.status_code for answer in (never, elsewhere, vintage)] == [404, 404, 404]


async def test_a_proof_is_shown_as_being_counted_until_the_first_recount_has_finished(
    long: tuple[Counting, httpx.AsyncClient, Recounter],
) -> None:
    _, client, recounter = long
    before, page = (await client.get("/v1/proof")).json(), await client.get("/proof")
    assert (before["recounted_at"], before["seconds"], before["data"], before["pages_counted"]) == (None, None, [], 0)
    assert page.status_code == 200
    assert "Being counted" in page.text
    await recounter.recount()
    after, page = (await client.get("/v1/proof")).json(), await client.get("/proof")
    (proof,) = after["data"]
    assert after["pages_counted"] == proof["pages"] == 2 + ORDERS + POSTED // 2 + 1
    assert after["seconds"] > 0
    assert after["recounted_at"] is not None
    assert proof["wrong"] is None
    (batch,) = proof["batches"]
    assert batch["available"] + batch["held"] + batch["allocated"] + batch["cancelled"] == batch["issued"] == 4 * TONNE
    assert (batch["retired_tonnes"], batch["unclaimed_grams"], batch["cancelled"]) == (2, 0, TONNE)
    assert "Ledger intact" in page.text
