"""The gateway of a local copy: which service an address reaches, and what it answers and logs by itself."""

import http.client
import http.server
import json
import threading
from collections.abc import Iterable, Iterator, Mapping
from contextlib import closing, contextmanager
from types import MappingProxyType

import pytest

from deploy.local.parts import SERVICES
from deploy.local.runtime import Local
from tests.embedded import free_port

OWNED = {
    "calculator": "/ /nobody /s/ABC /life /footprints/fp_1 /v1/scenes /v1/footprints/fp_1",
    "registry": "/projects /retirements/1 /proof /v1/projects /v1/retirements /v1/order-retirements /v1/proof",
    "orders": "/orders/ord_1 /v1/orders /v1/quotes /v1/payments/x /v1/beneficiaries /v1/payables",
    "sandbox": "/sandbox/pay /v1/sandbox/pay",
    "certificates": "/c/ABC /v /v/ABC /v1/certificates/ABC /v1/verifications",
    "ranking": "/boards/people /v1/boards/people /v1/board-rebuilds",
}


@pytest.fixture(scope="module")
def gateway(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Local]:
    copy = Local(tmp_path_factory.mktemp("gateway"), free_port(), parts=["gateway"])
    copy.up()
    yield copy
    copy.down()


class Answering(http.server.BaseHTTPRequestHandler):
    """Answers with the port that was asked, with a stream of one event that stays open, or with half of an answer."""

    def answer(self) -> None:
        self.send_response(200)
        is_stream = self.path.endswith("stream")
        self.send_header("Content-Type", "text/event-stream" if is_stream else "text/plain")
        if "half" in self.path:
            self.send_header("Content-Length", "1000")
        self.end_headers()
        self.wfile.write(b"data: now\n\n" if is_stream else str(self.server.server_address[1]).encode())
        if is_stream:
            self.server.left.wait(10)  # type: ignore[attr-defined]

    do_GET = do_POST = answer  # noqa: N815 so the server calls them

    def log_message(self, *_: object) -> None:
        """Say nothing."""


@contextmanager
def services(copy: Local, names: Iterable[str] = (*SERVICES, "sandbox")) -> Iterator[None]:
    servers = [http.server.ThreadingHTTPServer(("127.0.0.1", copy.place.port_of(name)), Answering) for name in names]
    left = threading.Event()
    for server in servers:
        server.left = left  # type: ignore[attr-defined]
        threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}).start()
    try:
        yield
    finally:
        left.set()
        for server in servers:
            server.shutdown()
            server.server_close()


def ask(
    copy: Local, path: str, method: str = "GET", headers: Mapping[str, str] = MappingProxyType({})
) -> tuple[int, str, str]:
    """Return the status, the content type and the body."""
    connection = http.client.HTTPConnection("127.0.0.1", copy.place.port, timeout=5)
    with closing(connection):
        connection.request(method, path, headers=headers)
        answer = connection.getresponse()
        return answer.status, answer.headers.get("Content-Type", ""), answer.read().decode()


@pytest.mark.parametrize("service", OWNED)
def test_each_address_reaches_the_service_that_owns_it(gateway: Local, service: str) -> None:
    with services(gateway):
        for path in [*OWNED[service].split(), f"/v1/{service}/openapi.json", f"/docs/{service}"]:
            assert ask(gateway, path)[::2] == (200, str(gateway.place.port_of(service))), path


def test_what_is_for_services_alone_is_not_found_from_outside(gateway: Local) -> None:
    with services(gateway):
        assert [ask(gateway, path)[0] for path in ("/metrics", "/health/ready", "/health")] == [404, 404, 200]


def test_files_of_the_frame_and_pages_of_codes_come_from_any_service_that_runs(gateway: Local) -> None:
    with services(gateway, ["certificates"]):
        for path in ("/static/site.css", "/problems", "/problems/unavailable"):
            assert ask(gateway, path)[::2] == (200, str(gateway.place.port_of("certificates"))), path


def test_the_issuers_keys_come_from_its_folder(gateway: Local) -> None:
    gateway.place.folder("issuer").joinpath("jwks.json").write_text('{"keys": []}')
    assert ask(gateway, "/.well-known/jwks.json") == (200, "application/json", '{"keys": []}')


def test_a_service_that_is_down_is_reported_in_plain_words(gateway: Local) -> None:
    for method in ("GET", "POST"):
        status, kind, page = ask(gateway, "/orders/ord_1?token=capability", method)
        assert (status, kind) == (502, "text/html; charset=utf-8")
        assert "Not available just now" in page
        assert "make up" in page
        assert "docker compose up -d" in page
    status, kind, problem = ask(gateway, "/v1/orders?token=capability", "POST")
    assert (status, kind, json.loads(problem)["code"]) == (502, "application/problem+json", "service_unavailable")
    assert json.loads(problem)["type"] == f"{gateway.place.url}/problems/service_unavailable"


def test_what_the_gateway_itself_refuses_to_programs_is_a_problem_with_a_code_of_the_list(gateway: Local) -> None:
    for path in ("/v1/orders/asyncapi.json", "/schemas/order.placed.v1.json"):
        status, kind, problem = ask(gateway, path, "POST")
        assert (status, kind) == (405, "application/problem+json"), path
        assert json.loads(problem)["type"] == f"{gateway.place.url}/problems/method_not_allowed"
        assert json.loads(problem)["code"] == "method_not_allowed"


def test_what_the_gateway_logs_of_a_failure_names_no_query_and_no_header(gateway: Local) -> None:
    with services(gateway, ["orders"]), pytest.raises(http.client.IncompleteRead):
        ask(gateway, "/orders/half?token=capability", headers={"Referer": "http://x/?token=capability"})
    log = gateway.place.log("gateway").read_text()
    assert '"uri": "/orders"' in log
    assert "/orders/half" not in log
    assert "capability" not in log


def test_an_event_of_a_stream_arrives_while_the_stream_is_open(gateway: Local) -> None:
    with services(gateway, ["ranking"]):
        connection = http.client.HTTPConnection("127.0.0.1", gateway.place.port, timeout=5)
        with closing(connection):
            connection.request("GET", "/boards/stream")
            assert connection.getresponse().readline() == b"data: now\n"
