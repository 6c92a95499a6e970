"""One site of five services: no two operations share an address, and the gateway takes each to its service."""

from __future__ import annotations

import importlib
import itertools
import json
import re
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread

import httpx
import pytest

from deploy.generate.files import REFERENCE
from deploy.local.runtime import Local
from shared.contracts.topics import SERVICES
from tests.contracts.conftest import ROOT
from tests.embedded import free_port

PARAMETER = re.compile(r"\{\w+\}")


def templates(owner: str) -> list[str]:
    """Return the paths of a service's OpenAPI document."""
    return [*json.loads((ROOT / REFERENCE / f"{owner}.openapi.json").read_text())["paths"]]


def meet(one: str, other: str) -> bool:
    """Whether there is an address that both templates match, whatever stands in their parameters."""
    ours, theirs = one.split("/"), other.split("/")
    return len(ours) == len(theirs) and all(map(_can_be_alike, ours, theirs))


def _can_be_alike(one: str, other: str) -> bool:
    # A step that is a parameter only in part may still be anything.
    return one == other or PARAMETER.search(one) is not None or PARAMETER.search(other) is not None


@pytest.mark.parametrize(
    ("one", "other", "expected"),
    [
        ("/v1/orders/{order_id}", "/v1/orders/payables", True),
        ("/v1/scenes/{code}", "/v1/scenes/{scene_id}", True),
        ("/v1/{things}/new", "/v1/orders/{order_id}", True),
        ("/c/{code}", "/c/{code}.pdf", True),
        ("/v1/orders/{order_id}", "/v1/orders/{order_id}/events", False),
        ("/v1/orders/{order_id}/cancel", "/v1/orders/{order_id}/events", False),
        ("/v1/payables", "/v1/quotes", False),
    ],
)
def test_two_templates_meet_where_an_address_fits_both(one: str, other: str, expected: bool) -> None:
    assert meet(one, other) == expected


def test_no_address_fits_two_templates_of_the_site() -> None:
    """By no method: what answers GET, PUT and the like at one address is one thing under one name."""
    all_of_them = [(owner, path) for owner in SERVICES for path in templates(owner)]
    assert len(all_of_them) > 30
    assert [
        f"{one} of {owner}, {other} of {second}"
        for (owner, one), (second, other) in itertools.combinations(all_of_them, 2)
        if meet(one, other)
    ] == []


class Answer(BaseHTTPRequestHandler):
    """Answers everything with the port that it came to."""

    def answer(self) -> None:
        self.send_response(200)
        self.send_header("Answered-At", str(self.server.server_address[1]))
        self.send_header("Content-Length", "0")
        self.end_headers()

    do_GET = do_POST = do_PUT = do_PATCH = do_DELETE = answer  # noqa: N815 so the server calls them

    def log_message(self, *_: object) -> None:
        """Say nothing."""


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Local]:
    """The gateway as it is, over services that only say which they are."""
    copy = Local(tmp_path_factory.mktemp("site"), free_port(), parts=["gateway"])
    servers = [ThreadingHTTPServer(("127.0.0.1", copy.place.port_of(owner)), Answer) for owner in SERVICES]
    threads = [Thread(target=server.serve_forever) for server in servers]
    for thread in threads:
        thread.start()
    copy.up(say=lambda _line: None)
    yield copy
    copy.down(say=lambda _line: None)
    for server, thread in zip(servers, threads, strict=True):
        server.shutdown()
        thread.join()
        server.server_close()


def lines_of(owner: str) -> Iterator[str]:
    """Yield the lines of a service's access table, and those of its references."""
    yield from importlib.import_module(f"services.{owner}.api").ACCESS
    yield from (f"GET /v1/{owner}/openapi.json", f"GET /docs/{owner}")


@pytest.mark.parametrize("owner", SERVICES)
def test_the_gateway_takes_each_address_to_the_service_that_owns_it(owner: str, site: Local) -> None:
    port, elsewhere = str(site.place.port_of(owner)), []
    with httpx.Client(base_url=site.place.url) as client:
        for line in lines_of(owner):
            method, path = line.split()
            answer = client.request(method, PARAMETER.sub("AB12", path))
            if answer.headers.get("Answered-At") != port:
                elsewhere.append(line)
    assert elsewhere == []
