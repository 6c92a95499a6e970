"""S3 from end to end: a thousand buyers over HTTP for the last tonne of a project."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from deploy.audit.books import Books
from shared.web.idempotency import id_of
from tests.conftest import until
from tests.e2e.conftest import System, mark, persistently, running_copy
from tests.e2e.warm import Warm

BUYERS, EACH_G, LEFT_G = 1_000, 2_000, 1_000_000
AT_ONCE = 40
STATES = ("available", "held", "allocated", "cancelled")


@pytest.fixture(scope="module")
def copy(parent: Warm, tmp_path_factory: pytest.TempPathFactory) -> Iterator[System]:
    """A copy of its own: every audit after this test would have to go through its thousand orders."""
    with running_copy(parent, tmp_path_factory.mktemp("surge")) as system:
        yield system


async def test_s3_a_thousand_buyers_for_the_last_million_grams_get_exactly_those(system: System) -> None:
    project_id = id_of("prj", "surge", mark())
    async with system.client() as client:
        await one_tonne(client, system.token, project_id)
        body = await persistently(lambda: wish(client, project_id))
        gate = asyncio.Semaphore(AT_ONCE)

        async def buy() -> str:
            key = mark()

            async def post() -> str:
                answer = await client.post("/v1/orders", json=body, headers={"Idempotency-Key": key})
                return str(answer.raise_for_status().json()["order_id"])

            async with gate:
                return await persistently(post)

        mine = set(await asyncio.gather(*(buy() for _ in range(BUYERS))))

        async def answered() -> list[dict[str, Any]] | None:
            books = await system.quiet()
            orders = [order for order in books.orders if order["_id"] in mine]
            return orders if not [order for order in orders if order["state"] == "placed"] else None

        orders = await until(answered, seconds=60)
        books = await system.holds()
    fit = LEFT_G // EACH_G
    assert Counter(order["state"] for order in orders) == {"held": fit, "refused": BUYERS - fit}
    assert {order["refused"]["reason"] for order in orders if order["state"] == "refused"} == {"insufficient_stock"}
    assert_totals(books, project_id)


def assert_totals(books: Books, project_id: str) -> None:
    """At every page the four figures of the batch add up to what was issued, and what is held is what its holds say."""
    held = 0
    for page in books.pages[project_id]:
        held += sum(entry["grams"] for entry in page["entries"] if entry["kind"] == "hold")
        for batch in page["batches"]:
            assert sum(batch[state] for state in STATES) == LEFT_G
            assert min(batch[state] for state in STATES) >= 0
            assert batch["held"] == held
    assert held == LEFT_G


async def one_tonne(client: httpx.AsyncClient, token: str, project_id: str) -> None:
    """List a project with a batch of one tonne."""
    staff = {"Authorization": f"Bearer {token}"}
    listing = {
        "names": {"en": "The last tonne (demo)"},
        "summary": {"en": "A project that is nearly sold out."},
        "standard": "CDCER",
        "type": "forest_management",
        "owner_id": "own_last_demo",
        "place": "CN510100",
        "code": mark()[:8].upper(),
        "unit_price_fen": 4800,
    }
    address = f"/v1/projects/{project_id}"
    made = await client.post(f"{address}/listings", json=listing, headers={**staff, "If-Match": '"0"'})
    made.raise_for_status()
    report = {"report": f"MR-{mark()}", "vintage": 2024, "tonnes": 1, "verifier": "V", "verified_tonnes": 1}
    issued = await client.post(f"{address}/batches", json=report, headers={**staff, "Idempotency-Key": mark()})
    issued.raise_for_status()


async def wish(client: httpx.AsyncClient, project_id: str) -> dict[str, Any]:
    """Ask for a quote until orders has consumed the project; return the order to make of it."""
    quote = (await client.post("/v1/quotes", json={"mass_g": EACH_G})).raise_for_status().json()
    offers = [offer for offer in quote["data"] if offer["project_id"] == project_id]
    if not offers:
        raise httpx.HTTPError("orders has not consumed the project")
    return {
        "project_id": project_id,
        "listing_version": offers[0]["listing_version"],
        "mass_g": EACH_G,
        "beneficiary": {"kind": "person"},
        "mandate_version": quote["mandate_version"],
    }
