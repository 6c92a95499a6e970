"""What may back an order (O2), at the post and while it waits; and the buyers: companies, mandates, erasure."""

# ruff: noqa: F811 -- a test asks for its fixtures by their names

from __future__ import annotations

import asyncio
from collections import Counter
from typing import Any

import httpx
import pytest

from services.orders.domain.beneficiary.beneficiary import CORRECTS_MAX, MANDATE_TEXT, MANDATE_VERSION
from services.orders.store.store import Loaded
from shared.contracts.event import Cause
from shared.contracts.orders import BeneficiaryNamed, OffsetPurchased, OrderClosed, OrderPlaced
from shared.web.auth import CAPABILITY_HEADER
from tests.component.orders_world import (  # noqa: F401 -- the fixtures are used by name
    GRAMS,
    Footprint,
    World,
    new_id,
    running,
    shows,
    world,
)
from tests.component.test_orders_concurrency import make
from tests.conftest import consumed, enveloped, until

CAUSE = Cause(id="test")


async def settled(world: World, guest: httpx.AsyncClient, *made: dict[str, Any]) -> list[dict[str, Any]]:
    """Wait until none of the orders waits any more, and return them."""

    async def there() -> list[dict[str, Any]] | None:
        orders = [await world.look(guest, one) for one in made]
        return orders if all(order["state"] != "waiting" for order in orders) else None

    return list(await until(there))


def chained(world: World, *, length: int) -> list[Footprint]:
    """A footprint and those that replaced it one after the other; all have one root."""
    chain = [world.footprint()]
    while len(chain) < length:
        last = chain[-1].event
        chain.append(world.footprint(replaces=last.footprint_id, root=last.root, scene_id=last.scene_id))
    return chain


async def known(world: World, *footprints: Footprint) -> None:
    await world.publish(*(enveloped(one.event) for one in footprints))
    ids = [one.event.footprint_id for one in footprints]

    async def are_copied() -> bool:
        return len(await world.replica.store.copies.footprints(ids)) == len(ids)

    await until(are_copied)


async def test_o2_of_twenty_orders_for_one_root_at_once_one_is_made(world: World) -> None:
    project_id, guest = await world.project(), await world.guest()
    for _ in range(3):
        chain = chained(world, length=3)
        await known(world, *chain)
        # By HTTP at one replica and in the handlers of another; of the chain only the last may be ordered.
        here = [world.order(guest, project_id, claims=[chain[-1].claim]) for _ in range(10)]
        there = [make(world.replica.handlers, project_id, chain[-1]) for _ in range(6)]
        older = [world.order(guest, project_id, claims=[one.claim]) for one in chain[:2] for _ in range(2)]
        ends = await asyncio.gather(*here, *there, *older, return_exceptions=True)
        codes = Counter(
            one.json().get("code", "made") if isinstance(one, httpx.Response) else getattr(one, "code", "made")
            for one in ends
        )
        assert codes["made"] == 1, codes
        assert codes["footprint_covered"] + codes["footprint_replaced"] == 19
        assert codes["footprint_covered"] >= 15, "all that named the last"


async def test_o2_of_twenty_orders_that_waited_for_one_root_one_is_placed(world: World) -> None:
    project_id, guest = await world.project(), await world.guest()
    old, new = chained(world, length=2)
    posts = [world.order(guest, project_id, claims=[one.claim]) for one in (old, new) for _ in range(10)]
    made = [answer.json() for answer in await asyncio.gather(*posts)]
    assert {order["state"] for order in made} == {"waiting"}
    await world.publish(enveloped(new.event), enveloped(old.event))
    orders = await settled(world, guest, *made)
    (placed,) = [order for order in orders if order["state"] == "placed"]
    assert placed["footprints"][0]["root"] == old.event.footprint_id
    reasons = Counter(order["refusal"]["reason"] for order in orders if order["refusal"])
    assert sum(reasons.values()) == 19
    assert reasons.keys() <= {"footprint_covered", "footprint_replaced"}


async def test_s13_an_order_of_several_footprints_waits_for_the_last_and_is_refused_by_the_first_that_does_not_fit(
    world: World,
) -> None:
    project_id, guest = await world.project(), await world.guest()
    here, late, stolen = await world.known_footprint(), world.footprint(), world.footprint()
    waits = (await world.order(guest, project_id, claims=[here.claim, late.claim])).json()
    wrong = {**stolen.claim, "token": "0" * 26}
    mismatch = (await world.order(guest, project_id, claims=[wrong, late.claim])).json()
    assert (waits["state"], waits["mass_g"], mismatch["state"]) == ("waiting", None, "waiting")
    await world.publish(enveloped(stolen.event))
    (refused,) = await settled(world, guest, mismatch)
    assert refused["refusal"]["reason"] == "claim_mismatch", "although another of its footprints has not come"
    await world.publish(enveloped(late.event))
    (placed,) = await settled(world, guest, waits)
    assert (placed["state"], placed["mass_g"], len(placed["footprints"])) == ("placed", 2 * GRAMS, 2)
    events = await world.events_of_subject(waits["order_id"], OrderPlaced, OrderClosed)
    assert [event.data.grams for event in events] == [2 * GRAMS]  # type: ignore[attr-defined]


async def test_an_order_that_waits_is_refused_when_its_footprint_was_replaced_or_covered_meanwhile(
    world: World,
) -> None:
    project_id, guest = await world.project(), await world.guest()
    (old, new), taken, late = chained(world, length=2), await world.known_footprint(), world.footprint()
    replaced = (await world.order(guest, project_id, claims=[old.claim])).json()
    covered = (await world.order(guest, project_id, claims=[taken.claim, late.claim])).json()
    assert (replaced["state"], covered["state"]) == ("waiting", "waiting")
    assert (await world.order(guest, project_id, claims=[taken.claim])).json()["state"] == "placed"
    # The newer is consumed first, as partitions allow.
    await known(world, new)
    await world.publish(enveloped(old.event), enveloped(late.event))
    orders = await settled(world, guest, replaced, covered)
    assert [order["refusal"]["reason"] for order in orders] == ["footprint_replaced", "footprint_covered"]
    published = await consumed(world.infra, OrderPlaced, OrderClosed)
    assert not {event.subject for event in published} & {order["order_id"] for order in orders}


async def test_a_company_places_several_orders_under_one_profile_and_its_name(world: World) -> None:
    project_id, guest = await world.project(), await world.guest()
    nameless = await world.order(guest, project_id, beneficiary={"kind": "company"})
    assert (nameless.status_code, nameless.json()["code"]) == (422, "name_missing")
    company = {"kind": "company", "name": "Jinjiang Tea Ltd (demo)"}
    first = (await world.order(guest, project_id, beneficiary=company)).json()
    ben, profile = first["beneficiary_id"], first["profile_capability"]
    footprint = await world.known_footprint()
    for wish in ({"claims": [footprint.claim]}, {"money_fen": 500}, {"mass_g": 7}):
        made = (await world.order(guest, project_id, header=profile, beneficiary_id=ben, **wish)).json()
        assert (made["beneficiary_id"], made["profile_capability"]) == (ben, None)
    (named,) = await world.events_of_subject(ben, BeneficiaryNamed)
    assert isinstance(named.data, BeneficiaryNamed)
    assert (named.data.kind, named.data.name, named.data.board) == ("company", company["name"], "named")
    other = await world.order(guest, project_id, header=profile, beneficiary_id=ben, beneficiary={"kind": "person"})
    assert (other.status_code, other.json()["code"]) == (409, "kind_fixed")


async def test_b4_a_person_is_an_alias_on_boards_until_it_wishes_otherwise_and_may_hide_and_come_back(
    world: World,
) -> None:
    project_id, guest = await world.project(), await world.guest()
    made = (await world.order(guest, project_id, beneficiary={"name": "Lin Yue (demo)"})).json()
    address, profile = f"/v1/beneficiaries/{made['beneficiary_id']}", {CAPABILITY_HEADER: made["profile_capability"]}
    for board in ("hidden", "hidden", "alias", "named"):
        changed = await guest.patch(address, json={"board": board}, headers=profile)
        assert (changed.status_code, changed.json()["board"]) == (200, board)
    events = await world.events_of_subject(made["beneficiary_id"], BeneficiaryNamed, count=4)
    assert [event.data.board for event in events] == ["alias", "hidden", "alias", "named"]  # type: ignore[attr-defined]
    assert {event.data.name for event in events} == {"Lin Yue (demo)"}  # type: ignore[attr-defined]
    stranger = await guest.patch(address, json={"board": "hidden"}, headers={CAPABILITY_HEADER: "0" * 26})
    assert stranger.status_code == 403


async def test_s27_an_erased_beneficiary_takes_no_more_orders_and_those_under_way_go_on_without_a_name(
    world: World,
) -> None:
    project_id, guest = await world.project(), await world.guest()
    late = world.footprint()
    held = await world.held_order(guest, project_id, beneficiary={"name": "Lin Yue (demo)"}, mass_g=GRAMS)
    ben, profile = held["beneficiary_id"], held["profile_capability"]
    more = {"header": profile, "beneficiary_id": ben}
    placed = (await world.order(guest, project_id, **more)).json()
    waits = (await world.order(guest, project_id, claims=[late.claim], **more)).json()
    erased = await guest.delete(f"/v1/beneficiaries/{ben}", headers={CAPABILITY_HEADER: profile})
    assert erased.status_code == 204
    refused = await world.order(guest, project_id, **more)
    assert (refused.status_code, refused.json()["code"]) == (409, "beneficiary_erased")
    renamed = await guest.patch(
        f"/v1/beneficiaries/{ben}", json={"name": "Lin Yue (demo)"}, headers={CAPABILITY_HEADER: profile}
    )
    assert (renamed.status_code, renamed.json()["code"]) == (409, "beneficiary_erased")
    events = await world.events_of_subject(ben, BeneficiaryNamed, count=2)
    assert events[-1].data.model_dump(include={"name", "alias", "profile_hash", "erased", "board"}) == {
        "name": None,
        "alias": None,
        "profile_hash": None,
        "erased": True,
        "board": "hidden",
    }
    # What was ordered before stays the buyer's to pay or to leave: a certificate says "holder erased".
    await world.publish(enveloped(late.event))
    (gone_on,) = await settled(world, guest, waits)
    assert gone_on["state"] == "placed"
    await world.pay(guest, held)
    bought = (await world.events_of_subject(held["order_id"], OrderPlaced, OffsetPurchased, count=2))[-1].data
    assert isinstance(bought, OffsetPurchased)
    assert bought.claim.beneficiary_id == ben
    cancelled = await guest.post(f"/v1/orders/{placed['order_id']}/cancel", headers=shows(placed))
    assert cancelled.json()["state"] == "cancelled"


async def test_another_mandate_than_the_one_in_force_is_refused_with_it_and_the_given_one_stays_in_the_claim(
    world: World,
) -> None:
    project_id, guest = await world.project(), await world.guest()
    quote = (await guest.post("/v1/quotes", json={"mass_g": 1})).json()
    assert (quote["mandate_version"], quote["mandate_text"]) == (MANDATE_VERSION, MANDATE_TEXT)
    for version in ("0", ""):
        old = await world.order(guest, project_id, mandate_version=version)
        assert (old.status_code, old.json()["code"]) == (409, "mandate_outdated")
        assert old.json()["mandate_version"] == quote["mandate_version"]
    held = await world.held_order(guest, project_id, mass_g=GRAMS)
    await world.pay(guest, held)
    bought = (await world.events_of_subject(held["order_id"], OrderPlaced, OffsetPurchased, count=2))[-1].data
    assert isinstance(bought, OffsetPurchased)
    assert bought.claim.mandate_version == quote["mandate_version"]


@pytest.mark.parametrize("orders", [1, CORRECTS_MAX + 1])
async def test_a_new_name_reaches_every_order_of_its_last_thirty_days_in_messages_of_bounded_size(
    world: World, orders: int
) -> None:
    project_id, guest = await world.project(), await world.guest()
    made = (await world.order(guest, project_id, beneficiary={"name": "Lin Yu (demo)"})).json()
    ben, store = made["beneficiary_id"], world.replica.store
    # The same order many times over, as the store has them.
    loaded = await store.order(made["order_id"])
    assert isinstance(loaded, Loaded)
    ids = [made["order_id"], *(new_id("ord") for _ in range(orders - 1))]
    copies = [{**loaded.document, "_id": one, "outbox": [], "lease": None} for one in ids[1:]]
    if copies:
        await store._orders.insert_many([{k: v for k, v in one.items() if k != "lease"} for one in copies])
    address, profile = f"/v1/beneficiaries/{ben}", {CAPABILITY_HEADER: made["profile_capability"]}
    for _ in range(2):
        assert (await guest.patch(address, json={"name": "Lin Yue (demo)"}, headers=profile)).status_code == 200
    messages = -(-orders // CORRECTS_MAX)
    events = await world.events_of_subject(ben, BeneficiaryNamed, count=2 + messages)
    corrected = [event.data.corrects for event in events]  # type: ignore[attr-defined]
    assert [len(part) for part in corrected] == [
        0,
        0,
        *[CORRECTS_MAX] * (messages - 1),
        orders - 500 * (messages - 1),
    ]
    assert sorted(one for part in corrected for one in part) == sorted(ids)
    assert [event.sequence for event in events] == list(range(1, 3 + messages))
