"""Every operation of the services, asked for all that its own reference allows and forbids.

The apps are the real ones, over HTTP, on a real Kafka and a MongoDB protocol server. What they are asked for is drawn
from the committed OpenAPI documents, well-formed and malformed, about things that are there and things that are not;
most of all those of money and stock.
"""

from __future__ import annotations

import secrets
from collections.abc import Iterator
from functools import partial
from typing import Any

import httpx
import pytest
import requests
import schemathesis
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
from shared.contracts.topics import SERVICES
from shared.web.auth import CAPABILITY_HEADER, Capability, Scope
from shared.web.idempotency import id_of
from tests.component.misplaced import misplaced
from tests.component.test_registry import LISTING, placed, purchased
from tests.conftest import Infra
from tests.contracts.services import ORGANISER, Service, access, app_of, document, publish, serving, wait_for
from tests.unit.orders.examples import TOKEN, footprint

# Its fixtures are chosen while it runs.
pytestmark = pytest.mark.starts_processes
OF_MONEY_AND_STOCK = ("registry", "orders")
# A stream lasts as long as its order; what it sends is tested in tests/component.
STREAMS = {"GET /v1/orders/{order_id}/events"}
EXAMPLES, EXAMPLES_ELSEWHERE = 20, 8
# What frames a message on its connection: a server refuses what is malformed there before any app sees the request.
FRAMING = {"connection", "content-length", "expect", "host", "transfer-encoding", "upgrade"}


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
        case.headers = {name: value for name, value in (case.headers or {}).items() if name.lower() not in FRAMING}
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
