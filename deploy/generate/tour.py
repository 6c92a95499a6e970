"""A tour of all that programs can do, over HTTP: each operation is done once, and refused once."""

from __future__ import annotations

import json
import secrets
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import httpx

from deploy.generate.exchanges import Recorder
from deploy.generate.refusals import be_refused
from deploy.sandbox.notices import SIGNATURE_HEADER, sign
from deploy.story import Guest, NotWalked, patiently
from shared.messaging import outbox
from shared.web.auth import CAPABILITY_HEADER
from shared.web.idempotency import KEY_HEADER, id_of

SCOPES = (
    "scenes:write", "registry:write", "orders:read", "orders:settle", "orders:organise", "certificates:revoke",
    "ranking:rebuild",
)  # fmt: skip
ORGANISER = "org_forest_forum_demo"
LISTING = {
    "names": {"en": "Riverside groves, Pujiang (demo)", "zh": "蒲江河畔林地（示例）"},
    "summary": {"en": "Pays villages to keep the trees along their river. Measured every year."},
    "standard": "CDCER",
    "type": "forest_management",
    "owner_id": "own_pujiang_demo",
    "place": "CN510131",
    # The cheapest of all, so that it is the first to be offered.
    "unit_price_fen": 100,
}
SCENE = {
    "names": {"en": "Forest Forum (demo)", "zh": "森林论坛（示例）"},
    "kind": "conference",
    "country": "CN",
    "city": "CN-SC Chengdu",
    "airports": ["TFU", "CTU"],
    "place": {"en": "Hall 3 (demo)"},
    "host": {"en": "Forest Society (demo)"},
    "organiser_id": ORGANISER,
}
Json = dict[str, Any]


async def record(
    url: str,
    *,
    public_url: str,
    token: str,
    powerless: str,
    sandbox_key: str,
    documents: Mapping[str, Mapping[str, Any]],
    clock: Callable[[], datetime] = outbox.clock,
) -> Recorder:
    """Return what was sent and answered on a tour of the copy at `url`. Raises NotWalked when it does not get on."""
    recorder = Recorder(documents, public_url)
    hooks: dict[str, Any] = {"response": [recorder]}
    staff = {"Authorization": f"Bearer {token}"}
    async with (
        httpx.AsyncClient(base_url=url, timeout=20, event_hooks=hooks) as guests,
        httpx.AsyncClient(base_url=url, timeout=20, event_hooks=hooks, headers=staff) as of_staff,
    ):
        await Tour(guests, of_staff, recorder, sandbox_key, powerless, clock).walk()
    return recorder


@dataclass
class Tour:
    """One tour of a copy.

    `staff` shows the token of staff with SCOPES for ORGANISER, `sandbox_key` signs notices, `powerless` is a token
    without a scope.
    """

    client: httpx.AsyncClient
    staff: httpx.AsyncClient
    recorder: Recorder
    sandbox_key: str
    powerless: str
    clock: Callable[[], datetime]

    def __post_init__(self) -> None:
        mark = secrets.token_hex(3).upper()
        self.code, self.scene_id, self.project_id = f"F{mark}", id_of("scn", mark), id_of("prj", mark)

    async def walk(self) -> None:
        """Do everything once, then be refused once. Raises NotWalked when something does not come."""
        await self._publish()
        await self._list_project()
        await self._search()
        first = await self._buy()
        await self._pay_wrongly()
        await self._look(first)
        await self._organise()
        await self._change(first)
        await self._rebuild()
        await be_refused(self.client, self.recorder, powerless=self.powerless)

    async def _publish(self) -> None:
        today = self.clock().date()
        days = {"starts_on": today.isoformat(), "ends_on": (today + timedelta(days=2)).isoformat()}
        self.scene: Json = {**SCENE, **days, "code": self.code}
        await self._put_scene("open")

    async def _put_scene(self, status: str) -> None:
        address = f"/v1/scenes/{self.scene_id}"
        there = await self.client.get(address)
        seen = {"If-Match": there.headers["ETag"]} if there.is_success else {}
        await done(self.staff.put(address, json={**self.scene, "status": status}, headers=seen))

    async def _list_project(self) -> None:
        address, code = f"/v1/projects/{self.project_id}", secrets.token_hex(3).upper()
        listing = {**LISTING, "code": code}
        await done(self.staff.post(f"{address}/listings", json=listing, headers={"If-Match": '"0"'}))
        report = {
            "report": f"MR-{code}-2024", "verifier": "Demo Verification (demo)", "verified_tonnes": 1200,
            "tonnes": 1200, "vintage": 2024,
        }  # fmt: skip
        batch = await done(self.staff.post(f"{address}/batches", json=report, headers=key()))
        cancelled = {"batch_id": batch["batch_id"], "tonnes": 12, "reason": "buffer"}
        await done(self.staff.post(f"{address}/cancellations", json=cancelled, headers=key()))
        self.serial = f"{batch['prefix']}-1"
        for name, body, more in (("batches", report, {"tonnes": 1100}), ("cancellations", cancelled, {"tonnes": 9000})):
            used = self.recorder.sent["issue_batch" if name == "batches" else "cancel_tonnes"].headers[KEY_HEADER]
            for headers in ({}, {KEY_HEADER: used}, key()):
                await self.staff.post(f"{address}/{name}", json={**body, **more}, headers=headers)

    async def _search(self) -> None:
        await done(self.client.get("/v1/scenes", params={"q": "demo", "limit": 1}))
        await done(self.client.get(f"/v1/scenes/{self.code}"))
        await done(self.client.get("/v1/airports", params={"q": "chengdu", "limit": 1}))
        await done(self.client.get("/v1/projects", params={"limit": 1}))

    async def _buy(self) -> Guest:
        guest = Guest(self.client, scene=self.code, name="Lin Yue (demo)")
        await guest.count()
        shows = {CAPABILITY_HEADER: guest.footprint["capability"]}
        await done(self.client.get(f"/v1/footprints/{guest.footprint['footprint_id']}", headers=shows))
        await guest.place(self.project_id)
        await reached(guest, "held")
        await guest.pay()
        await self._repeat_notice(guest)
        await reached(guest, "completed")
        await guest.rank()
        return guest

    async def _repeat_notice(self, guest: Guest) -> None:
        notice = {
            "payment_id": guest.payment["payment_id"], "outcome": "paid", "amount_fen": guest.payment["amount_fen"],
            "currency": guest.payment["currency"], "reference": f"sbx_{guest.payment['payment_id']}",
            "decided_at": self.clock().isoformat(),
        }  # fmt: skip
        body = json.dumps(notice).encode()
        headers = {SIGNATURE_HEADER: sign(self.sandbox_key, body, now=self.clock())}
        headers["Content-Type"] = "application/json"
        await done(self.client.post("/v1/payments/notices/sandbox", content=body, headers=headers))

    async def _pay_wrongly(self) -> None:
        guest = Guest(self.client, scene=self.code)
        await guest.count()
        await guest.place(self.project_id)
        await reached(guest, "held")
        await guest.pay("sandbox", "wrong_amount", "refund_refused")
        address = f"/v1/orders/{guest.order['order_id']}"

        async def refused() -> Json | None:
            (payment,) = (await guest.seen())["payments"]
            return payment if payment["refund"] and payment["refund"]["state"] == "failed" else None

        payment = await patiently(refused, "the refund to be refused")

        async def settled() -> Json | None:
            # At this moment the request may be at the provider.
            settle = f"{address}/payments/{payment['payment_id']}/settle"
            answer = await self.staff.post(settle, json={"reference": "BANK-2026-0042"}, headers=key())
            return dict(answer.json()) if answer.is_success else None

        await patiently(settled, "the refund to be settled")
        shows = {CAPABILITY_HEADER: guest.capability}
        await done(self.client.post(f"{address}/cancel", headers=shows))
        profile = {CAPABILITY_HEADER: guest.order["profile_capability"]}
        await done(self.client.delete(f"/v1/beneficiaries/{guest.order['beneficiary_id']}", headers=profile))

    async def _look(self, guest: Guest) -> None:
        order_id, beneficiary_id = guest.order["order_id"], guest.order["beneficiary_id"]
        shows, profile = {CAPABILITY_HEADER: guest.capability}, {CAPABILITY_HEADER: guest.order["profile_capability"]}
        await done(self.client.get(f"/v1/orders/{order_id}", headers=shows))
        (await self.client.get(f"/v1/orders/{order_id}/events", headers=shows)).raise_for_status()
        code = (await guest.certificate())["code"]
        await done(self.client.get(f"/v1/certificates/{code}"))
        await done(self.client.get(f"/v1/verifications/{code}"))
        await done(self.client.get(f"/v1/order-retirements/{order_id}"))
        await done(self.client.get(f"/v1/retirements/{self.serial}", params={"limit": 1}))
        await done(self.client.get(f"/v1/projects/{self.project_id}"))
        await done(self.client.get(f"/v1/projects/{self.project_id}/pages", params={"limit": 1}))
        for place in ("my-rank", "around-me"):
            wanted = {"beneficiary": beneficiary_id, "scene": self.code, "measure": "scenes", "window": "all"}
            await done(self.client.get(f"/v1/boards/people/{place}", params=wanted, headers=profile))
        await done(self.client.get("/v1/boards/people", params={"limit": 1, "city": self.scene["city"]}))
        await done(self.staff.post("/v1/proof/recounts"))

        async def counted() -> Json | None:
            answer = await done(self.client.get("/v1/proof", params={"limit": 1}))
            return answer if answer["data"] else None

        await patiently(counted, "a recount")
        await done(self.staff.get("/v1/orders", params={"limit": 1, "state": "completed"}))
        await done(self.staff.get("/v1/payables", params={"limit": 1}))

    async def _organise(self) -> None:
        address, wishes = f"/v1/balances/{self.scene_id}", {"answers": {"legs": [{"mode": "bus", "km": 40}]}}
        await done(self.staff.post(f"/v1/scenes/{self.scene_id}/footprints", json=wishes, headers=key()))
        joker = Guest(self.client, scene=self.code)
        struck = f"{address}/strikes/{(await joker.count())['footprint_id']}"

        async def is_struck() -> Json | None:
            answer = await self.staff.put(struck, json={"reason": "entered for a joke"})
            return answer.json() if answer.is_success else None

        # Orders may not have consumed the footprint yet.
        await patiently(is_struck, "the footprint to be in the balance")
        seen = {"If-Match": (await self.staff.get(struck)).headers["ETag"]}
        await done(self.staff.put(struck, json={"reason": "entered twice"}, headers=seen))
        await done(self.staff.get(struck))
        await done(self.staff.get(f"{address}/footprints", params={"standing": "struck", "limit": 1}))
        await done(self.staff.get(address))
        await done(self.staff.delete(struck))
        await self._put_scene("closed")
        quote = await done(self.client.post("/v1/quotes", params={"limit": 1}, json={"mass_g": 1_000_000}))
        (offer,) = quote["data"]
        wish = {
            "project_id": offer["project_id"],
            "listing_version": offer["listing_version"],
            "mandate_version": quote["mandate_version"],
            "beneficiary": {"name": "Forest Society (demo)", "board": "named"},
        }

        async def ordered() -> Json | None:
            answer = await self.staff.post(f"{address}/orders", json=wish, headers=key())
            return answer.json() if answer.is_success else None

        await patiently(ordered, "the scene to be closed for orders too")
        await done(self.staff.patch("/v1/organiser/beneficiary", json={"board": "hidden"}))

    async def _change(self, guest: Guest) -> None:
        certificate_id = (await guest.seen())["certificate"]["certificate_id"]
        profile = {CAPABILITY_HEADER: guest.order["profile_capability"]}
        named = {"name": "Lin Yue-Mei (demo)", "board": "named"}
        address = f"/v1/beneficiaries/{guest.order['beneficiary_id']}"
        await done(self.client.patch(address, json=named, headers=profile))
        revoked = {"reason": "issued_in_error"}
        await done(self.staff.post(f"/v1/certificates/{certificate_id}/revoke", json=revoked))

    async def _rebuild(self) -> None:
        number = (await done(self.staff.post("/v1/board-rebuilds", headers=key())))["rebuild"]

        async def compared() -> Json | None:
            found = await done(self.staff.get(f"/v1/board-rebuilds/{number}"))
            return found if any(replica["comparison"] for replica in found["replicas"]) else None

        await patiently(compared, "the boards to be rebuilt")


def key() -> dict[str, str]:
    """Return the header of a new wish."""
    return {KEY_HEADER: secrets.token_hex(16)}


async def done(sending: Awaitable[httpx.Response]) -> Json:
    """Return what was answered. Raises NotWalked when that is a refusal."""
    answer = await sending
    if answer.is_error:
        raise NotWalked(f"{answer.request.method} {answer.request.url.path}: {answer.status_code} {answer.text[:500]}")
    return dict(answer.json()) if answer.content else {}


async def reached(guest: Guest, state: str) -> None:
    """Wait until the guest's order is in a state. Raises NotWalked when it ends in another."""
    found = (await guest.reaches(state))["state"]
    if found != state:
        raise NotWalked(f"The order is {found}, not {state}.")
