"""Money and time in orders: notices, refunds, deadlines, lost notices, crashes, and two replicas at once."""

# ruff: noqa: F811 -- a test asks for its fixtures by their names

from __future__ import annotations

import asyncio
import secrets
from dataclasses import replace
from typing import Any

import httpx

from deploy.sandbox import payments as sandbox
from deploy.sandbox.notices import SIGNATURE_HEADER, sign
from shared.contracts.orders import OffsetPurchased, OrderClosed, OrderPlaced
from shared.contracts.registry import CreditsRefused
from tests.component.orders_world import (  # noqa: F401 -- the fixtures are used by name
    World,
    certified,
    retired,
    running,
    shows,
    world,
)
from tests.component.provider import KEY
from tests.conftest import consumed, enveloped, until

NOTICES = "/v1/payments/notices/sandbox"


async def send_notice(world: World, guest: httpx.AsyncClient, payment_id: str, **changes: Any) -> httpx.Response:
    """Send a notice as the sandbox would, correctly signed unless `signature` says otherwise."""
    signature = changes.pop("signature", None)
    notice = {
        "payment_id": payment_id,
        "outcome": "paid",
        "amount_fen": 2759,
        "currency": "CNY",
        "reference": "ref",
        "decided_at": world.clock().isoformat(),
        **changes,
    }
    body = httpx.Request("POST", "http://x", json=notice).content
    signature = signature or sign(KEY, body, now=world.clock())
    return await guest.post(NOTICES, content=body, headers={SIGNATURE_HEADER: signature})


async def side(world: World, payment_id: str) -> sandbox.Payment:
    """The provider's own record."""
    record = world.provider.records.payment(payment_id)
    assert record is not None
    return record


async def refunded(world: World, guest: httpx.AsyncClient, order: dict[str, Any], payment_id: str) -> dict[str, Any]:
    """Wait until the payment's refund is made, and return the refund."""

    async def made() -> dict[str, Any] | None:
        shown = await world.look(guest, order)
        (refund,) = [one["refund"] for one in shown["payments"] if one["payment_id"] == payment_id]
        return refund if refund and refund["state"] == "made" else None

    return dict(await until(made))


async def test_s9_a_notice_that_comes_twice_buys_once(world: World) -> None:
    project_id, guest = await world.project(), await world.guest()
    held = await world.held_order(guest, project_id)
    payment_id = await world.pay(guest, held)
    await world.in_state(guest, held, "purchased")
    answers = await asyncio.gather(*(send_notice(world, guest, payment_id) for _ in range(4)))
    again = await guest.post(f"/v1/sandbox/payments/{payment_id}/approve")
    otherwise = await guest.post(f"/v1/sandbox/payments/{payment_id}/decline")
    assert {answer.status_code for answer in answers} == {200}
    assert (again.status_code, otherwise.status_code) == (200, 409)
    published = await world.events_of_subject(held["order_id"], OrderPlaced, OffsetPurchased, OrderClosed, count=2)
    assert [envelope.sequence for envelope in published] == [1, 2]
    (payment,) = (await world.look(guest, held))["payments"]
    assert payment["refund"] is None


async def test_s9_a_forged_or_old_notice_is_401_and_changes_nothing(world: World) -> None:
    project_id, guest = await world.project(), await world.guest()
    held = await world.held_order(guest, project_id)
    payment_id = await world.pay(guest, held, approve=False)
    for signature in ("t=1,v1=" + "0" * 64, "nonsense", sign("other", b"{}", now=world.clock())):
        forged = await send_notice(world, guest, payment_id, signature=signature)
        assert (forged.status_code, forged.json()["code"]) == (401, "notice_forged")
    assert (await guest.post(NOTICES, content=b"{}")).status_code == 401
    body = b'{"payment_id":1}'
    malformed = await guest.post(NOTICES, content=body, headers={SIGNATURE_HEADER: sign(KEY, body, now=world.clock())})
    assert malformed.status_code == 401
    assert (await world.look(guest, held))["state"] == "held"


async def test_s9_another_amount_goes_back_in_full_and_the_order_is_as_it_was(world: World) -> None:
    project_id, guest = await world.project(), await world.guest()
    held = await world.held_order(guest, project_id)
    payment_id = await world.pay(guest, held, approve=False)
    records, record = world.provider.records, await side(world, payment_id)
    records.update(replace(record, amount_fen=2700))
    await guest.post(f"/v1/sandbox/payments/{payment_id}/approve")
    refund = await refunded(world, guest, held, payment_id)
    order = await world.look(guest, held)
    assert refund["why"] == "wrong_amount"
    assert (order["state"], order["deadline"], order["steps"]) == ("held", held["deadline"], held["steps"])
    assert (await side(world, payment_id)).refunded_at is not None
    await world.pay(guest, held)
    await world.in_state(guest, held, "purchased")


async def test_s10_money_that_lands_after_expiry_goes_back_in_full_and_the_order_shows_it(world: World) -> None:
    project_id, guest = await world.project(), await world.guest()
    held = await world.held_order(guest, project_id)
    payment_id = await world.pay(guest, held, approve=False)
    world.clock.forward(minutes=16)
    await world.in_state(guest, held, "expired")
    _, closed = await world.events_of_subject(held["order_id"], OrderPlaced, OrderClosed, count=2)
    assert isinstance(closed.data, OrderClosed)
    assert (closed.data.why, closed.sequence) == ("expired", 2)
    world.clock.forward(minutes=1)
    await guest.post(f"/v1/sandbox/payments/{payment_id}/approve")
    refund = await refunded(world, guest, held, payment_id)
    assert refund["why"] == "late"
    assert (await world.look(guest, held))["state"] == "expired"
    assert len(await world.events_of_subject(held["order_id"], OrderPlaced, OrderClosed, OffsetPurchased)) == 2
    page = await guest.get(f"/orders/{held['order_id']}?t={held['capability']}", follow_redirects=True)
    assert "You got 27.59 CNY back" in page.text


async def test_a_second_payment_goes_back_and_the_first_buys(world: World) -> None:
    project_id, guest = await world.project(), await world.guest()
    held = await world.held_order(guest, project_id)
    first = await world.pay(guest, held, approve=False)
    second = await world.pay(guest, held, approve=False)
    assert first != second
    await guest.post(f"/v1/sandbox/payments/{first}/approve")
    await world.in_state(guest, held, "purchased")
    await guest.post(f"/v1/sandbox/payments/{second}/approve")
    assert (await refunded(world, guest, held, second))["why"] == "second"
    assert (await world.look(guest, held))["state"] == "purchased"


async def test_credits_that_the_registry_cannot_post_give_the_money_back_and_close_the_order(world: World) -> None:
    project_id, guest = await world.project(), await world.guest()
    held = await world.held_order(guest, project_id)
    payment_id = await world.pay(guest, held)
    await world.in_state(guest, held, "purchased")
    refusal = CreditsRefused(order_id=held["order_id"], project_id=project_id, phase="post", reason="hold_not_found")
    await world.publish(enveloped(refusal, sequence=2), enveloped(refusal, sequence=2))
    await world.in_state(guest, held, "refunded")
    assert (await refunded(world, guest, held, payment_id))["why"] == "credits_refused"
    *_, closed = await world.events_of_subject(held["order_id"], OrderPlaced, OffsetPurchased, OrderClosed, count=3)
    assert isinstance(closed.data, OrderClosed)
    assert (closed.data.why, closed.sequence) == ("refunded", 3)


async def test_a_declined_payment_leaves_the_order_held(world: World) -> None:
    project_id, guest = await world.project(), await world.guest()
    held = await world.held_order(guest, project_id)
    payment_id = await world.pay(guest, held, approve=False)
    declined = await guest.post(f"/v1/sandbox/payments/{payment_id}/decline")
    assert declined.json()["state"] == "declined"
    order = await world.look(guest, held)
    assert (order["state"], order["payments"][0]["state"]) == ("held", "declined")


async def test_a_payment_can_be_started_only_while_the_order_is_held(world: World) -> None:
    project_id, guest = await world.project(), await world.guest()
    made = (await world.order(guest, project_id)).json()
    early = await guest.post(
        f"/v1/orders/{made['order_id']}/payments", headers={**shows(made), "Idempotency-Key": secrets.token_hex(8)}
    )
    assert (early.status_code, early.json()["code"], early.json()["state"]) == (409, "order_state", "placed")


async def test_a_refund_that_the_provider_refuses_is_tried_again_until_it_is_made(world: World) -> None:
    project_id, guest = await world.project(), await world.guest()
    held = await world.held_order(guest, project_id)
    payment_id = await world.pay(guest, held, approve=False)
    # The notice comes before the sandbox itself knows of the money, and it speaks of other money than the order's.
    assert (await send_notice(world, guest, payment_id, currency="USD")).status_code == 200

    async def failed() -> bool:
        (payment,) = (await world.look(guest, held))["payments"]
        return bool(payment["refund"]["state"] == "failed")

    await until(failed)
    records, record = world.provider.records, await side(world, payment_id)
    paid = sandbox.approve(record, ("silent",), now=world.clock())
    records.update(replace(paid, currency="USD"))
    world.clock.forward(seconds=10)
    assert (await refunded(world, guest, held, payment_id))["why"] == "wrong_currency"


async def test_s15_a_notice_that_a_crash_left_undelivered_is_delivered_later(world: World) -> None:
    project_id, guest = await world.project(), await world.guest()
    held = await world.held_order(guest, project_id)
    payment_id = await world.pay(guest, held, approve=False)
    # The sandbox has taken the guest's approval, and died before its notice was taken.
    approved = sandbox.approve(await side(world, payment_id), now=world.clock())
    assert approved.notices
    world.provider.records.update(approved)
    await world.in_state(guest, held, "purchased")


async def test_s15_a_lost_notice_is_made_good_by_asking_the_provider(world: World) -> None:
    project_id, guest = await world.project(), await world.guest()
    held = await world.held_order(guest, project_id)
    payment_id = await world.pay(guest, held, approve=False)
    records, record = world.provider.records, await side(world, payment_id)
    records.update(sandbox.approve(record, ("silent",), now=world.clock()))
    await world.replica.payments.poll()
    assert (await world.look(guest, held))["state"] == "held", "the provider is given a minute"
    world.clock.forward(seconds=61)
    await world.replica.payments.poll()
    await world.in_state(guest, held, "purchased")


async def test_time_ends_what_waits_or_is_placed_and_only_the_placed_is_published(world: World) -> None:
    project_id, guest = await world.project(), await world.guest()
    waiting = (await world.order(guest, project_id, claims=[world.footprint().claim])).json()
    placed = (await world.order(guest, project_id)).json()
    world.clock.forward(minutes=9)
    await asyncio.sleep(1.2)
    assert (await world.look(guest, waiting))["state"] == "waiting"
    world.clock.forward(minutes=2)
    await world.in_state(guest, waiting, "expired")
    assert (await world.look(guest, placed))["state"] == "placed"
    world.clock.forward(minutes=5)
    await world.in_state(guest, placed, "expired")
    _, closed = await world.events_of_subject(placed["order_id"], OrderPlaced, OrderClosed, count=2)
    assert isinstance(closed.data, OrderClosed)
    assert closed.data.why == "expired"
    everything = await consumed(world.infra, OrderPlaced, OrderClosed)
    assert waiting["order_id"] not in {envelope.subject for envelope in everything}


async def test_s18_every_answer_three_times_and_shuffled_completes_the_order_once(world: World) -> None:
    project_id, guest = await world.project(), await world.guest()
    held = await world.held_order(guest, project_id)
    await world.hold(held)
    await world.pay(guest, held)
    await world.in_state(guest, held, "purchased")
    answers = [enveloped(certified(held)), enveloped(retired(held), sequence=2), enveloped(certified(held))]
    await world.publish(*answers, *reversed(answers), *answers)
    completed = await world.in_state(guest, held, "completed")
    assert [step["state"] for step in completed["steps"]] == ["placed", "held", "purchased", "retired", "completed"]
    await world.publish(*answers)
    await world.hold(held)
    assert len(await world.events_of_subject(held["order_id"], OrderPlaced, OffsetPurchased, OrderClosed, count=2)) == 2
