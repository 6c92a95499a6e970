"""Guests who do more than buy, with the patience that crashes ask for: each step may be repeated after any failure."""

from __future__ import annotations

from typing import Any

import httpx

from deploy.story import Guest, NotWalked
from shared.web.auth import CAPABILITY_HEADER
from tests.e2e.conftest import FINAL, persistently

MORE_THAN_THERE_IS_G = 10**11


class Visitor(Guest):
    """A guest who never gives up; buys from `project_id` if it is set, else from the first project offered."""

    project_id: str | None = None

    async def has_held(self, **wish: int) -> dict[str, Any]:
        """Get as far as the grams are held, for a footprint or for the mass wished for."""
        if wish:
            await persistently(lambda: self.order_by(**wish))
        else:
            await persistently(self.count)
            await persistently(self.place)
        return await self.comes_to("held")

    async def comes_to(self, state: str) -> dict[str, Any]:
        """Wait for the state. Raises AssertionError when the order ends otherwise."""
        seen = await persistently(lambda: self.reaches(state))
        assert seen["state"] == state, seen
        return seen

    async def buys(self, **wish: int) -> dict[str, Any]:
        """Go the whole way."""
        await self.has_held(**wish)
        await persistently(self.pay)
        return await self.comes_to("completed")

    async def order_by(self, **wish: int) -> dict[str, Any]:
        """Order by mass or by money, without a footprint, so that nothing but orders need answer."""
        quote = await self._until_known("/v1/quotes", wish)
        offer = next(offer for offer in quote["data"] if self.project_id in (None, offer["project_id"]))
        body = {
            "project_id": offer["project_id"],
            "listing_version": offer["listing_version"],
            "beneficiary": {"kind": "person", "name": self.name},
            "mandate_version": quote["mandate_version"],
            **wish,
        }
        self.order = await self._post("/v1/orders", body, wish="order")
        return self.order

    async def asks_for_too_much(self) -> dict[str, Any]:
        """Order more than there is."""
        await persistently(lambda: self.order_by(mass_g=MORE_THAN_THERE_IS_G))
        refused = await self.comes_to("refused")
        assert refused["refusal"]["reason"] == "insufficient_stock"
        return refused

    async def buys_by_card(self) -> dict[str, Any]:
        """Go the whole way with money that is first set aside and then captured."""
        await self.has_held()
        await persistently(lambda: self._begins_to_pay("sandbox_card"))
        await persistently(self._approves)
        return await self.comes_to("completed")

    async def pays_too_late(self, method: str = "sandbox") -> dict[str, Any]:
        """Begin to pay, cancel, and pay then; return the order when the money is back, or let go."""
        await self.has_held()
        await persistently(lambda: self._begins_to_pay(method))
        await persistently(self._cancel)
        await persistently(self._approves)

        async def returned() -> dict[str, Any]:
            seen = await self.seen()
            (payment,) = seen["payments"]
            if payment["state"] != "voided" and (payment["refund"] or {}).get("state") != "made":
                raise NotWalked(f"{seen['order_id']}: the money is not back")
            return seen

        seen = await persistently(returned)
        assert seen["state"] == "cancelled"
        return seen

    async def renames(self, name: str) -> str:
        """Buy, then change the name; return the code of the certificate that says so."""
        await self.buys()
        first = (await persistently(self.certificate))["code"]
        await self.is_called(name)

        async def corrected() -> str:
            answer = await self.client.get(f"/v1/verifications/{first}")
            verified = answer.raise_for_status().json()
            if verified["status"] != "superseded":
                raise NotWalked(f"the certificate is {verified['status']}")
            return str(verified["superseded_by"]["code"])

        return await persistently(corrected)

    async def is_called(self, name: str) -> None:
        """Have another name from now on."""
        await persistently(lambda: self._change_name(name))

    async def _begins_to_pay(self, method: str) -> None:
        address = f"/v1/orders/{self.order['order_id']}/payments"
        self.payment = await self._post(address, {"method": method}, wish="payment", shows=self.capability)

    async def _approves(self) -> None:
        await self._post(f"/v1/sandbox/payments/{self.payment['payment_id']}/approve", {}, wish="approval")

    async def _cancel(self) -> None:
        if (await self.seen())["state"] in FINAL:
            return
        headers = {CAPABILITY_HEADER: self.capability}
        answer = await self.client.post(f"/v1/orders/{self.order['order_id']}/cancel", headers=headers)
        answer.raise_for_status()

    async def _change_name(self, name: str) -> None:
        headers = {CAPABILITY_HEADER: self.order["profile_capability"]}
        address = f"/v1/beneficiaries/{self.order['beneficiary_id']}"
        answer = await self.client.patch(address, json={"name": name}, headers=headers)
        if answer.status_code != httpx.codes.OK:
            raise NotWalked(f"{answer.status_code} {answer.text[:200]}")
