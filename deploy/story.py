"""One guest's story over HTTP: scan, count, order, hold, pay, retire, certificate, rank; a line a step."""

from __future__ import annotations

import asyncio
import secrets
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any

import httpx

from deploy import IS_IT_UP, SEE_LOGS
from shared.web.auth import CAPABILITY_HEADER

PATIENCE_SECONDS = 30.0
# Between two looks at what is to come: soon at first, and ever more seldom.
POLL_SECONDS, POLL_SECONDS_MAX, POLL_GROWTH = 0.02, 0.25, 1.25
ANSWERS: dict[str, Any] = {
    "legs": [
        {"mode": "plane", "cabin": "economy", "origin": "PEK", "destination": "TFU", "trips": 2},
        {"mode": "metro", "km": 20},
    ],
    "stays": [{"kind": "hotel", "hotel_class": "4", "nights": 2, "guests": 2}],
    "meals": {"red_meat": 2, "vegetarian": 2},
}
ENDED = frozenset({"completed", "refused", "expired", "cancelled", "refunded"})
Say = Callable[[str], None]


class NotWalked(RuntimeError):
    """The story stopped; the message says at which step and why."""


@dataclass
class Guest:
    """A guest with a phone: what it has been given so far, and the steps it can take.

    Every wish has a key of its own, made once, so that each step may be repeated after any failure.
    """

    client: httpx.AsyncClient
    scene: str = "FORUM26"
    name: str | None = None
    answers: dict[str, Any] = field(default_factory=lambda: ANSWERS)
    keys: dict[str, str] = field(default_factory=dict)
    footprint: dict[str, Any] = field(default_factory=dict)
    order: dict[str, Any] = field(default_factory=dict)
    payment: dict[str, Any] = field(default_factory=dict)

    async def count(self) -> dict[str, Any]:
        """Count the visit."""
        body = {"scene": self.scene, "answers": self.answers}
        self.footprint = await self._post("/v1/footprints", body, wish="footprint")
        return self.footprint

    async def place(self, project_id: str | None = None) -> dict[str, Any]:
        """Ask for a quote and order from the project named, else from the first of the list."""
        wanted = {"footprint_ids": [self.footprint["footprint_id"]]}
        quote = await self._until_known("/v1/quotes", wanted)
        offer = next(offer for offer in quote["data"] if project_id in (None, offer["project_id"]))
        body = {
            "project_id": offer["project_id"],
            "listing_version": offer["listing_version"],
            "claims": [{"footprint_id": self.footprint["footprint_id"], "token": self.footprint["capability"]}],
            "beneficiary": {"kind": "person", "name": self.name},
            "mandate_version": quote["mandate_version"],
        }
        self.order = await self._post("/v1/orders", body, wish="order")
        return self.order

    async def pay(self, method: str = "sandbox", *faults: str) -> dict[str, Any]:
        """Start the payment and approve it on the provider's page, which plays the faults."""
        address = f"/v1/orders/{self.order['order_id']}/payments"
        self.payment = await self._post(address, {"method": method}, wish="payment", shows=self.capability)
        approval = {"faults": faults}
        await self._post(f"/v1/sandbox/payments/{self.payment['payment_id']}/approve", approval, wish="approval")
        return self.payment

    async def seen(self) -> dict[str, Any]:
        """Return the order as it stands."""
        return await self._get(f"/v1/orders/{self.order['order_id']}", shows=self.capability)

    async def reaches(self, *states: str) -> dict[str, Any]:
        """Wait until the order is in one of the states, or has ended otherwise. Raises NotWalked in the end."""

        async def there() -> dict[str, Any] | None:
            found = await self.seen()
            return found if found["state"] in {*states, *ENDED} else None

        return await patiently(there, f"the order to be {' or '.join(states)}")

    async def certificate(self) -> dict[str, Any]:
        """Wait for the certificate and return its code and address."""

        async def there() -> dict[str, Any] | None:
            address = f"/v1/order-certificates/{self.order['order_id']}"
            answer = await self.client.get(address, headers={CAPABILITY_HEADER: self.capability})
            # Certificates may not have consumed the purchase yet.
            if answer.status_code == httpx.codes.NOT_FOUND:
                return None
            found = _checked(answer)
            return found if found["status"] == "valid" else None

        return await patiently(there, "the certificate")

    async def rank(self) -> dict[str, Any]:
        """Wait until the board has the guest and return its line."""
        profile = {"beneficiary": self.order["beneficiary_id"]}

        async def there() -> dict[str, Any] | None:
            answer = await self.client.get(
                "/v1/boards/people/my-rank",
                params=profile,
                headers={CAPABILITY_HEADER: self.order["profile_capability"]},
            )
            return answer.json() if answer.status_code == httpx.codes.OK and answer.json()["me"] else None

        return await patiently(there, "the rank")

    @property
    def capability(self) -> str:
        """What opens the order."""
        capability: str = self.order["capability"]
        return capability

    async def _until_known(self, address: str, body: dict[str, Any]) -> dict[str, Any]:
        """Repeat until orders knows the footprint."""

        async def there() -> dict[str, Any] | None:
            answer = await self.client.post(address, json=body)
            if answer.status_code == httpx.codes.NOT_FOUND:
                return None
            return _checked(answer)

        return await patiently(there, "the footprint to be known to orders")

    async def _get(self, address: str, *, shows: str) -> dict[str, Any]:
        return _checked(await self.client.get(address, headers={CAPABILITY_HEADER: shows}))

    async def _post(self, address: str, body: dict[str, Any], *, wish: str, shows: str | None = None) -> dict[str, Any]:
        key = self.keys.setdefault(wish, secrets.token_hex(16))
        headers = {"Idempotency-Key": key} | ({CAPABILITY_HEADER: shows} if shows else {})
        return _checked(await self.client.post(address, json=body, headers=headers))


def walk(url: str, *, public_url: str, scene: str, name: str, say: Say) -> dict[str, Any]:
    """Walk the whole way and return what came of it, with the addresses where people see it at `public_url`.

    Raises NotWalked, which says where it stopped.
    """
    return asyncio.run(_walk_all(url, public_url=public_url, scene=scene, name=name, say=say))


async def _walk_all(url: str, *, public_url: str, scene: str, name: str, say: Say) -> dict[str, Any]:
    async with httpx.AsyncClient(base_url=url, timeout=10) as client:
        try:
            return await _walk(client, public_url, scene=scene, name=name, say=say)
        except httpx.HTTPError as away:
            raise NotWalked(f"{url} does not answer ({away!r}). {IS_IT_UP}") from None


async def _walk(client: httpx.AsyncClient, public_url: str, *, scene: str, name: str, say: Say) -> dict[str, Any]:
    guest = Guest(client, scene=scene, name=name)
    found = _checked(await client.get(f"/v1/scenes/{scene}"))
    say(f"scene        {found['scene']['names']['en']}")
    footprint = await guest.count()
    say(f"footprint    {_kg(footprint['mass_g'])}, likely {_kg(footprint['low_g'])} to {_kg(footprint['high_g'])}")
    for line in footprint["lines"]:
        source = line["parts"][0]["factors"][0]["source"][:60]
        say(f"  {_kg(line['mass_g']):>12}  {line['activity']}, {line['quantity']} {line['unit']}; {source}")
    order = await guest.place()
    say(f"order        {order['order_id']}, {order['project_names']['en']}")
    held = await guest.reaches("held")
    _must(held, "held")
    say(f"held         {held['mass_g']:,} g for {held['total_fen'] / 100:.2f} {held['currency']}")
    await guest.pay()
    paid = time.monotonic()
    say(f"paid         {guest.payment['amount_fen'] / 100:.2f} {guest.payment['currency']}")
    retired = await guest.reaches("retired", "completed")
    _must(retired, "retired", "completed")
    serials = ", ".join(dict.fromkeys(text for part in retired["serials"] for text in part.values()))
    say(f"retired      {serials}")
    certificate = await guest.certificate()
    seconds = time.monotonic() - paid
    verified = _checked(await client.get(f"/v1/verifications/{certificate['code']}"))
    say(f"certificate  {certificate['number']}, {verified['status']}; {seconds:.2f} s after the payment")
    _must(await guest.reaches("completed"), "completed")
    rank = await guest.rank()
    say(f"rank         {rank['me']['rank']}{'=' if rank['me']['tied'] else ''} of {rank['members']} people")
    addresses = {
        "scene": f"{public_url}/s/{scene}",
        "certificate": f"{public_url}/c/{certificate['code']}",
        "PDF": f"{public_url}/c/{certificate['code']}.pdf",
        "board": f"{public_url}/boards/people",
        "proof": f"{public_url}/proof",
        "API": f"{public_url}/docs/orders",
    }
    say("")
    for what, address in addresses.items():
        say(f"{what:12} {address}")
    return {
        "scene": scene,
        "footprint_id": footprint["footprint_id"],
        "mass_g": footprint["mass_g"],
        "order_id": order["order_id"],
        "certificate": certificate,
        "status": verified["status"],
        "rank": rank["me"],
        "seconds_from_payment_to_certificate": round(seconds, 3),
        "addresses": addresses,
    }


async def patiently(there: Callable[[], Awaitable[dict[str, Any] | None]], what: str) -> dict[str, Any]:
    """Return what comes there in the end. Raises NotWalked, which says what was waited for in vain."""
    deadline, pause = time.monotonic() + PATIENCE_SECONDS, POLL_SECONDS
    while (found := await there()) is None:
        if time.monotonic() > deadline:
            raise NotWalked(f"Waited {PATIENCE_SECONDS:.0f} s in vain for {what}. {SEE_LOGS}")
        await asyncio.sleep(pause)
        pause = min(pause * POLL_GROWTH, POLL_SECONDS_MAX)
    return found


def _checked(answer: httpx.Response) -> dict[str, Any]:
    if answer.is_error:
        problem = answer.json() if "json" in answer.headers.get("content-type", "") else {}
        raise NotWalked(
            f"{answer.request.method} {answer.request.url.path}: {answer.status_code} {problem.get('detail', '')}"
        )
    body: dict[str, Any] = answer.json()
    return body


def _must(order: dict[str, Any], *states: str) -> None:
    if order["state"] not in states:
        raise NotWalked(f"The order is {order['state']}: {order.get('refusal')}")


def _kg(grams: int) -> str:
    return f"{grams / 1000:.3f} kg"
