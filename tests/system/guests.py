"""A guest who buys, and what anybody can see of what came of it."""

from __future__ import annotations

import secrets
from typing import Any

import httpx

from deploy.audit.books import Books
from deploy.story import Guest
from shared.web.auth import CAPABILITY_HEADER
from shared.web.idempotency import id_of
from tests.conftest import until
from tests.system.conftest import System

GROVES = id_of("prj", "demo", "0042")
GRAMS = 533_014
BOARDS = ("people", "people?measure=mass_g", "people?scene=FORUM26", "companies", "scenes", "scenes?measure=mass_g")


class Buyer(Guest):
    """A guest who may also buy without a footprint, and looks after its profile."""

    async def buy(self, project_id: str, **wish: int) -> dict[str, Any]:
        """Order by mass or by money."""
        quote = await self._until_known("/v1/quotes", wish)
        offer = next(offer for offer in quote["data"] if offer["project_id"] == project_id)
        body = {
            "project_id": project_id,
            "listing_version": offer["listing_version"],
            "beneficiary": {"kind": "person", "name": self.name, "board": "named"},
            "mandate_version": quote["mandate_version"],
            **wish,
        }
        self.order = await self._post("/v1/orders", body, wish="order")
        return self.order

    async def cancel(self) -> httpx.Response:
        """Take the order back."""
        return await self.client.post(f"/v1/orders/{self.order['order_id']}/cancel", headers=self.shows_order)

    async def start_payment(self) -> httpx.Response:
        """Get as far as the provider's page."""
        headers = {**self.shows_order, "Idempotency-Key": secrets.token_hex(8)}
        return await self.client.post(f"/v1/orders/{self.order['order_id']}/payments", json={}, headers=headers)

    async def profile(self, method: str, **change: str) -> httpx.Response:
        """Change the profile, or erase it."""
        address = f"/v1/beneficiaries/{self.order['beneficiary_id']}"
        headers = {CAPABILITY_HEADER: self.order["profile_capability"]}
        return await self.client.request(method, address, json=change or None, headers=headers)

    async def bought(self) -> dict[str, Any]:
        """Pay what is held, and wait until all has come of it."""
        assert (await self.reaches("held"))["state"] == "held"
        await self.pay()
        return await self.reaches("completed")

    @property
    def shows_order(self) -> dict[str, str]:
        return {CAPABILITY_HEADER: self.capability}


async def got(client: httpx.AsyncClient, address: str, *, shows: str | None = None) -> dict[str, Any]:
    """Return what lies at an address, for whoever shows this capability."""
    answer = await client.get(address, headers={CAPABILITY_HEADER: shows} if shows else None)
    assert answer.status_code == httpx.codes.OK, answer.text
    return dict(answer.json())


async def boards(client: httpx.AsyncClient) -> list[dict[str, Any]]:
    """What all boards show, but for the moment."""
    return [
        {what: value for what, value in (await got(client, f"/v1/boards/{board}")).items() if what != "as_of"}
        for board in BOARDS
    ]


async def ranked_anew(system: System, client: httpx.AsyncClient) -> list[dict[str, Any]]:
    """Fold the whole log once more beside the running boards, wait until those say the same, and return it."""
    async with system.another_ranking() as other:
        anew = await boards(other)

    async def same() -> bool:
        return await boards(client) == anew

    await until(same)
    return anew


def entries(books: Books, order_id: str) -> list[str]:
    """What the ledger has decided of an order, in its order."""
    pages = [page for pages in books.pages.values() for page in pages]
    return [entry["kind"] for page in pages for entry in page["entries"] if entry["order_id"] == order_id]


def steps(order: dict[str, Any]) -> list[str]:
    """The states that an order went through; whether it waited for its footprint first is a matter of moments."""
    return [step["state"] for step in order["steps"] if step["state"] != "waiting"]
