"""What an organiser does with its scene (D15): its own account, the rest of its guests, and a certificate for both."""

from __future__ import annotations

import secrets
from typing import Any

import httpx

from deploy.issuer import LocalIssuer
from deploy.story import ANSWERS
from shared.web.idempotency import id_of
from tests.conftest import until
from tests.system.conftest import System
from tests.system.guests import GROVES, Buyer

SCENE = {
    "names": {"en": "Closing Forum (demo)"},
    "kind": "conference",
    "country": "CN",
    "city": "CN-SC Chengdu",
    "airports": ["TFU", "CTU"],
    "place": "Hall 3 (demo)",
    "host": "Closing Society (demo)",
    "starts_on": "2026-11-26",
    "ends_on": "2026-11-27",
}


async def test_an_organiser_neutralises_its_own_account_and_what_its_guests_left(
    system: System, client: httpx.AsyncClient
) -> None:
    mark = secrets.token_hex(3).upper()
    organiser_id, code, scene_id = f"org_{mark}", f"O{mark}", id_of("scn", mark)
    issuer = LocalIssuer(system.place.folder("issuer"), issuer=system.local.url)
    token = issuer.token("staff-1", "scenes:write", "orders:organise", organiser_id=organiser_id)
    async with system.client(Authorization=f"Bearer {token}") as staff:

        async def sent(method: str, address: str, **body: Any) -> dict[str, Any]:
            headers = {"Idempotency-Key": secrets.token_hex(8), **({"If-Match": "*"} if "status" in body else {})}
            answer = await staff.request(method, address, json=body, headers=headers)
            assert answer.is_success, answer.text
            return dict(answer.json())

        async def left(footprints: int, grams: int) -> None:
            async def there() -> bool:
                answer = await staff.get(f"/v1/balances/{scene_id}")
                share = answer.json().get("left", {})
                return (share.get("footprints"), share.get("mass_g")) == (footprints, grams)

            await until(there)

        scene = {**SCENE, "code": code, "organiser_id": organiser_id}
        await sent("PUT", f"/v1/scenes/{scene_id}", **scene)
        own = await sent("POST", f"/v1/scenes/{scene_id}/footprints", answers=ANSWERS)
        guests = [Buyer(client, scene=code) for _ in range(4)]
        for guest in guests:
            await guest.count()
        grams = own["mass_g"]
        await guests[0].place(GROVES)
        await guests[0].bought()
        await left(4, 4 * grams)
        joke = guests[3].footprint["footprint_id"]
        await sent("PUT", f"/v1/balances/{scene_id}/strikes/{joke}", reason="entered for a joke")
        await sent("PUT", f"/v1/scenes/{scene_id}", **scene, status="closed")
        await left(3, 3 * grams)
        quote = (await client.post("/v1/quotes", json={"mass_g": 1})).json()
        offer = next(offer for offer in quote["data"] if offer["project_id"] == GROVES)
        wish = {
            "project_id": GROVES,
            "listing_version": offer["listing_version"],
            "mandate_version": quote["mandate_version"],
            "beneficiary": {"name": "Closing Society (demo)"},
        }

        async def ordered() -> dict[str, Any] | None:
            key = {"Idempotency-Key": secrets.token_hex(8)}
            answer = await staff.post(f"/v1/balances/{scene_id}/orders", json=wish, headers=key)
            # That the scene is closed, orders may not have consumed yet.
            return dict(answer.json()) if answer.is_success else None

        rest = Buyer(client, order=await until(ordered))
        assert (rest.order["mass_g"], len(rest.order["footprints"])) == (3 * grams, 3)
        assert (await rest.bought())["certificate"] is not None
        await left(0, 0)
        # What the organiser does not answer for is still its owner's to neutralise.
        await guests[3].place(GROVES)
        await guests[3].bought()
    await system.holds()
