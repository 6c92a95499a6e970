"""Every operation of the services, asked for all that its own reference allows and forbids.

The apps are the real ones, over HTTP, on a real Kafka and a MongoDB protocol server. What they are asked for is drawn
from the committed OpenAPI documents, well-formed and malformed, about things that are there and things that are not;
most of all those of money and stock.
"""

from __future__ import annotations

import asyncio
import contextlib
import importlib
import json
import secrets
import socket
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

import httpx
import pytest
import requests
import schemathesis
import uvicorn
from fastapi import FastAPI
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from pydantic import SecretStr
from schemathesis.checks import not_a_server_error
from schemathesis.generation import GenerationMode
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    ignored_auth,
    response_schema_conformance,
    status_code_conformance,
)

from deploy.issuer import LocalIssuer
from deploy.sandbox.app import Settings as SandboxSettings
from deploy.sandbox.app import create_app as create_sandbox
from shared.contracts.calculator import ScenePublished
from shared.contracts.event import Event, to_record
from shared.contracts.topics import SERVICES
from shared.messaging import broker
from shared.settings import Settings
from shared.web.auth import CAPABILITY_HEADER, Access, Capability, Scope
from shared.web.idempotency import id_of
from tests.component.misplaced import misplaced
from tests.component.test_registry import LISTING, placed, purchased
from tests.conftest import PATIENCE, Infra, enveloped
from tests.unit.orders.examples import TOKEN, footprint

# Its fixtures are chosen while it runs.
pytestmark = pytest.mark.starts_processes
REFERENCE = Path(__file__).resolve().parents[2] / "docs/reference"
OF_MONEY_AND_STOCK = ("registry", "orders")
# A stream lasts as long as its order; what it sends is tested in tests/component.
STREAMS = {"GET /v1/orders/{order_id}/events"}
EXAMPLES, EXAMPLES_ELSEWHERE = 20, 8
PATIENCE_SECONDS = 60
ORGANISER = "org_demo"


@schemathesis.check
def names_places_that_are_there(_context: Any, response: Any, case: Any) -> None:
    """A problem's errors lead into the body as it was sent, or name a parameter."""
    if response.headers.get("Content-Type", [""])[0] == "application/problem+json":
        sent = case.body if isinstance(case.body, dict | list) else None
        assert misplaced(response.json(), sent) == []


CHECKS = [
    names_places_that_are_there,
    not_a_server_error,
    status_code_conformance,
    content_type_conformance,
    response_schema_conformance,
    ignored_auth,
]


def document(service: str) -> dict[str, Any]:
    return dict(json.loads((REFERENCE / f"{service}.openapi.json").read_text()))


def access(service: str) -> dict[str, Access]:
    return dict(importlib.import_module(f"services.{service}.api").ACCESS)


OPERATIONS = [
    (service, f"{method.upper()} {path}")
    for service in SERVICES
    for path, methods in document(service)["paths"].items()
    for method in methods
    if f"{method.upper()} {path}" not in STREAMS
]
GUARDED = [
    (service, line)
    for service, line in OPERATIONS
    if service in OF_MONEY_AND_STOCK and isinstance(access(service)[line], Scope | Capability)
]


@dataclass
class Service:
    """A service at an address, its operations, what is there to be asked about, and what its callers show."""

    service: str
    address: str
    issuer: LocalIssuer
    session: requests.Session = field(default_factory=requests.Session)
    things: dict[str, Any] = field(default_factory=dict)
    capabilities: dict[str, str] = field(default_factory=dict)

    def operation(self, line: str) -> Any:
        """Return an operation of the document, as schemathesis knows it."""
        method, path = line.split()
        return schemathesis.openapi.from_dict(document(self.service))[path][method]

    def token(self, *scopes: str) -> str:
        return self.issuer.token("staff", *scopes, organiser_id=ORGANISER)

    def shown_for(self, line: str) -> dict[str, str]:
        """Return the headers of somebody who may do this."""
        named = access(self.service)[line]
        if isinstance(named, Scope):
            return {"Authorization": f"Bearer {self.token(named.name)}"}
        # An order may be made with a profile.
        kind = named.kind if isinstance(named, Capability) else "ben"
        return {CAPABILITY_HEADER: self.capabilities[kind]} if kind in self.capabilities else {}

    def is_about_what_is_there(self, case: Any, line: str) -> None:
        """Let a request name things that exist."""
        method, path = line.lower().split()
        described = document(self.service)
        content = described["paths"][path][method].get("requestBody", {"content": {"": {"schema": {}}}})["content"]
        (shape,) = [kind["schema"].get("$ref", "/").rsplit("/", 1)[1] for kind in content.values()]
        fields = described["components"]["schemas"].get(shape, {}).get("properties", {})
        for place, names in ((case.path_parameters, case.path_parameters), (case.body, fields)):
            if isinstance(place, dict):
                place.update({name: self.things[name] for name in set(names) & set(self.things)})
        case.headers = {**(case.headers or {}), "Idempotency-Key": secrets.token_hex(8), "If-Match": '"1"'}


@contextlib.contextmanager
def serving(create: Callable[[], FastAPI]) -> Iterator[str]:
    """Serve an app from a thread with a loop of its own, and yield its address once it is ready."""
    with socket.create_server(("127.0.0.1", 0)) as listening:
        address = f"http://127.0.0.1:{listening.getsockname()[1]}"
        config = uvicorn.Config(create, factory=True, log_config=None)
        server = uvicorn.Server(config)
        thread = threading.Thread(target=server.run, kwargs={"sockets": [listening]})
        thread.start()
        try:
            wait_for(lambda: server.started and httpx.get(f"{address}/health/ready").status_code == httpx.codes.OK)
            yield address
        finally:
            server.should_exit = True
            thread.join()


def wait_for(condition: Callable[[], Any]) -> None:
    """Wait until it is true. Raises AssertionError."""
    deadline = time.monotonic() + PATIENCE_SECONDS * PATIENCE
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.05)


def publish(infra: Infra, *events: Event) -> None:
    """Put events on their topics, acknowledged."""

    async def put() -> None:
        producer = broker.Producer(infra.kafka, replica="schemathesis")
        await producer.start()
        for event in events:
            await (await producer.send(event.topic, to_record(enveloped(event))))
        await producer.stop()

    asyncio.run(put())


@pytest.fixture(scope="module")
def registry(infra: Infra, issuer: tuple[LocalIssuer, str, str]) -> Iterator[Service]:
    """The registry with a project, a batch, and an order whose grams are retired."""
    with serving(app_of("registry", infra, issuer)) as address:
        tested = Service("registry", address, issuer[0])
        project_id, batch = listed(tested)
        order = placed(project_id, 400_000)
        publish(infra, order)
        with httpx.Client(base_url=f"{address}/v1") as client:
            # Of two topics either may be read first, and nothing is posted that is not held.
            wait_for(lambda: client.get(f"/projects/{project_id}").json()["batches"][0]["held"])
            publish(infra, purchased(order))
            wait_for(lambda: client.get(f"/order-retirements/{order.order_id}").is_success)
            wait_for(lambda: client.get("/proof").is_success)
        tested.things = {
            "project_id": project_id,
            "order_id": order.order_id,
            "serial": f"{batch['prefix']}-1",
            "batch_id": batch["batch_id"],
            "names": LISTING["names"],
            "summary": {},
            "verified_tonnes": 10**9,
        }
        with tested.session:
            yield tested


@pytest.fixture(scope="module")
def sandbox(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, str]]:
    """The payment provider, and the settings by which orders finds it; nobody takes its notices."""
    key, file = "a key that orders and the sandbox share", tmp_path_factory.mktemp("sandbox") / "payments.sqlite"
    settings = SandboxSettings(key=SecretStr(key), file=file, notice_url="http://127.0.0.1:9/nobody")
    with serving(partial(create_sandbox, settings)) as address:
        yield {"sandbox_url": address, "sandbox_key": key}


@pytest.fixture(scope="module")
def orders(
    infra: Infra, issuer: tuple[LocalIssuer, str, str], registry: Service, sandbox: dict[str, str]
) -> Iterator[Service]:
    """Orders with a scene of the organiser, a footprint, and an order held by the registry and being paid."""
    with serving(app_of("orders", infra, issuer, **sandbox)) as address:
        tested = Service("orders", address, issuer[0])
        project_id, mark = listed(registry)[0], secrets.token_hex(8)
        counted = footprint(mark, scene_id=id_of("scn", mark))
        publish(infra, counted, closed_scene(counted.scene_id))
        body = {"project_id": project_id, "listing_version": 1, "mass_g": 1_000, "mandate_version": "1"}
        with httpx.Client(base_url=f"{address}/v1", headers={"Idempotency-Key": mark}) as client:
            wait_for(lambda: client.post("/orders", json=body).is_success)
            made = client.post("/orders", json=body).json()
            client.headers[CAPABILITY_HEADER] = made["capability"]
            wait_for(lambda: client.get(f"/orders/{made['order_id']}").json()["state"] == "held")
            payment = client.post(f"/orders/{made['order_id']}/payments").raise_for_status().json()
        tested.capabilities = {"ord": made["capability"], "ben": made["profile_capability"]}
        tested.things = {
            **{name: body[name] for name in ("project_id", "listing_version", "mandate_version")},
            **{name: made[name] for name in ("order_id", "beneficiary_id")},
            "payment_id": payment["payment_id"],
            "scene_id": counted.scene_id,
            "footprint_id": counted.footprint_id,
            "token": TOKEN,
            # One wish, not several at once.
            "mass_g": 1_000,
            "money_fen": None,
            "claims": [],
            "footprint_ids": [],
        }
        with tested.session:
            yield tested


def empty(service: str) -> Any:
    """Return a fixture of a service in which there is nothing yet."""

    @pytest.fixture(scope="module", name=service)
    def tested(infra: Infra, issuer: tuple[LocalIssuer, str, str]) -> Iterator[Service]:
        with serving(app_of(service, infra, issuer)) as address, requests.Session() as session:
            yield Service(service, address, issuer[0], session, capabilities=dict.fromkeys(("fp", "ord"), "0" * 26))

    return tested


calculator, certificates, ranking = empty("calculator"), empty("certificates"), empty("ranking")


def listed(registry: Service) -> tuple[str, Any]:
    """List a project and issue a batch for it; return its id, and the batch."""
    project_id, code = id_of("prj", secrets.token_hex(8)), secrets.token_hex(4).upper()
    staff = {"Authorization": f"Bearer {registry.token('registry:write')}", "Idempotency-Key": project_id}
    report = {"report": f"MR-{code}", "verifier": "Verifier (demo)", "verified_tonnes": 9, "tonnes": 9, "vintage": 2021}
    with httpx.Client(base_url=f"{registry.address}/v1/projects/{project_id}", headers=staff) as client:
        content = {**LISTING, "code": code}
        client.post("/listings", json=content, headers={"If-Match": '"0"'}).raise_for_status()
        return project_id, client.post("/batches", json=report).raise_for_status().json()


def closed_scene(scene_id: str | None) -> ScenePublished:
    return ScenePublished.model_validate(
        {
            "scene_id": scene_id,
            "code": "FORUM21",
            "names": {"en": "A forum (demo)"},
            "kind": "conference",
            "country": "CN",
            "city": "CN-SC Chengdu",
            "starts_on": "2021-09-07",
            "ends_on": "2021-09-07",
            "time_zone": "Asia/Shanghai",
            "organiser_id": ORGANISER,
            "status": "closed",
        }
    )


def app_of(service: str, infra: Infra, issuer: tuple[LocalIssuer, str, str], **more: str) -> Callable[[], FastAPI]:
    """Return what creates a service with a database of its own."""
    module = importlib.import_module(f"services.{service}.app")
    settings: Settings = getattr(module, "Settings", Settings)(
        kafka_bootstrap_servers=infra.kafka,
        mongodb_url=infra.mongodb_url(f"{service}_{secrets.token_hex(4)}"),
        secret="s" * 32,
        replica=f"{service}-test",
        issuer=issuer[1],
        jwks_url=issuer[2],
        **more,
    )
    return partial(module.create_app, settings)


# Schemathesis names its cases by the module random, which Hypothesis seeds.
@pytest.mark.filterwarnings("ignore:Do not use the `random` module:hypothesis.errors.HypothesisDeprecationWarning")
@pytest.mark.parametrize(("service", "line"), OPERATIONS, ids=[" ".join(one) for one in OPERATIONS])
def test_whatever_is_requested_is_answered_as_the_reference_describes(service: str, line: str, request: Any) -> None:
    tested: Service = request.getfixturevalue(service)
    operation = tested.operation(line)
    cases = st.one_of(operation.as_strategy(GenerationMode.POSITIVE), operation.as_strategy(GenerationMode.NEGATIVE))

    @settings(
        max_examples=EXAMPLES if service in OF_MONEY_AND_STOCK else EXAMPLES_ELSEWHERE,
        derandomize=True,
        deadline=None,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    @given(case=cases, is_there=st.booleans())
    def ask(case: Any, is_there: bool) -> None:
        if is_there:
            tested.is_about_what_is_there(case, line)
        case.call_and_validate(
            base_url=tested.address, session=tested.session, headers=tested.shown_for(line), checks=CHECKS
        )

    ask()


@pytest.mark.parametrize(("service", "line"), GUARDED, ids=[" ".join(one) for one in GUARDED])
def test_a_guarded_operation_refuses_who_shows_nothing_or_something_else(service: str, line: str, request: Any) -> None:
    tested: Service = request.getfixturevalue(service)
    method, path = line.split()
    address = tested.address + path.format_map(tested.things)
    nothing = tested.session.request(method, address)
    assert (nothing.status_code, nothing.json()["code"]) == (401, "unauthenticated")
    other = {"Authorization": f"Bearer {tested.token('nothing:read')}", CAPABILITY_HEADER: "0" * 26}
    refused = tested.session.request(method, address, headers=other)
    code = "insufficient_scope" if isinstance(access(service)[line], Scope) else "forbidden"
    assert (refused.status_code, refused.json()["code"]) == (403, code)
    forged = tested.session.request(method, address, headers={"Authorization": "Bearer e30.e30.e30"})
    assert (forged.status_code, forged.json()["code"]) == (401, "unauthenticated")
