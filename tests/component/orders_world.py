"""Orders on a port of its own, with what tests publish to it, and the people who use it."""

from __future__ import annotations

import contextlib
import secrets
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any

import httpx
import pytest
import pytest_asyncio

from deploy.issuer import LocalIssuer
from services.orders.app import Settings, create_app
from services.orders.domain.beneficiary.beneficiary import MANDATE_VERSION
from services.orders.handlers.orders import Handlers
from services.orders.handlers.payments import Payments
from services.orders.handlers.sandbox import Sandbox
from services.orders.store.store import Store
from shared.contracts.calculator import FootprintCalculated
from shared.contracts.certificates import CertificateIssued
from shared.contracts.event import Envelope, Event
from shared.contracts.registry import Allocation, CreditsHeld, CreditsRetired, LedgerPlace, ProjectListed
from shared.messaging import outbox
from shared.web.app import database
from shared.web.auth import CAPABILITY_HEADER, hash_of
from shared.web.idempotency import id_of
from tests.component.orders_clock import Clock
from tests.component.provider import Provider, provider, serving
from tests.conftest import Infra, consumed, enveloped, until
from tests.embedded import free_port

Publish = Callable[..., Awaitable[None]]
Issuer = tuple[LocalIssuer, str, str]
SECRET = "secret of orders".ljust(32, ".")
GRAMS = 533_014


def new_id(kind: str) -> str:
    return id_of(kind, secrets.token_hex(8))


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
        """Let the registry list a project, and wait until orders has consumed it."""
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

        async def is_copied() -> bool:
            return await store.copies.listing(listing.project_id) == listing

        await until(is_copied)
        return str(listing.project_id)

    def footprint(self, name: str | None = None, **changes: Any) -> Footprint:
        """Make a footprint that nobody has consumed yet."""
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
        """Make a footprint, publish it, and wait until orders has consumed it."""
        footprint = self.footprint(**changes)
        await self.publish(enveloped(footprint.event))
        store = self.replica.store

        async def is_copied() -> bool:
            return bool(await store.copies.footprints([footprint.event.footprint_id]))

        await until(is_copied)
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

    async def events_of_subject(self, subject: str, *contracts: type[Event], count: int = 1) -> list[Envelope[Event]]:
        """Wait until that many events of the kinds have been published about the subject; return all by sequence."""

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
