"""Stories in which staff take a hand: plainly, and with every message doubled; the audit holds after each."""

from __future__ import annotations

import asyncio
import secrets
from typing import Any

import httpx
import pytest

from deploy.story import NotWalked
from shared.web.idempotency import id_of
from tests.conftest import until
from tests.system.conftest import System
from tests.system.guests import GROVES, Buyer, got, ranked_anew

TONNE = 1_000_000


async def listed(system: System, *, tonnes: int) -> str:
    """Let the registrar list a project with one batch, and wait until it is on sale."""
    code = secrets.token_hex(4).upper()
    project_id = id_of("prj", code)
    listing = {"names": {"en": "Orchard (demo)"}, "standard": "CDCER", "type": "forest_management", "code": code}
    await relist(system, project_id, {**listing, "owner_id": "own_demo", "place": "CN510100", "unit_price_fen": 4800})
    report = {"report": f"MR-{code}", "verifier": "Demo (demo)", "verified_tonnes": tonnes, "tonnes": tonnes}
    async with system.staff() as staff:
        key = {"Idempotency-Key": secrets.token_hex(8)}
        batches = f"/v1/projects/{project_id}/batches"
        issued = await staff.post(batches, json={**report, "vintage": 2024}, headers=key)
        assert issued.status_code == httpx.codes.CREATED, issued.text

        async def on_sale() -> bool:
            return project_id in await quoted(staff)

        await until(on_sale)
    return project_id


async def relist(system: System, project_id: str, change: dict[str, Any]) -> None:
    """Make the next version of a listing."""
    async with system.staff() as staff:
        found = await staff.get(f"/v1/projects/{project_id}")
        seen = dict(found.json()["listing"]) if found.is_success else {"version": 0}
        headers = {"If-Match": f'"{seen.pop("version")}"'}
        answer = await staff.post(f"/v1/projects/{project_id}/listings", json={**seen, **change}, headers=headers)
        assert answer.status_code == httpx.codes.CREATED, answer.text


async def quoted(client: httpx.AsyncClient) -> set[str]:
    """The projects that orders offers."""
    quote = await client.post("/v1/quotes", json={"mass_g": 1})
    return {offer["project_id"] for offer in quote.json()["data"]}


async def test_s6_a_project_that_is_suspended_while_an_order_is_held_still_serves_it_and_no_other(
    system: System, client: httpx.AsyncClient
) -> None:
    project_id = await listed(system, tonnes=2)
    guest = Buyer(client)
    wish = {"project_id": project_id, "listing_version": 1, "mass_g": TONNE, "beneficiary": {"kind": "person"}}
    wish["mandate_version"] = (await client.post("/v1/quotes", json={"mass_g": 1})).json()["mandate_version"]
    await guest.buy(project_id, mass_g=TONNE)
    await guest.reaches("held")
    await relist(system, project_id, {"status": "suspended"})

    async def is_withdrawn() -> bool:
        return project_id not in await quoted(client)

    await until(is_withdrawn)
    refused = await client.post("/v1/orders", json=wish, headers={"Idempotency-Key": secrets.token_hex(8)})
    assert (refused.status_code, refused.json()["code"]) == (409, "project_not_for_sale")
    assert (await guest.bought())["state"] == "completed"
    await system.holds()
    assert (await got(client, f"/v1/projects/{project_id}"))["available_g"] == TONNE


async def test_c5_of_guests_who_want_more_than_there_is_some_hold_all_of_it_and_the_others_are_refused(
    system: System, client: httpx.AsyncClient
) -> None:
    project_id = await listed(system, tonnes=1)
    guests = [Buyer(client) for _ in range(6)]
    await asyncio.gather(*(guest.buy(project_id, mass_g=TONNE // 4) for guest in guests))
    answered = await asyncio.gather(*(guest.reaches("held", "refused") for guest in guests))
    holding = [guest for guest, order in zip(guests, answered, strict=True) if order["state"] == "held"]
    assert len(holding) == 4
    refusals = [order["refusal"] for order in answered if order["refusal"]]
    assert [(refusal["reason"], refusal["available_g"]) for refusal in refusals] == [("insufficient_stock", 0)] * 2

    async def given_back() -> bool:
        return bool((await got(client, f"/v1/projects/{project_id}"))["available_g"] == TONNE // 4)

    assert (await holding.pop().cancel()).json()["state"] == "cancelled"
    await until(given_back)
    holding.append(Buyer(client))
    await holding[-1].buy(project_id, mass_g=TONNE // 4)
    completed = await asyncio.gather(*(guest.bought() for guest in holding))
    await system.holds()
    (batch,) = (await got(client, f"/v1/projects/{project_id}"))["batches"]
    assert (batch["available"], batch["held"], batch["allocated"]) == (0, 0, TONNE)
    assert len({serial for order in completed for part in order["serials"] for serial in part.values()}) == 1


async def test_a_revoked_certificate_shows_it_and_leaves_the_boards_and_the_footprint(
    system: System, client: httpx.AsyncClient
) -> None:
    guest = Buyer(client, name="Qi Ran (demo)")
    await guest.count()
    await guest.place(GROVES)
    certificate_id = (await guest.bought())["certificate"]["certificate_id"]
    code = (await guest.certificate())["code"]

    async def covered_by(expected: str | None) -> None:
        address, token = f"/v1/footprints/{guest.footprint['footprint_id']}", guest.footprint["capability"]

        async def there() -> bool:
            return bool((await got(client, address, shows=token))["certificate_id"] == expected)

        await until(there)

    await covered_by(certificate_id)
    await guest.rank()
    before = await ranked_anew(system, client)
    async with system.staff() as staff:
        for _ in range(2):
            wish = {"reason": "issued_in_error"}
            answer = await staff.post(f"/v1/certificates/{certificate_id}/revoke", json=wish)
            assert answer.status_code == httpx.codes.OK, answer.text
    assert (await got(client, f"/v1/verifications/{code}"))["status"] == "revoked"
    assert (await client.get(f"/c/{code}.pdf")).status_code == httpx.codes.GONE
    await system.holds()
    await covered_by(None)
    assert (await ranked_anew(system, client))[0]["members"] == before[0]["members"] - 1
    assert (await guest.seen())["state"] == "completed", "what is retired stays retired"
    with pytest.raises(NotWalked, match="409"):
        await Buyer(client, footprint=guest.footprint).place(GROVES)
