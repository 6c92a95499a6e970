"""Orders as a process of its own would run: real Kafka, MongoDB protocol and HTTP; the other services are played."""

# ruff: noqa: F811 -- a test asks for its fixtures by their names

from __future__ import annotations

import asyncio
import secrets
from typing import Any

import pytest

from shared.contracts.calculator import ScenePublished
from shared.contracts.orders import BeneficiaryNamed, OffsetPurchased, OrderPlaced
from shared.contracts.registry import (
    CreditsRefused,
    ProjectListed,
)
from shared.messaging import outbox
from shared.web.auth import CAPABILITY_HEADER, hash_of
from tests.component.orders_world import (  # noqa: F401 -- the fixtures are used by name
    GRAMS,
    World,
    new_id,
    running,
    shows,
    world,
)
from tests.conftest import enveloped, until


async def test_a_guest_s_order_goes_from_quote_to_completed_and_publishes_its_whole_story(world: World) -> None:
    project_id, footprint, guest = await world.project(), await world.known_footprint(), await world.guest()
    scene = ScenePublished(
        scene_id=footprint.event.scene_id or "",
        code="FORUM26",
        names={"en": "Forum (demo)"},
        kind="conference",
        country="CN",
        city="CN-SC Chengdu",
        starts_on=outbox.clock().date(),
        ends_on=None,
        time_zone="Asia/Shanghai",
        organiser_id="org_demo",
        status="open",
    )
    await world.publish(enveloped(scene))
    quote = (await guest.post("/v1/quotes", json={"footprint_ids": [footprint.event.footprint_id]})).json()
    (offer,) = [offer for offer in quote["data"] if offer["project_id"] == project_id]
    assert (offer["subtotal_fen"], offer["fee_fen"], offer["total_fen"], offer["mass_g"]) == (2559, 200, 2759, GRAMS)

    answer = await world.order(guest, project_id, claims=[footprint.claim], beneficiary={"name": "Lin Yue (demo)"})
    made = answer.json()
    assert answer.status_code == 201, answer.text
    assert (made["state"], made["mass_g"], made["total_fen"], made["livemode"]) == ("placed", GRAMS, 2759, False)
    (named,) = await world.events_of_subject(made["beneficiary_id"], BeneficiaryNamed)
    assert isinstance(named.data, BeneficiaryNamed)
    assert (named.data.name, named.data.board, named.sequence) == ("Lin Yue (demo)", "alias", 1)
    assert named.data.profile_hash == hash_of("ben", made["beneficiary_id"], made["profile_capability"])
    (placed,) = await world.events_of_subject(made["order_id"], OrderPlaced)
    assert isinstance(placed.data, OrderPlaced)
    assert (placed.data.grams, placed.data.listing_version, placed.sequence) == (GRAMS, 1, 1)

    await world.hold(made)
    held = await world.in_state(guest, made, "held")
    payment_id = await world.pay(guest, held)
    await world.in_state(guest, made, "purchased")
    _, purchased = await world.events_of_subject(made["order_id"], OrderPlaced, OffsetPurchased, count=2)
    assert isinstance(purchased.data, OffsetPurchased)
    assert (purchased.sequence, purchased.data.payment_id) == (2, payment_id)
    assert purchased.data.order_hash == hash_of("ord", made["order_id"], made["capability"])
    assert purchased.data.claim.footprints[0].footprint_id == footprint.event.footprint_id
    assert purchased.traceparent is not None

    await world.retire(held)
    await world.in_state(guest, made, "retired")
    await world.certify(held)
    completed = await world.in_state(guest, made, "completed")
    assert completed["certificate"]["number"] == "DD-2026-004182"
    assert completed["serials"] == [
        {"first_serial": "CDCER-CN510100-0042-2021-01-1"} | {"last_serial": "CDCER-CN510100-0042-2021-01-1"}
    ]
    assert [step["state"] for step in completed["steps"]] == ["placed", "held", "purchased", "retired", "completed"]

    async def scene_named() -> bool:
        return bool((await world.look(guest, made))["scene_names"] == {"en": "Forum (demo)"})

    await until(scene_named)


async def test_s8_two_identical_posts_make_one_order_and_the_second_answer_is_replayed(world: World) -> None:
    project_id, footprint, guest = await world.project(), await world.known_footprint(), await world.guest()
    key = secrets.token_hex(8)
    answers = await asyncio.gather(
        *(world.order(guest, project_id, key=key, claims=[footprint.claim]) for _ in range(6))
    )
    assert {answer.status_code for answer in answers} == {201}
    assert len({answer.text for answer in answers}) == 1
    assert sorted(answer.headers.get("Idempotency-Replayed", "no") for answer in answers) == ["no", *["true"] * 5]
    made = answers[0].json()
    await world.hold(made)
    await world.in_state(guest, made, "held")
    later = await world.order(guest, project_id, key=key, claims=[footprint.claim])
    assert (later.text, later.headers["Idempotency-Replayed"]) == (answers[0].text, "true"), (
        "the first answer, as it was"
    )
    assert len(await world.events_of_subject(made["order_id"], OrderPlaced)) == 1
    assert len(await world.events_of_subject(made["beneficiary_id"], BeneficiaryNamed)) == 1


async def test_s8_one_key_starts_one_payment_and_charges_once(world: World) -> None:
    project_id, guest = await world.project(), await world.guest()
    held = await world.held_order(guest, project_id)
    address = f"/v1/orders/{held['order_id']}/payments"
    headers = {**shows(held), "Idempotency-Key": secrets.token_hex(8)}
    first, second = await asyncio.gather(guest.post(address, headers=headers), guest.post(address, headers=headers))
    assert (first.status_code, first.json()) == (second.status_code, second.json())
    assert sorted(one.headers.get("Idempotency-Replayed", "no") for one in (first, second)) == ["no", "true"]
    assert (await guest.post(address, headers=shows(held))).status_code == 400
    await guest.post(f"/v1/sandbox/payments/{first.json()['payment_id']}/approve")
    purchased = await world.in_state(guest, held, "purchased")
    assert [payment["state"] for payment in purchased["payments"]] == ["paid"]


async def test_a_key_with_another_body_is_refused_and_so_is_no_key(world: World) -> None:
    project_id, guest = await world.project(), await world.guest()
    key = secrets.token_hex(8)
    assert (await world.order(guest, project_id, key=key, mass_g=5)).status_code == 201
    other = await world.order(guest, project_id, key=key, mass_g=6)
    none = await guest.post(
        "/v1/orders", json={"project_id": project_id, "listing_version": 1, "mass_g": 5, "mandate_version": "1"}
    )
    assert (other.status_code, other.json()["code"]) == (422, "idempotency_key_reused")
    assert (none.status_code, none.json()["code"]) == (400, "idempotency_key_missing")


async def test_a_repeat_after_the_profile_is_in_hand_is_still_the_same_request(world: World) -> None:
    project_id, guest = await world.project(), await world.guest()
    key = secrets.token_hex(8)
    made = (await world.order(guest, project_id, key=key)).json()
    guest.cookies.set(made["beneficiary_id"], made["profile_capability"])
    again = await world.order(guest, project_id, key=key)
    assert (again.json(), again.headers["Idempotency-Replayed"]) == (made, "true")


@pytest.mark.parametrize(
    ("wish", "status", "pointer"),
    [
        ({"mass_g": 0}, 422, "/mass_g"),
        ({"mass_g": -1}, 422, "/mass_g"),
        ({"mass_g": 1.5}, 422, "/mass_g"),
        ({"mass_g": "12"}, 422, "/mass_g"),
        ({"mass_g": 10**13}, 422, "/mass_g"),
        ({"mass_g": 5, "money_fen": 5}, 422, ""),
        ({"mass_g": 5, "surprise": 1}, 422, "/surprise"),
        ({"mass_g": 5, "mandate_version": "0"}, 409, "/mandate_version"),
        ({"mass_g": 5, "beneficiary": {"name": "a\nb"}}, 422, "/beneficiary/name"),
        ({"mass_g": 5, "beneficiary": {"kind": "company"}}, 422, "/beneficiary/name"),
        ({"mass_g": 5, "listing_version": 9}, 409, "/listing_version"),
        ({"claims": [{"footprint_id": "fp_1", "token": "x"}]}, 422, "/claims/0/footprint_id"),
    ],
)
async def test_a_wish_that_cannot_be_is_refused_with_its_field(
    world: World, wish: dict[str, Any], status: int, pointer: str
) -> None:
    project_id, guest = await world.project(), await world.guest()
    answer = await world.order(guest, project_id, **wish)
    assert answer.status_code == status, answer.text
    assert answer.headers["Content-Type"] == "application/problem+json"
    assert pointer in [error["pointer"] for error in answer.json()["errors"]]


async def test_s11_an_order_by_money_costs_no_more_than_the_money(world: World) -> None:
    project_id, guest = await world.project(), await world.guest()
    quote = (await guest.post("/v1/quotes", json={"money_fen": 500})).json()
    (offer,) = [offer for offer in quote["data"] if offer["project_id"] == project_id]
    made = (await world.order(guest, project_id, money_fen=500)).json()
    assert (offer["mass_g"], made["mass_g"], made["subtotal_fen"], made["total_fen"]) == (104_166, 104_166, 500, 700)


async def test_a_price_that_moved_since_it_was_seen_refuses_the_order_with_the_present_one(world: World) -> None:
    project_id, guest = await world.project(), await world.guest()
    await world.project(version=2, project_id=project_id, unit_price_fen=5000)
    late = ProjectListed.model_validate(
        {**(await _listing(world, project_id)), "unit_price_fen": 4800, "listing_version": 1}
    )
    await world.publish(enveloped(late, sequence=1))
    refused = await world.order(guest, project_id)
    taken = await world.order(guest, project_id, listing_version=2)
    assert (refused.status_code, refused.json()["code"]) == (409, "price_changed")
    assert (refused.json()["unit_price_fen"], refused.json()["listing_version"]) == (5000, 2)
    assert taken.json()["unit_price_fen"] == 5000, "an older word that comes later changes nothing"
    await world.project(version=3, project_id=project_id, status="suspended")
    paused = await world.order(guest, project_id, listing_version=3)
    assert (paused.status_code, paused.json()["code"], paused.json()["listing_status"]) == (
        409,
        "project_not_for_sale",
        "suspended",
    )


async def _listing(world: World, project_id: str) -> dict[str, Any]:
    listing = await world.replica.store.copies.listing(project_id)
    assert listing is not None
    return listing.model_dump()


async def test_a_refused_hold_ends_the_order_and_shows_the_reason_of_the_registry(world: World) -> None:
    project_id, guest = await world.project(), await world.guest()
    made = (await world.order(guest, project_id)).json()
    refusal = CreditsRefused(
        order_id=made["order_id"],
        project_id=project_id,
        phase="hold",
        reason="insufficient_stock",
        available_grams=310_200,
    )
    await world.publish(enveloped(refusal), enveloped(refusal))
    refused = await world.in_state(guest, made, "refused")
    assert (refused["refusal"]["reason"], refused["refusal"]["available_g"]) == ("insufficient_stock", 310_200)


async def test_an_order_is_open_to_whoever_holds_its_capability_and_to_nobody_else(world: World) -> None:
    project_id, guest = await world.project(), await world.guest()
    made = (await world.order(guest, project_id)).json()
    address = f"/v1/orders/{made['order_id']}"
    assert (await guest.get(address)).status_code == 401
    assert (await guest.get(address, headers={CAPABILITY_HEADER: "W" * 26})).status_code == 403
    assert (await guest.get(f"/v1/orders/{new_id('ord')}", headers=shows(made))).status_code == 403
    for method, path in (("POST", "/cancel"), ("POST", "/payments"), ("GET", "/events")):
        assert (await guest.request(method, address + path)).status_code == 401
    linked = await guest.get(f"/orders/{made['order_id']}?t={made['capability']}")
    assert (linked.status_code, linked.headers["Location"]) == (303, f"/orders/{made['order_id']}")
    assert guest.cookies[made["order_id"]] == made["capability"]


async def test_progress_streams_a_snapshot_of_each_change_until_the_end(world: World) -> None:
    project_id, guest = await world.project(), await world.guest()
    made = (await world.order(guest, project_id)).json()
    states = []
    async with guest.stream("GET", f"/v1/orders/{made['order_id']}/events", headers=shows(made)) as stream:
        assert stream.headers["Content-Type"].startswith("text/event-stream")
        async for line in stream.aiter_lines():
            if line.startswith("data:"):
                states.append(line.split('"state":"')[1].split('"')[0])
                if states[-1] == "placed":
                    await world.hold(made)
                elif states[-1] == "held":
                    await guest.post(f"/v1/orders/{made['order_id']}/cancel", headers=shows(made))
    assert states == ["placed", "held", "cancelled"]
