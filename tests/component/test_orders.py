"""Orders as a process of its own would run: real Kafka, MongoDB protocol and HTTP; the other services are played."""

from __future__ import annotations

import asyncio
import contextlib
import secrets
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

import httpx
import pytest
import pytest_asyncio

from deploy.issuer import LocalIssuer
from services.orders.app import Settings, create_app
from services.orders.domain.beneficiary.beneficiary import MANDATE_VERSION
from services.orders.handlers.orders import UNANSWERED, Handlers
from services.orders.handlers.payments import Payments
from services.orders.handlers.sandbox import Sandbox
from services.orders.store.store import Store
from shared.contracts.calculator import FootprintCalculated, ScenePublished
from shared.contracts.certificates import CertificateIssued
from shared.contracts.event import Envelope, Event
from shared.contracts.orders import BeneficiaryNamed, OffsetPurchased, OrderClosed, OrderPlaced
from shared.contracts.registry import (
    Allocation,
    CreditsHeld,
    CreditsRefused,
    CreditsRetired,
    LedgerPlace,
    ProjectListed,
)
from shared.messaging import outbox
from shared.web.app import database
from shared.web.auth import CAPABILITY_HEADER, hash_of
from shared.web.idempotency import id_of
from tests.component.provider import Provider, provider, serving
from tests.conftest import Infra, consumed, enveloped, until
from tests.embedded import free_port

Publish = Callable[..., Awaitable[None]]
Issuer = tuple[LocalIssuer, str, str]
SECRET = "secret of orders".ljust(32, ".")
GRAMS = 533_014


def new_id(kind: str) -> str:
    return id_of(kind, secrets.token_hex(8))


class Clock:
    """A clock that can be put forward, and stand still; it begins behind, since no consumer takes a future event."""

    def __init__(self) -> None:
        self._ahead = timedelta(hours=-2)
        self._stands_at: datetime | None = None

    def __call__(self) -> datetime:
        return (self._stands_at or outbox.clock()) + self._ahead

    @contextlib.contextmanager
    def standing(self) -> Iterator[None]:
        """Let no time pass, so that nothing falls due while a test looks at what is there before."""
        self._stands_at = outbox.clock()
        try:
            yield
        finally:
            self._stands_at = None

    def forward(self, **by: float) -> None:
        self._ahead += timedelta(**by)


@dataclass(frozen=True)
class Replica:
    """Another replica of orders without messaging of its own: the same database, other memory."""

    store: Store
    handlers: Handlers
    provider: Sandbox
    payments: Payments


@dataclass
class Footprint:
    """A footprint that calculator has made for a guest."""

    event: FootprintCalculated
    token: str

    @property
    def claim(self) -> dict[str, str]:
        return {"footprint_id": self.event.footprint_id, "token": self.token}


@dataclass
class World:
    """Orders at an address, and the hands that play everybody else."""

    address: str
    clock: Clock
    replica: Replica
    infra: Infra
    publish: Publish
    staff: str
    provider: Provider
    _clients: contextlib.AsyncExitStack = field(default_factory=contextlib.AsyncExitStack)

    async def guest(self, **headers: str) -> httpx.AsyncClient:
        """Return a browser without cookies."""
        hooks = {"request": [self.provider.lead]}
        client = httpx.AsyncClient(base_url=self.address, headers=headers, timeout=20, event_hooks=hooks)
        return await self._clients.enter_async_context(client)

    async def project(self, *, version: int = 1, project_id: str | None = None, **changes: Any) -> str:
        """Let the registry list a project, and wait until orders has heard it."""
        listing = ProjectListed.model_validate(
            {
                "project_id": project_id or new_id("prj"),
                "names": {"en": "Linpan groves (demo)"},
                "standard": "CDCER",
                "type": "forest_management",
                "owner_id": "own_groves",
                "unit_price_fen": 4800,
                "currency": "CNY",
                "listing_version": version,
                "status": "listed",
                **changes,
            }
        )
        await self.publish(enveloped(listing, sequence=version))
        store = self.replica.store

        async def heard_of() -> bool:
            return await store.copies.listing(listing.project_id) == listing

        await until(heard_of)
        return str(listing.project_id)

    def footprint(self, name: str | None = None, **changes: Any) -> Footprint:
        """Make a footprint that nobody has heard of yet."""
        footprint_id, token = id_of("fp", name) if name else new_id("fp"), secrets.token_hex(13).upper()
        event = FootprintCalculated.model_validate(
            {
                "footprint_id": footprint_id,
                "scene_id": new_id("scn"),
                "role": "guest",
                "people": 1,
                "grams": GRAMS,
                "low_grams": 390_000,
                "high_grams": 680_000,
                "grams_by_category": {"travel": GRAMS},
                "release": "2026.1",
                "jurisdiction": "CN",
                "claim_hash": hash_of("fp", footprint_id, token),
                "replaces": None,
                "root": footprint_id,
                **changes,
            }
        )
        return Footprint(event, token)

    async def known_footprint(self, **changes: Any) -> Footprint:
        """Make a footprint, publish it, and wait until orders has heard it."""
        footprint = self.footprint(**changes)
        await self.publish(enveloped(footprint.event))
        store = self.replica.store

        async def heard_of() -> bool:
            return bool(await store.copies.footprints([footprint.event.footprint_id]))

        await until(heard_of)
        return footprint

    async def order(
        self, guest: httpx.AsyncClient, project_id: str, *, key: str | None = None, header: str = "", **wish: Any
    ) -> httpx.Response:
        """Post an order; by mass unless the wish says otherwise."""
        if not {"claims", "mass_g", "money_fen"} & set(wish):
            wish["mass_g"] = GRAMS
        body = {"project_id": project_id, "listing_version": 1, "mandate_version": MANDATE_VERSION, **wish}
        headers = {"Idempotency-Key": key or secrets.token_hex(8)}
        if header:
            headers[CAPABILITY_HEADER] = header
        return await guest.post("/v1/orders", json=body, headers=headers)

    async def held_order(self, guest: httpx.AsyncClient, project_id: str, **wish: Any) -> dict[str, Any]:
        """Make an order and let the registry hold its grams."""
        made = (await self.order(guest, project_id, **wish)).json()
        await self.hold(made)
        return await self.in_state(guest, made, "held")

    async def hold(self, made: dict[str, Any]) -> None:
        await self.publish(
            enveloped(CreditsHeld(order_id=made["order_id"], project_id=made["project_id"], grams=made["mass_g"]))
        )

    async def retire(self, order: dict[str, Any]) -> None:
        await self.publish(enveloped(retired(order), sequence=2))

    async def certify(self, order: dict[str, Any]) -> None:
        await self.publish(enveloped(certified(order)))

    async def in_state(self, guest: httpx.AsyncClient, made: dict[str, Any], state: str) -> dict[str, Any]:
        """Wait until the order is in the state, and return it."""

        async def there() -> dict[str, Any] | None:
            shown = await self.look(guest, made)
            return shown if shown["state"] == state else None

        return {**made, **await until(there)}

    async def look(self, guest: httpx.AsyncClient, made: dict[str, Any]) -> dict[str, Any]:
        answer = await guest.get(f"/v1/orders/{made['order_id']}", headers=shows(made))
        assert answer.status_code == 200, answer.text
        return dict(answer.json())

    async def pay(
        self,
        guest: httpx.AsyncClient,
        order: dict[str, Any],
        *,
        approve: bool = True,
        method: str = "sandbox",
        faults: tuple[str, ...] = (),
    ) -> str:
        """Start a payment and approve it at the sandbox, which plays the faults; return its id."""
        started = await guest.post(
            f"/v1/orders/{order['order_id']}/payments",
            json={"method": method},
            headers={**shows(order), "Idempotency-Key": secrets.token_hex(8)},
        )
        assert started.status_code == 201, started.text
        payment_id = str(started.json()["payment_id"])
        if approve:
            approved = await guest.post(f"/v1/sandbox/payments/{payment_id}/approve", json={"faults": faults})
            assert approved.status_code == 200, approved.text
        return payment_id

    async def said_of(self, subject: str, *contracts: type[Event], count: int = 1) -> list[Envelope[Event]]:
        """Wait until that many events of the kinds have been told of the subject; return all by sequence."""

        async def there() -> list[Envelope[Event]] | None:
            found = [envelope for envelope in await consumed(self.infra, *contracts) if envelope.subject == subject]
            unique = {envelope.id: envelope for envelope in found}
            mine = sorted(unique.values(), key=lambda envelope: envelope.sequence)
            return mine if len(mine) >= count else None

        return list(await until(there))


def shows(order: dict[str, Any]) -> dict[str, str]:
    return {CAPABILITY_HEADER: order["capability"]}


def retired(order: dict[str, Any]) -> CreditsRetired:
    serial = "CDCER-CN510100-0042-2021-01-1"
    part = Allocation(
        batch_id=new_id("bat"), from_gram=0, to_gram=order["mass_g"], first_serial=serial, last_serial=serial
    )
    return CreditsRetired(
        order_id=order["order_id"],
        project_id=order["project_id"],
        allocations=(part,),
        ledger=LedgerPlace(sequence=3, page_hash="3" * 64),
    )


def certified(order: dict[str, Any]) -> CertificateIssued:
    return CertificateIssued(
        certificate_id=id_of("cert", order["order_id"]),
        number="DD-2026-004182",
        order_id=order["order_id"],
        beneficiary_id=order["beneficiary_id"],
        beneficiary_kind="person",
        scene_id=None,
        project_id=order["project_id"],
        footprint_ids=(),
        grams=order["mass_g"],
        issued_at=outbox.clock(),
    )


Running = tuple[str, Clock, Replica, Provider]


@pytest_asyncio.fixture(scope="module")
async def running(infra: Infra, issuer: Issuer, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Running]:
    """Orders on a port of its own, so that the sandbox can send notices to it."""
    port, clock = free_port(), Clock()
    address = f"http://127.0.0.1:{port}"
    folder = tmp_path_factory.mktemp("sandbox")
    async with provider(folder, clock, notice_url=f"{address}/v1/payments/notices/sandbox") as sandbox:
        async for running in _orders(infra, issuer, port, clock, sandbox):
            yield running


async def _orders(infra: Infra, issuer: Issuer, port: int, clock: Clock, sandbox: Provider) -> AsyncIterator[Running]:
    settings = Settings(
        kafka_bootstrap_servers=infra.kafka,
        mongodb_url=infra.mongodb_url(f"orders_{secrets.token_hex(4)}"),
        secret=SECRET,
        # The same in all modules: a static member comes back to its partitions without a wait.
        replica="orders-test",
        issuer=issuer[1],
        jwks_url=issuer[2],
        public_url=f"http://127.0.0.1:{port}",
        **sandbox.settings,
    )
    app = create_app(settings, clock=clock)
    opened = database(settings)
    store = Store(opened, livemode=False, wake=lambda: None)
    for source in store.sources:
        source.lease.owner = "orders-other"
    adapter = sandbox.adapter(clock)
    async with serving(app, port), adapter.running():
        replica = Replica(store, Handlers(store, clock, fee_fen=200), adapter, Payments(store, adapter, clock))
        yield settings.public_url, clock, replica, sandbox
    opened.client.close()


@pytest_asyncio.fixture
async def world(running: Running, infra: Infra, issuer: Issuer, publish: Publish) -> AsyncIterator[World]:
    address, clock, replica, sandbox = running
    world = World(address, clock, replica, infra, publish, issuer[0].token("back-office", "orders:read"), sandbox)
    async with world._clients:
        yield world


async def test_a_guest_s_order_goes_from_quote_to_completed_and_tells_its_whole_story(world: World) -> None:
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
    (named,) = await world.said_of(made["beneficiary_id"], BeneficiaryNamed)
    assert isinstance(named.data, BeneficiaryNamed)
    assert (named.data.name, named.data.board, named.sequence) == ("Lin Yue (demo)", "alias", 1)
    assert named.data.profile_hash == hash_of("ben", made["beneficiary_id"], made["profile_capability"])
    (placed,) = await world.said_of(made["order_id"], OrderPlaced)
    assert isinstance(placed.data, OrderPlaced)
    assert (placed.data.grams, placed.data.listing_version, placed.sequence) == (GRAMS, 1, 1)

    await world.hold(made)
    held = await world.in_state(guest, made, "held")
    payment_id = await world.pay(guest, held)
    await world.in_state(guest, made, "purchased")
    _, purchased = await world.said_of(made["order_id"], OrderPlaced, OffsetPurchased, count=2)
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
    assert len(await world.said_of(made["order_id"], OrderPlaced)) == 1
    assert len(await world.said_of(made["beneficiary_id"], BeneficiaryNamed)) == 1


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


async def test_a_key_with_another_body_is_refused_and_no_key_is_asked_for(world: World) -> None:
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


async def test_s13_an_order_made_before_its_footprint_is_known_waits_and_goes_on_when_it_comes(world: World) -> None:
    project_id, footprint, guest = await world.project(), world.footprint(), await world.guest()
    made = (await world.order(guest, project_id, claims=[footprint.claim])).json()
    assert (made["state"], made["mass_g"], made["total_fen"], made["unit_price_fen"]) == ("waiting", None, None, 4800)
    unknown = await guest.post("/v1/quotes", json={"footprint_ids": [footprint.event.footprint_id]})
    assert (unknown.status_code, unknown.json()["code"]) == (404, "footprint_unknown")
    await world.publish(enveloped(footprint.event), enveloped(footprint.event))
    placed = await world.in_state(guest, made, "placed")
    assert placed["total_fen"] == 2759
    (event,) = await world.said_of(made["order_id"], OrderPlaced)
    assert event.cause_id == enveloped(footprint.event).id


async def test_s13_a_wrong_claim_token_is_refused_and_nothing_is_held(world: World) -> None:
    project_id, footprint, guest = await world.project(), world.footprint(), await world.guest()
    wrong = {**footprint.claim, "token": "W" * 26}
    made = (await world.order(guest, project_id, claims=[wrong])).json()
    await world.publish(enveloped(footprint.event))
    refused = await world.in_state(guest, made, "refused")
    assert refused["refusal"]["reason"] == "claim_mismatch"
    at_once = await world.order(guest, project_id, claims=[wrong])
    assert (at_once.status_code, at_once.json()["code"]) == (403, "claim_mismatch")
    right = await world.order(guest, project_id, claims=[footprint.claim])
    assert right.status_code == 201
    placed = [envelope.subject for envelope in await consumed(world.infra, OrderPlaced, OrderClosed)]
    assert made["order_id"] not in placed


async def test_a_footprint_backs_at_most_one_live_order_and_is_free_again_when_that_has_ended(world: World) -> None:
    project_id, footprint, guest = await world.project(), await world.known_footprint(), await world.guest()
    answers = await asyncio.gather(*(world.order(guest, project_id, claims=[footprint.claim]) for _ in range(8)))
    codes = sorted(answer.status_code for answer in answers)
    assert codes == [201, *[409] * 7]
    assert {answer.json()["code"] for answer in answers if answer.status_code == 409} == {"footprint_covered"}
    (made,) = [answer.json() for answer in answers if answer.status_code == 201]
    cancelled = await guest.post(f"/v1/orders/{made['order_id']}/cancel", headers=shows(made))
    assert (cancelled.status_code, cancelled.json()["state"]) == (200, "cancelled")
    again = await guest.post(f"/v1/orders/{made['order_id']}/cancel", headers=shows(made))
    assert (again.status_code, again.json()) == (200, cancelled.json()), "whoever lost the answer gets it again"
    assert len(await world.said_of(made["order_id"], OrderPlaced, OrderClosed, count=2)) == 2
    assert (await world.order(guest, project_id, claims=[footprint.claim])).status_code == 201


async def test_two_orders_that_wait_for_one_footprint_end_as_one_placed_and_one_refused(world: World) -> None:
    project_id, footprint, guest = await world.project(), world.footprint(), await world.guest()
    both = [(await world.order(guest, project_id, claims=[footprint.claim])).json() for _ in range(2)]
    await world.publish(enveloped(footprint.event))

    async def settled() -> list[dict[str, Any]] | None:
        found = [await world.look(guest, made) for made in both]
        return found if all(order["state"] != "waiting" for order in found) else None

    orders = await until(settled)
    assert sorted(order["state"] for order in orders) == ["placed", "refused"]
    assert {order["refusal"]["reason"] for order in orders if order["refusal"]} == {"footprint_covered"}


async def test_a_footprint_that_was_replaced_can_no_longer_be_ordered(world: World) -> None:
    project_id, guest = await world.project(), await world.guest()
    old = await world.known_footprint()
    new = await world.known_footprint(replaces=old.event.footprint_id, root=old.event.footprint_id)
    refused = await world.order(guest, project_id, claims=[old.claim])
    assert (refused.status_code, refused.json()["code"]) == (409, "footprint_replaced")
    assert (await world.order(guest, project_id, claims=[new.claim])).status_code == 201
    newest = await world.known_footprint(replaces=new.event.footprint_id, root=old.event.footprint_id)
    covered = await world.order(guest, project_id, claims=[newest.claim])
    assert (covered.status_code, covered.json()["code"]) == (409, "footprint_covered"), "one of the chain is covered"


async def test_a_refused_hold_ends_the_order_and_says_what_the_registry_said(world: World) -> None:
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


async def test_the_back_office_walks_all_orders_and_sees_what_owners_are_due(world: World) -> None:
    owner = f"own_{secrets.token_hex(4)}"
    project_id, guest = await world.project(owner_id=owner), await world.guest()
    retired_orders = []
    for mass_g in (GRAMS, 1):
        held = await world.held_order(guest, project_id, mass_g=mass_g)
        await world.pay(guest, held)
        await world.in_state(guest, held, "purchased")
        retired_orders.append(held)
    await world.held_order(guest, project_id)
    for order in retired_orders:
        await world.retire(order)
        await world.in_state(guest, order, "retired")
    assert (await guest.get("/v1/orders")).status_code == 401
    assert (await guest.get("/v1/payables")).status_code == 401
    staff = await world.guest(Authorization=f"Bearer {world.staff}")
    payables = (await staff.get("/v1/payables")).json()["data"]
    (due,) = [payable for payable in payables if payable["owner_id"] == owner]
    assert due == {"owner_id": owner, "currency": "CNY", "orders": 2, "mass_g": GRAMS + 1, "subtotal_fen": 2560}

    async def walk(**query: Any) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = []
        page: dict[str, Any] = {"has_more": True, "next_cursor": None}
        while page["has_more"]:
            asked = {**query, "limit": 3, **({"cursor": page["next_cursor"]} if page["next_cursor"] else {})}
            page = (await staff.get("/v1/orders", params=asked)).json()
            found += page["data"]
        return found

    everything = await walk()
    # As moments, since their texts have no fixed length.
    places = [(datetime.fromisoformat(order["created_at"]), order["order_id"]) for order in everything]
    assert places == sorted(places)
    assert {order["order_id"] for order in retired_orders} <= {
        order["order_id"] for order in await walk(state="retired")
    }
    assert len({order["order_id"] for order in everything}) == len(everything)
    wrong = await staff.get("/v1/orders", params={"cursor": "bm9uc2Vuc2U="})
    assert (wrong.status_code, wrong.json()["code"]) == (422, "cursor_unknown")


async def test_a_purchase_without_an_answer_for_five_minutes_is_an_alarm_and_nothing_else(world: World) -> None:
    guest, project_id = await world.guest(), await world.project()
    held = await world.held_order(guest, project_id)
    await world.pay(guest, held)
    await world.in_state(guest, held, "purchased")
    await world.replica.handlers.watch()
    before = UNANSWERED._value.get()
    world.clock.forward(minutes=6)
    await world.replica.handlers.watch()
    after = UNANSWERED._value.get()
    world.clock.forward(minutes=-6)
    assert after >= before + 1
    assert (await world.look(guest, held))["state"] == "purchased"
    await world.retire(held)
    await world.in_state(guest, held, "retired")
