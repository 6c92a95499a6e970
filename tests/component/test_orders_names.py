"""Names in orders: one that cannot be printed is refused before anybody pays, the same again publishes nothing."""

# ruff: noqa: F811 -- a test asks for its fixtures by their names

from __future__ import annotations

import pytest

from services.orders.domain.beneficiary import beneficiary
from shared.contracts.event import Cause
from shared.contracts.orders import BeneficiaryNamed
from shared.web.auth import CAPABILITY_HEADER
from tests.component.orders_world import (  # noqa: F401 -- the fixtures are used by name
    World,
    running,
    world,
)
from tests.component.test_orders_people import chosen

CAUSE = Cause(id="test")


@pytest.mark.parametrize(
    ("name", "character"), [("Lin 🙂", "🙂 (U+1F642)"), ("สมชาย", "ส (U+0E2A)"), ("김하늘", "김 (U+AE40)")]
)
async def test_s23_a_name_that_cannot_be_printed_is_refused_by_the_api_and_nothing_is_made(
    world: World, name: str, character: str
) -> None:
    project_id, guest = await world.project(), await world.guest()
    refused = await world.order(guest, project_id, beneficiary={"name": name})
    assert (refused.status_code, refused.json()["code"]) == (422, "name_unprintable")
    assert character in refused.json()["detail"]
    assert refused.json()["errors"][0]["pointer"] == "/beneficiary/name"
    made = (await world.order(guest, project_id, beneficiary={"name": "Lin Yue (demo)"})).json()
    profile = {CAPABILITY_HEADER: made["profile_capability"]}
    renamed = await guest.patch(f"/v1/beneficiaries/{made['beneficiary_id']}", json={"name": name}, headers=profile)
    assert (renamed.status_code, renamed.json()["code"]) == (422, "name_unprintable")
    assert renamed.json()["errors"][0]["pointer"] == "/name"
    (named,) = await world.events_of_subject(made["beneficiary_id"], BeneficiaryNamed)
    assert isinstance(named.data, BeneficiaryNamed)
    assert named.data.name == "Lin Yue (demo)"


async def test_s23_a_name_that_cannot_be_printed_comes_back_on_the_form_with_the_answers_kept(world: World) -> None:
    project_id = await world.project(unit_price_fen=1)
    footprint, guest = await world.known_footprint(), await world.guest()
    form = {**await chosen(world, guest, project_id, footprint), "name_kind": "own", "name": "Lin 🙂"}
    refused = await guest.post("/orders", data=form)
    assert refused.status_code == 422
    assert "🙂 (U+1F642)" in refused.text
    assert 'id="name-wrong"' in refused.text
    assert 'value="Lin 🙂"' in refused.text
    assert f'value="{project_id}:1" required checked' in refused.text
    assert not [name for name in guest.cookies if name.startswith(("ord_", "ben_"))]
    mended = await guest.post("/orders", data={**form, "name": "Lin Yue (demo)"})
    assert mended.status_code == 303


async def test_the_same_name_and_board_again_publish_nothing(world: World) -> None:
    project_id, guest = await world.project(), await world.guest()
    held = await world.held_order(guest, project_id, beneficiary={"name": "Lin Yu (demo)"})
    profile = {CAPABILITY_HEADER: held["profile_capability"]}
    same = {"name": "Lin Yue (demo)", "board": "named"}
    for _ in range(4):
        answer = await guest.patch(f"/v1/beneficiaries/{held['beneficiary_id']}", json=same, headers=profile)
        assert (answer.status_code, answer.json()["name"]) == (200, "Lin Yue (demo)")
    loaded = await world.replica.store.beneficiary(held["beneficiary_id"])
    assert loaded is not None
    assert loaded.value.sequence == 3, "its first name, the new one, and the order that the new one corrects"


async def test_s15_a_new_name_whose_teller_died_corrects_its_orders_when_it_is_sent_again(world: World) -> None:
    project_id, guest = await world.project(), await world.guest()
    held = await world.held_order(guest, project_id, beneficiary={"name": "Lin Yu (demo)"})
    store, ben = world.replica.store, held["beneficiary_id"]
    loaded = await store.beneficiary(ben)
    assert loaded is not None
    # The first of the two writes: the name is new, and nothing is published about the orders that it corrects.
    after = beneficiary.renamed(loaded.value, name="Lin Yue (demo)", board=None)
    await store.record_beneficiary(loaded, after, [beneficiary.named(after)], now=world.clock(), cause=CAUSE)
    await store.sources[0].release()
    profile = {CAPABILITY_HEADER: held["profile_capability"]}
    for _ in range(2):
        await guest.patch(f"/v1/beneficiaries/{ben}", json={"name": "Lin Yue (demo)"}, headers=profile)
    named = await world.events_of_subject(ben, BeneficiaryNamed, count=3)
    last = named[-1].data
    assert isinstance(last, BeneficiaryNamed)
    assert (len(named), last.name, last.corrects) == (3, "Lin Yue (demo)", (held["order_id"],))
