"""Services that run for tests of their contract: the real apps, each served from a thread of its own."""

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
import requests
import schemathesis
import uvicorn
from fastapi import FastAPI

from deploy.issuer import LocalIssuer
from shared.contracts.event import Event, to_record
from shared.messaging import broker
from shared.settings import Settings
from shared.web.auth import CAPABILITY_HEADER, Access, Capability, Scope
from tests.conftest import PATIENCE, Infra, enveloped

REFERENCE = Path(__file__).resolve().parents[2] / "docs/reference"
PATIENCE_SECONDS = 60
ORGANISER = "org_demo"


def document(service: str) -> dict[str, Any]:
    return dict(json.loads((REFERENCE / f"{service}.openapi.json").read_text()))


def access(service: str) -> dict[str, Access]:
    return dict(importlib.import_module(f"services.{service}.api").ACCESS)


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
