"""The embedded copy starts whole or not at all, keeps its data, stops only its own; its gateway knows each owner."""

import http.client
import http.server
import json
import os
import shutil
import socket
import stat
import subprocess
import sys
import threading
import time
from collections.abc import Iterable, Iterator, Mapping
from contextlib import closing, contextmanager
from pathlib import Path
from types import MappingProxyType

import psutil
import pymongo
import pytest
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient, NewTopic

from deploy.local.parts import SERVICES
from deploy.local.place import ROOT
from deploy.local.ports import PortTaken
from deploy.local.runtime import Local, OtherPort, PartFailed
from tests.embedded import free_port

STORES = ("kafka", "mongodb")


@pytest.fixture(scope="module")
def stores(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Local]:
    copy = Local(tmp_path_factory.mktemp("stores"), free_port(), parts=STORES)
    copy.up()
    yield copy
    copy.down()


def pids(copy: Local) -> dict[str, int | None]:
    return {part.name: part.pid for part in copy.status()}


def listens(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


def numbers(copy: Local) -> list[int]:
    with pymongo.MongoClient(f"mongodb://{copy.place.address_of('mongodb')}/?w=majority&journal=true") as client:
        return sorted(document["_id"] for document in client.test.numbers.find())


def add_number(copy: Local, number: int) -> None:
    with pymongo.MongoClient(f"mongodb://{copy.place.address_of('mongodb')}/?w=majority&journal=true") as client:
        client.test.numbers.insert_one({"_id": number})


async def produce(copy: Local, value: bytes) -> None:
    address = copy.place.address_of("kafka")
    admin = AIOKafkaAdminClient(bootstrap_servers=address)
    await admin.start()
    if "kept" not in await admin.list_topics():
        await admin.create_topics([NewTopic("kept", 1, 1)])
    await admin.close()
    async with AIOKafkaProducer(bootstrap_servers=address, acks="all", enable_idempotence=True) as producer:
        await producer.send_and_wait("kept", value)


async def consume(copy: Local, count: int) -> list[bytes]:
    async with AIOKafkaConsumer(bootstrap_servers=copy.place.address_of("kafka")) as consumer:
        partition = TopicPartition("kept", 0)
        consumer.assign([partition])
        await consumer.seek_to_beginning(partition)
        return [(await consumer.getone()).value for _ in range(count)]


def test_up_when_all_is_up_says_so_and_starts_nothing(stores: Local) -> None:
    before, said = pids(stores), []
    stores.up(said.append)
    assert said == [f"Up already at {stores.url}"]
    assert pids(stores) == before


async def test_s15_what_kafka_acknowledged_survives_its_crash_and_up_starts_only_kafka(stores: Local) -> None:
    await produce(stores, b"before the crash")
    before = pids(stores)
    stores.kill("kafka")
    assert pids(stores) == before | {"kafka": None}

    said: list[str] = []
    stores.up(said.append)

    assert pids(stores)["mongodb"] == before["mongodb"]
    assert pids(stores)["kafka"] not in (None, before["kafka"])
    assert not any("mongodb" in line for line in said)
    await produce(stores, b"after it")
    assert await consume(stores, 2) == [b"before the crash", b"after it"]


def test_s15_what_mongodb_acknowledged_survives_its_crash(stores: Local) -> None:
    add_number(stores, 1)
    stores.kill("mongodb")
    stores.start("mongodb")
    add_number(stores, 2)
    assert numbers(stores) == [1, 2]


def test_another_port_for_a_running_copy_is_refused_and_the_right_one_named(stores: Local) -> None:
    other = Local(stores.place.home, stores.place.port + 20, parts=STORES)
    with pytest.raises(OtherPort, match=f"DIANDIAN_PORT={stores.place.port}$"):
        other.up()
    assert all(part.is_ready for part in stores.status())


def test_down_twice_says_that_nothing_runs_and_data_stay(stores: Local) -> None:
    before, said = numbers(stores), []
    stores.down(said.append)
    stores.down(said.append)
    assert said == ["Stopped kafka, mongodb.", "Nothing runs."]
    assert not any(listens(stores.place.port_of(name)) for name in STORES)
    stores.up()
    assert numbers(stores) == before


def test_taken_ports_are_named_with_their_holders_before_anything_starts(tmp_path: Path) -> None:
    copy = Local(tmp_path, free_port(), parts=STORES)
    code = "import socket, sys; s = socket.create_server(('127.0.0.1', int(sys.argv[1]))); print(flush=True); input()"
    wanted = copy.place.port_of("kafka controller"), copy.place.port_of("mongodb")
    with held(code, wanted[0]) as first, held(code, wanted[1]) as second:
        with pytest.raises(PortTaken) as refused:
            copy.up()
        name = psutil.Process(first).name()
    assert str(refused.value).splitlines() == [
        f"port {wanted[0]} for kafka controller is taken by pid {first} ({name})",
        f"port {wanted[1]} for mongodb is taken by pid {second} ({name})",
        "Stop it, or choose another port with DIANDIAN_PORT=…",
    ]
    assert set(pids(copy).values()) == {None}
    assert not (tmp_path / "kafka").exists()


@contextmanager
def held(code: str, port: int) -> Iterator[int]:
    """Hold a port in another process, as a stranger would."""
    command = [sys.executable, "-c", code, str(port)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as stranger:
        assert stranger.stdout
        stranger.stdout.readline()
        yield stranger.pid
        stranger.kill()


def test_when_one_part_fails_the_others_stop_again_and_its_log_is_shown(tmp_path: Path) -> None:
    copy = Local(tmp_path, free_port(), parts=STORES)
    copy.place.folder("mongodb").joinpath("WiredTiger.turtle").write_text("no turtle")
    said: list[str] = []
    with pytest.raises(PartFailed, match=r"(?s)mongodb ended.*mongodb\.log:\n.*WiredTiger"):
        copy.up(said.append)
    assert said[-1] == "  Stopped again: kafka"
    assert set(pids(copy).values()) == {None}
    assert not listens(copy.place.port_of("kafka"))


def test_a_stranger_that_has_a_recorded_pid_is_not_killed(tmp_path: Path) -> None:
    copy = Local(tmp_path, free_port(), parts=["mongodb"])
    with subprocess.Popen(["sleep", "60"]) as stranger:
        record = {"pid": stranger.pid, "created": time.time() - 3600, "port": 1, "command": []}
        copy.place.folder("run").joinpath("mongodb.json").write_text(json.dumps(record))
        copy.kill("mongodb")
        said: list[str] = []
        copy.down(said.append)
        assert said == ["Nothing runs."]
        assert stranger.poll() is None
        stranger.kill()


def test_what_was_started_outlives_the_command_and_its_terminal(tmp_path: Path) -> None:
    port = free_port()
    code = f"from pathlib import Path; from deploy.local.runtime import Local; Local(Path({str(tmp_path)!r}), {port}"
    code += ", parts=['mongodb']).up(); input()"
    command = [sys.executable, "-c", code]
    with subprocess.Popen(
        command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, start_new_session=True
    ) as starter:
        assert starter.stdout
        assert any(line.startswith("Up at") for line in starter.stdout)
        os.killpg(starter.pid, 9)
    copy = Local(tmp_path, port, parts=["mongodb"])
    assert [part.is_ready for part in copy.status()] == [True]
    copy.down()


def test_a_service_gets_one_secret_for_good_that_only_its_owner_reads(tmp_path: Path) -> None:
    copy = Local(tmp_path, 8080)
    secrets = {name: copy.env(name)["DIANDIAN_SECRET"] for name in SERVICES}
    assert len(set(secrets.values())) == len(SERVICES)
    assert secrets == {name: Local(tmp_path, 9090).env(name)["DIANDIAN_SECRET"] for name in SERVICES}
    assert {stat.S_IMODE((tmp_path / "secrets" / name).stat().st_mode) for name in SERVICES} == {0o600}


def test_everything_that_a_machine_lacks_is_named_at_once_before_anything_is_done(tmp_path: Path) -> None:
    for tool in ("dirname", "sed", "head"):
        tmp_path.joinpath(tool).symlink_to(str(shutil.which(tool)))
    tmp_path.joinpath("java").write_text("#!/bin/sh\necho 'openjdk version \"11.0.2\" 2019-01-15' >&2\n")
    tmp_path.joinpath("java").chmod(0o755)
    command = ["/bin/sh", str(ROOT / "deploy/local/bootstrap.sh")]
    asked = subprocess.run(command, env={"PATH": str(tmp_path)}, capture_output=True, text=True, check=False)
    assert asked.returncode == 1
    assert asked.stdout == ""
    for named in ("Python 3.11", "no Python found", "Java 17 or newer (11 found)", "Maven", "apt-get", "brew", "WSL"):
        assert named in asked.stderr


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


def test_a_service_that_is_down_is_told_in_plain_words(gateway: Local) -> None:
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
