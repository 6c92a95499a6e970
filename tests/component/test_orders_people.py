"""Orders for people: the pages a guest walks through without JavaScript, profiles, names and their erasure."""

# ruff: noqa: F811 -- a test asks for its fixtures by their names

from __future__ import annotations

import re
import secrets

import httpx
import pytest

from services.orders.domain.beneficiary.alias import alias_of
from shared.contracts.orders import BeneficiaryNamed, OffsetPurchased, OrderPlaced
from shared.web.auth import CAPABILITY_HEADER, hash_of
from tests.component.orders_world import (  # noqa: F401 -- the fixtures are used by name
    Footprint,
    World,
    running,
    shows,
    world,
)
from tests.conftest import until

FIELD = re.compile(r'<input type="hidden" name="(\w+)" value="([^"]*)">')


def hidden(page: httpx.Response) -> dict[str, str]:
    """The hidden fields of a page's forms."""
    return dict(FIELD.findall(page.text))


async def chosen(world: World, guest: httpx.AsyncClient, project_id: str, footprint: Footprint) -> dict[str, str]:
    """Open the page of projects, and fill its form in."""
    guest.cookies.set(footprint.event.footprint_id, footprint.token)
    page = await guest.get("/orders/new", params={"footprint": footprint.event.footprint_id})
    assert page.status_code == 200, page.text
    return {**hidden(page), "offer": f"{project_id}:1", "name_kind": "alias", "name": "", "mandate": "yes"}


async def test_a_guest_walks_from_the_projects_to_a_paid_order_with_forms_alone(world: World) -> None:
    # The cheapest project comes first of at most twelve, so that others of this run do not push it off the page.
    project_id = await world.project(unit_price_fen=1)
    footprint, guest = await world.known_footprint(), await world.guest()
    form = await chosen(world, guest, project_id, footprint)
    assert form["footprint"] == footprint.event.footprint_id
    answer = await guest.post("/orders", data=form)
    assert answer.status_code == 303, answer.text
    order_id = answer.headers["Location"].removeprefix("/orders/")
    capability = guest.cookies[order_id]
    (profile,) = [name for name in guest.cookies if name.startswith("ben_")]
    assert await world.replica.store.profile_hash(profile) == hash_of("ben", profile, guest.cookies[profile])
    again = await guest.post("/orders", data=form)
    assert again.headers["Location"] == answer.headers["Location"], "the same form sent twice is one order"
    page = await guest.get(answer.headers["Location"])
    assert page.status_code == 200
    assert "Asking the registry for 533 kg" in page.text

    order = {"order_id": order_id, "capability": capability, "project_id": project_id, "mass_g": 533_014}
    await world.hold(order)
    await world.in_state(guest, order, "held")
    page = await guest.get(f"/orders/{order_id}")
    paying = await guest.post(f"/orders/{order_id}/payments", data={**hidden(page), "method": "sandbox"})
    assert paying.status_code == 303, paying.text
    provider = await guest.get(paying.headers["Location"])
    assert "Demo of a payment page" in provider.text
    back = await guest.post(paying.headers["Location"], data={"decision": "approve"})
    assert (back.status_code, back.headers["Location"]) == (303, f"/orders/{order_id}")
    assert "decided already" in (await guest.get(paying.headers["Location"])).text
    assert "Paid. The registry is cancelling your credits." in (await guest.get(f"/orders/{order_id}")).text
    completed = {**order, "beneficiary_id": profile}
    await world.retire(completed)
    await world.certify(completed)
    await world.in_state(guest, order, "completed")
    page = await guest.get(f"/orders/{order_id}")
    assert f'href="/c/orders/{order_id}"' in page.text
    assert "DD-2026-004182" in page.text


async def test_a_form_that_is_not_complete_comes_back_with_its_answers_and_what_to_mend(world: World) -> None:
    project_id = await world.project(unit_price_fen=1)
    footprint, guest = await world.known_footprint(), await world.guest()
    form = await chosen(world, guest, project_id, footprint)
    wrong = await guest.post("/orders", data={**form, "name_kind": "own", "mandate": "", "offer": ""})
    both = await guest.post("/orders", data={**form, "name_kind": "own", "name": "a" * 81, "mandate": ""})
    assert "The name is too long" in both.text
    assert "Without the mandate" in both.text
    assert wrong.status_code == 422
    for message in ("Choose a project.", "Write your name", "Without the mandate"):
        assert message in wrong.text
    long = await guest.post("/orders", data={**form, "name_kind": "own", "name": "a" * 81})
    assert long.status_code == 422
    assert "at most 40 Chinese characters, or 80 letters" in long.text
    assert "a" * 81 in long.text
    await world.project(version=2, project_id=project_id, unit_price_fen=2)
    moved = await guest.post("/orders", data=form)
    assert moved.status_code == 422
    assert "The price is now 0.02 CNY a tonne" in moved.text
    mended = await guest.post("/orders", data={**form, "offer": f"{project_id}:2"})
    assert mended.status_code == 303, "a form that was refused can be sent again with the same key"


async def test_the_page_of_projects_waits_for_a_footprint_and_opens_to_its_owner_alone(world: World) -> None:
    await world.project()
    guest, stranger = await world.guest(), await world.guest()
    coming = world.footprint()
    guest.cookies.set(coming.event.footprint_id, coming.token)
    page = await guest.get("/orders/new", params={"footprint": coming.event.footprint_id})
    assert "Your footprint is on its way" in page.text
    footprint = await world.known_footprint()
    refused = await stranger.get("/orders/new", params={"footprint": footprint.event.footprint_id})
    assert refused.status_code == 403
    assert (await guest.get("/orders/new")).headers["Location"] == "/"
    assert (await guest.get("/orders/new", params={"footprint": "fp_1"})).status_code == 422


async def test_a_mass_can_be_ordered_by_form_and_the_order_cancelled(world: World) -> None:
    project_id, guest = await world.project(unit_price_fen=1), await world.guest()
    page = await guest.get("/orders/new", params={"mass_g": 1_000_000})
    form = {**hidden(page), "offer": f"{project_id}:1", "name_kind": "own", "name": "Lin Yue (demo)", "mandate": "yes"}
    answer = await guest.post("/orders", data=form)
    assert (await guest.post("/orders", data=form)).headers["Location"] == answer.headers["Location"]
    address = answer.headers["Location"]
    cancelled = await guest.post(f"{address}/cancel")
    assert (cancelled.status_code, cancelled.headers["Location"]) == (303, address)
    assert "You cancelled this order" in (await guest.get(address)).text
    again = await guest.post(f"{address}/cancel")
    assert (again.status_code, again.headers["Location"]) == (303, address)


@pytest.mark.parametrize("link", ["header", "cookie"])
async def test_a_further_order_with_the_profile_is_for_the_same_beneficiary(world: World, link: str) -> None:
    project_id, guest = await world.project(), await world.guest()
    first = (await world.order(guest, project_id, beneficiary={"name": "Lin Yue (demo)"})).json()
    if link == "cookie":
        guest.cookies.set(first["beneficiary_id"], first["profile_capability"])
        second = await world.order(guest, project_id)
    else:
        second = await world.order(
            guest, project_id, beneficiary_id=first["beneficiary_id"], header=first["profile_capability"]
        )
    other = await world.order(await world.guest(), project_id)
    assert second.json()["beneficiary_id"] == first["beneficiary_id"]
    assert second.json()["profile_capability"] is None
    assert other.json()["beneficiary_id"] != first["beneficiary_id"]
    wrong = await world.order(guest, project_id, beneficiary_id=other.json()["beneficiary_id"], header="W" * 26)
    assert wrong.status_code == 403


async def test_a_guest_chooses_on_a_page_how_boards_show_them_and_can_be_forgotten(world: World) -> None:
    project_id, guest, stranger = await world.project(), await world.guest(), await world.guest()
    made = (await world.order(guest, project_id, beneficiary={"name": "Lin Yue (demo)"})).json()
    address, profile = f"/orders/profiles/{made['beneficiary_id']}", made["beneficiary_id"]
    guest.cookies.set(profile, made["profile_capability"])
    assert re.search(r'value="alias" checked', (await guest.get(address)).text)
    kept = await guest.post(address, data={"do": "named"})
    assert (kept.status_code, kept.headers["Location"]) == (303, f"{address}?saved=1")
    page = await guest.get(kept.headers["Location"])
    assert re.search(r'value="named" checked', page.text)
    assert "Kept." in page.text
    assert (await guest.post(address, data={"do": "crowned"})).status_code == 422
    assert (await stranger.get(address)).status_code == 401
    assert (await stranger.post(address, data={"do": "hidden"})).status_code == 401
    erased = await guest.post(address, data={"do": "erase"})
    assert (erased.status_code, erased.headers["Location"]) == (303, "/boards/people")
    assert erased.headers["Set-Cookie"].startswith(f'{profile}="";')
    shown = await world.replica.store.beneficiary(profile)
    assert shown is not None
    assert (shown.value.name, shown.value.board) == (None, "hidden")


async def test_a_new_name_is_published_with_the_orders_that_it_corrects(world: World) -> None:
    project_id, guest = await world.project(), await world.guest()
    held = await world.held_order(guest, project_id, beneficiary={"name": "Lin Yu (demo)"})
    ended = (
        await world.order(guest, project_id, beneficiary_id=held["beneficiary_id"], header=held["profile_capability"])
    ).json()
    await guest.post(f"/v1/orders/{ended['order_id']}/cancel", headers=shows(ended))
    address = f"/v1/beneficiaries/{held['beneficiary_id']}"
    profile = {CAPABILITY_HEADER: held["profile_capability"]}
    assert (await guest.patch(address, json={"name": "X"})).status_code == 401
    renamed = await guest.patch(address, json={"name": "Lin Yue (demo)", "board": "named"}, headers=profile)
    assert (renamed.json()["name"], renamed.json()["board"]) == ("Lin Yue (demo)", "named")
    named = await world.events_of_subject(held["beneficiary_id"], BeneficiaryNamed, count=3)
    assert [envelope.sequence for envelope in named] == [1, 2, 3]
    last = named[-1].data
    assert isinstance(last, BeneficiaryNamed)
    assert (last.name, last.corrects) == ("Lin Yue (demo)", (held["order_id"],))
    hidden_now = await guest.patch(address, json={"board": "hidden"}, headers=profile)
    same = await guest.patch(address, json={"board": "hidden"}, headers=profile)
    assert (hidden_now.json()["board"], same.json()) == ("hidden", hidden_now.json())
    named = await world.events_of_subject(held["beneficiary_id"], BeneficiaryNamed, count=4)
    assert [type(envelope.data).__name__ for envelope in named] == ["BeneficiaryNamed"] * 4
    bad = await guest.patch(address, json={"name": "a\nb"}, headers=profile)
    assert (bad.status_code, bad.json()["errors"][0]["pointer"]) == (422, "/name")


async def test_an_order_names_the_version_of_the_name_that_it_was_made_under(world: World) -> None:
    project_id, guest = await world.project(), await world.guest()
    first = (await world.order(guest, project_id)).json()
    second = await world.held_order(
        guest,
        project_id,
        beneficiary_id=first["beneficiary_id"],
        beneficiary={"name": "Lin Yue (demo)"},
        header=first["profile_capability"],
    )
    await world.pay(guest, second)
    *_, purchased = await world.events_of_subject(second["order_id"], OrderPlaced, OffsetPurchased, count=2)
    named = await world.events_of_subject(first["beneficiary_id"], BeneficiaryNamed, count=2)
    assert isinstance(purchased.data, OffsetPurchased)
    assert isinstance(named[-1].data, BeneficiaryNamed)
    assert purchased.data.claim.name_sequence == 2
    assert (named[-1].data.name, named[-1].data.corrects) == ("Lin Yue (demo)", ())


async def test_s27_an_erased_beneficiary_is_published_without_a_name_and_takes_no_more_orders(world: World) -> None:
    project_id, guest = await world.project(), await world.guest()
    held = await world.held_order(guest, project_id, beneficiary={"name": "Lin Yue (demo)"})
    profile = {CAPABILITY_HEADER: held["profile_capability"]}
    address = f"/v1/beneficiaries/{held['beneficiary_id']}"
    assert (await guest.delete(address)).status_code == 401
    assert [(await guest.delete(address, headers=profile)).status_code for _ in range(2)] == [204, 204]
    named = await world.events_of_subject(held["beneficiary_id"], BeneficiaryNamed, count=2)
    assert len(named) == 2
    last = named[-1].data
    assert isinstance(last, BeneficiaryNamed)
    assert (last.name, last.alias, last.erased, last.profile_hash) == (None, None, True, None)
    refused = await world.order(
        guest, project_id, beneficiary_id=held["beneficiary_id"], header=held["profile_capability"]
    )
    assert (refused.status_code, refused.json()["code"]) == (409, "beneficiary_erased")
    assert (await guest.patch(address, json={"name": "X"}, headers=profile)).status_code == 409
    await world.pay(guest, held)
    await world.in_state(guest, held, "purchased")

    async def nowhere() -> bool:
        database = world.replica.store._database
        stored = [str(document) for name in ("orders", "beneficiaries") async for document in database[name].find({})]
        return not any("Lin Yue" in text for text in stored if held["beneficiary_id"] in text)

    await until(nowhere)


async def test_a_browser_that_still_holds_an_erased_profile_gets_a_new_one(world: World) -> None:
    project_id, guest = await world.project(unit_price_fen=1), await world.guest()
    first = (await world.order(guest, project_id)).json()
    profile = {CAPABILITY_HEADER: first["profile_capability"]}
    await guest.delete(f"/v1/beneficiaries/{first['beneficiary_id']}", headers=profile)
    guest.cookies.set(first["beneficiary_id"], first["profile_capability"])
    form = {**hidden(await guest.get("/orders/new", params={"mass_g": 5})), "offer": f"{project_id}:1"}
    answer = await guest.post("/orders", data={**form, "name_kind": "alias", "mandate": "yes"})
    assert answer.status_code == 303
    held = [name for name in guest.cookies if name.startswith("ben_") and name != first["beneficiary_id"]]
    assert len(held) == 1


async def test_the_form_knows_the_profile_that_the_browser_holds(world: World) -> None:
    project_id, guest = await world.project(unit_price_fen=1), await world.guest()
    company = {"kind": "company", "name": "Groves Ltd (demo)"}
    first = (await world.order(guest, project_id, beneficiary=company)).json()
    guest.cookies.set(first["beneficiary_id"], first["profile_capability"])
    page = await guest.get("/orders/new", params={"mass_g": 5})
    assert "Groves Ltd (demo)" in page.text
    form = {**hidden(page), "offer": f"{project_id}:1", "mandate": "yes"}
    by_alias = await guest.post("/orders", data={**form, "name_kind": "alias"})
    assert by_alias.status_code == 422
    by_name = await guest.post("/orders", data={**form, "name_kind": "own", "name": "Groves Ltd (demo)"})
    assert by_name.status_code == 303
    order = await world.replica.store.order(by_name.headers["Location"].rsplit("/", 1)[1])
    assert order is not None
    assert order.value.buyer.beneficiary_id == first["beneficiary_id"]


async def test_a_company_orders_under_its_own_name(world: World) -> None:
    project_id, guest = await world.project(), await world.guest()
    made = await world.order(guest, project_id, beneficiary={"kind": "company", "name": "Groves Ltd (demo)"})
    (named,) = await world.events_of_subject(made.json()["beneficiary_id"], BeneficiaryNamed)
    assert isinstance(named.data, BeneficiaryNamed)
    assert (named.data.kind, named.data.name, named.data.board) == ("company", "Groves Ltd (demo)", "named")


async def test_a_request_that_died_between_its_two_writes_is_finished_by_its_repeat(world: World) -> None:
    project_id, guest = await world.project(), await world.guest()
    key = secrets.token_hex(8)
    stale = await world.order(guest, project_id, key=key, listing_version=7)
    assert stale.status_code == 409
    # The first of the two writes: the beneficiary is there, the order that names it is not.
    first = await world.order(guest, project_id, key=key)
    made = first.json()
    database = world.replica.store._database
    await database["orders"].delete_one({"_id": made["order_id"]})
    other = await world.order(guest, project_id, key=key, mass_g=7)
    assert (other.status_code, other.json()["code"]) == (422, "idempotency_key_reused")
    again = await world.order(guest, project_id, key=key)
    assert again.status_code == 201
    assert (again.json()["order_id"], again.json()["beneficiary_id"]) == (made["order_id"], made["beneficiary_id"])
    assert len(await world.events_of_subject(made["beneficiary_id"], BeneficiaryNamed)) == 1
    assert alias_of(made["beneficiary_id"])
