"""What every operation of the five services does alike: its servers, keys, unknown parameters, challenges, methods."""

from __future__ import annotations

import importlib
import re
import secrets
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass
from typing import Any

import httpx
import pytest_asyncio
from markupsafe import escape

from deploy.issuer import LocalIssuer
from deploy.settings import settings_kind
from shared.contracts.problems.table import EXPLANATIONS
from shared.contracts.topics import SERVICES
from shared.web.auth import CAPABILITY_HEADER, Access, Capability, Scope, Signature
from shared.web.languages import LANGUAGES, TAGS, catalogue
from shared.web.pages import SHARED
from tests.component.misplaced import misplaced
from tests.conftest import Infra, client_of

PUBLIC_URL = "https://exchange.example"


@dataclass
class Service:
    """A service, its document, and its access table."""

    name: str
    client: httpx.AsyncClient
    document: dict[str, Any]
    access: dict[str, Access]
    issuer: LocalIssuer

    def operations(self) -> Iterator[tuple[str, str, Access, dict[str, Any]]]:
        """Yield the method, address, access and description of each operation for programs."""
        for path, operations in self.document["paths"].items():
            for method, operation in operations.items():
                line = f"{method.upper()} {path}"
                yield method.upper(), re.sub(r"\{\w+\}", "x", path), self.access[line], operation

    def shown(self, access: Access, *scopes: str) -> dict[str, str]:
        """Return the headers of staff that has the scope of a route, or these."""
        wanted = scopes or ((access.name,) if isinstance(access, Scope) else ())
        return {"Authorization": f"Bearer {self.issuer.token('staff', *wanted, organiser_id='org_demo')}"}


@pytest_asyncio.fixture(scope="module", params=SERVICES)
async def service(request: Any, infra: Infra, issuer: tuple[LocalIssuer, str, str]) -> AsyncIterator[Service]:
    name: str = request.param
    settings = settings_kind(name)(
        kafka_bootstrap_servers=infra.kafka,
        mongodb_url=infra.mongodb_url(f"{name}_{secrets.token_hex(4)}"),
        secret="s" * 32,
        replica=f"{name}-test",
        issuer=issuer[1],
        jwks_url=issuer[2],
        public_url=PUBLIC_URL,
    )
    app = importlib.import_module(f"services.{name}.app")
    async with client_of(app.create_app(settings)) as client:
        document = (await client.get(f"/v1/{name}/openapi.json")).json()
        yield Service(name, client, document, importlib.import_module(f"services.{name}.api").ACCESS, issuer[0])


async def test_the_document_names_the_one_address_of_the_site(service: Service) -> None:
    (server,) = service.document["servers"]
    assert server["url"] == PUBLIC_URL
    assert server["description"]


async def test_a_key_is_required_wherever_one_is_taken_and_a_refusal_names_it(
    service: Service,
) -> None:
    for method, address, access, operation in service.operations():
        keys = [one for one in operation.get("parameters", []) if one["name"].lower() == "idempotency-key"]
        assert all(key["required"] and key["schema"]["minLength"] == 8 for key in keys)
        if not keys or isinstance(access, Capability):
            continue
        for headers in ({}, {"Idempotency-Key": "short"}):
            refused = await service.client.request(method, address, headers={**service.shown(access), **headers})
            assert (refused.status_code, refused.json()["code"]) == (400, "idempotency_key_missing"), address
            (error,) = refused.json()["errors"]
            assert (error["in"], error["name"]) == ("header", "Idempotency-Key")
            assert "8 to 255 characters" in refused.json()["detail"]


async def test_a_query_parameter_that_an_operation_does_not_take_is_refused_by_its_name(service: Service) -> None:
    for method, address, access, operation in service.operations():
        if isinstance(access, Capability):
            continue
        known = [one["name"] for one in operation.get("parameters", []) if one["in"] == "query"]
        sent = {**dict.fromkeys(known, "1"), "limt": "5"}
        refused = await service.client.request(method, address, params=sent, headers=service.shown(access))
        problem = refused.json()
        assert (refused.status_code, problem["code"]) == (422, "invalid_request"), (address, refused.text)
        assert [(error["in"], error["name"]) for error in problem["errors"]] == [("query", "limt")]
        assert all(name in problem["detail"] for name in known)
        assert misplaced(problem, None) == []


async def test_a_condition_that_an_operation_would_pass_over_is_refused(service: Service) -> None:
    for method, address, access, operation in service.operations():
        if isinstance(access, Capability) or method == "GET":
            continue
        taken = {one["name"] for one in operation.get("parameters", []) if one["in"] == "header"}
        for name, value in {"If-Match": '"1"', "If-None-Match": "*", "If-Unmodified-Since": "Sun, 29 Nov 2026"}.items():
            if name in taken:
                continue
            headers = {**service.shown(access), "Idempotency-Key": "0123456789", name: value}
            refused = await service.client.request(method, address, headers=headers)
            assert (refused.status_code, refused.json()["code"]) == (422, "precondition_not_taken"), address
            assert [(error["in"], error["name"]) for error in refused.json()["errors"]] == [("header", name)]


async def test_a_page_takes_any_query_parameter(service: Service) -> None:
    pages = [line.split()[1] for line in service.access if line.startswith("GET /") and "/v1/" not in line]
    plain = [page for page in pages if "{" not in page and not page.endswith("/events")]
    for page in plain:
        plainly = await service.client.get(page)
        answer = await service.client.get(page, params={"utm_source": "poster"})
        assert answer.status_code == plainly.status_code, page


async def test_who_is_refused_gets_a_challenge(service: Service) -> None:
    for method, address, access, operation in service.operations():
        refused = await service.client.request(method, address)
        documented = {
            status
            for status, answer in operation["responses"].items()
            if "WWW-Authenticate" in answer.get("headers", {})
        }
        assert documented == {Scope: {"401", "403"}, Capability: {"401"}, Signature: {"401"}}.get(type(access), set())
        if isinstance(access, Scope):
            challenge = f'Bearer realm="diandian", scope="{access.name}"'
            assert (refused.status_code, refused.headers["WWW-Authenticate"]) == (401, challenge)
            forged = await service.client.request(method, address, headers={"Authorization": "Bearer e30.e30.e30"})
            assert (forged.status_code, forged.headers["WWW-Authenticate"]) == (
                401,
                f'{challenge}, error="invalid_token"',
            )
            other = await service.client.request(method, address, headers=service.shown(access, "nothing:read"))
            assert (other.status_code, other.json()["code"]) == (403, "insufficient_scope")
            assert other.headers["WWW-Authenticate"] == (
                f'Bearer realm="diandian", error="insufficient_scope", scope="{access.name}"'
            )
        elif isinstance(access, Capability):
            challenge = f'Diandian-Capability realm="diandian", header="{CAPABILITY_HEADER}"'
            assert (refused.status_code, refused.headers["WWW-Authenticate"]) == (401, challenge)
            other = await service.client.request(method, address, headers={CAPABILITY_HEADER: "0" * 26})
            assert other.status_code in (403, 404)
            assert "WWW-Authenticate" not in other.headers
        elif isinstance(access, Signature):
            challenge = f'Diandian-Signature realm="diandian", header="{access.header}"'
            assert (refused.status_code, refused.headers["WWW-Authenticate"]) == (401, challenge)
        elif refused.status_code == 401:
            assert refused.headers["WWW-Authenticate"].startswith("Diandian-Capability ")


async def test_a_method_that_an_address_does_not_take_is_answered_with_those_it_takes(service: Service) -> None:
    for line in service.access:
        address = re.sub(r"\{\w+\}", "x", line.split()[1])
        shape = re.sub(r"\{\w+\}", "{}", line.split()[1])
        refused = await service.client.request("TRACE", address)
        assert refused.status_code == 405, address
        named = {one.split()[0] for one in service.access if re.sub(r"\{\w+\}", "{}", one.split()[1]) == shape}
        allowed = set(refused.headers["Allow"].split(", "))
        assert named <= allowed, address
        assert ("HEAD" in allowed) == ("GET" in allowed), address
        for method in allowed - {"HEAD"}:
            assert (await service.client.request(method, address)).status_code != 405, (method, address)


async def test_a_problem_leads_to_a_page_with_its_remedy_in_three_languages(service: Service) -> None:
    problem = (await service.client.get("/v1/nowhere")).json()
    assert problem["type"] == f"{PUBLIC_URL}/problems/not_found"
    listed = (await service.client.get("/problems")).text
    for code, explanation in EXPLANATIONS.items():
        assert f'href="/problems/{code}"' in listed
        pages = {
            language: await service.client.get(f"/problems/{code}", headers={"Accept-Language": language})
            for language in LANGUAGES
        }
        for language, page in pages.items():
            assert (page.status_code, page.headers["Content-Language"]) == (200, TAGS[language])
            assert f"<code>{code}</code>" in page.text
            remedy = catalogue(language, (SHARED,)).ugettext(explanation.remedy)
            assert str(escape(remedy.partition("`")[0])) in page.text, (code, language)
    unknown = await service.client.get("/problems/no_such_code")
    assert (unknown.status_code, unknown.headers["Content-Type"]) == (404, "text/html; charset=utf-8")
