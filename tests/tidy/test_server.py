"""What `docker-compose.yml` says of one server agrees with the gateway, the services and the embedded copy."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
import yaml

from deploy.generate.files import REFERENCE, SCHEMAS
from deploy.local.parts import PARTS
from deploy.local.place import Place
from deploy.server import keys
from deploy.settings import COMMON, CONCERNS, EXIT_CODE, KNOWN, OF_SERVICES, OF_TOOLS, PREFIX, misspelt, settings_kind
from shared import settings as shared_settings
from shared.contracts.topics import SERVICES
from shared.settings import Settings, name_of

ROOT = Path(__file__).resolve().parents[2]
COMPOSE = yaml.safe_load((ROOT / "docker-compose.yml").read_text())
CONTAINERS: dict[str, dict[str, Any]] = COMPOSE["services"]
CADDYFILE = (ROOT / "deploy/gateway/Caddyfile").read_text()
DOCKERFILE = (ROOT / "deploy/Dockerfile").read_text()


def default(text: str) -> str:
    """What compose puts for `${NAME:-default}`, where there is no .env."""
    while (plain := re.sub(r"\$\{\w+:-([^${}]*)\}", r"\1", text)) != text:
        text = plain
    return text


def flags(command: str) -> dict[str, str]:
    return dict(re.findall(r"--(timeout-[a-z-]+)[\" ,]+(\d+)", command))


def test_every_service_has_a_container_of_its_own_image() -> None:
    built = {name: part["build"].get("args") for name, part in CONTAINERS.items() if "build" in part}
    assert (built.pop("keys"), built.pop("sandbox")) == (None, None)
    assert built == {service: {"SERVICE": service} for service in SERVICES}


def test_the_gateway_finds_each_service_by_its_name_and_port() -> None:
    found = re.findall(r"\{\$([A-Z]+):([a-z]+):(\d+)\}", CADDYFILE)
    assert {name for name, _, _ in found} == {name.upper() for name in (*SERVICES, "sandbox")}
    (port,) = re.findall(r"--port (\d+)", DOCKERFILE)
    for name, host, listens in found:
        assert (host, listens) == (name.lower(), port)


def test_the_gateway_may_read_what_it_serves() -> None:
    folder, schemas, reference, issuer, _certificates = CONTAINERS["gateway"]["volumes"]
    defaults = dict(re.findall(r"\{\$([A-Z]+_FOLDER):([^}]*)\}", CADDYFILE))
    assert folder == f"./deploy/gateway:{defaults['GATEWAY_FOLDER']}:ro"
    # The Caddyfile finds them by their whole path, /schemas/ and all.
    assert schemas == f"./{SCHEMAS}:{defaults['CONTRACTS_FOLDER']}/schemas:ro"
    assert reference == f"./{REFERENCE}:{defaults['REFERENCE_FOLDER']}:ro"
    assert (issuer["target"], issuer["volume"]["subpath"]) == (defaults["ISSUER_FOLDER"], "gateway")


def test_services_are_started_with_the_flags_of_the_embedded_copy(tmp_path: Path) -> None:
    embedded = flags(" ".join(PARTS["orders"].command(Place(tmp_path, 8080, "127.0.0.1"))))
    assert len(embedded) == 2
    assert flags(DOCKERFILE) == embedded
    assert "--no-access-log" in DOCKERFILE


@pytest.mark.parametrize("service", SERVICES)
def test_a_service_reads_what_the_embedded_copy_gives_it(service: str, tmp_path: Path) -> None:
    embedded = PARTS[service].environment(Place(tmp_path, 8080, "127.0.0.1"))
    names = {name_of(field) for field in settings_kind(service).model_fields}
    given = CONTAINERS[service]["environment"]
    keys.make(tmp_path, own=lambda *_: None)
    of_keys = dict(re.findall(r"^(\w+)='(.*)'$", (tmp_path / service / "environment").read_text(), re.MULTILINE))
    uvicorn = {"UVICORN_ENV_FILE", "FORWARDED_ALLOW_IPS"}
    assert {*given, *of_keys} - uvicorn <= names
    assert {*embedded} - {"SERVICE"} <= {*given, *of_keys}
    assert default(given["DIANDIAN_PUBLIC_URL"]) == embedded["DIANDIAN_PUBLIC_URL"]
    _, concerns = embedded["MONGODB_URL"].split("?")
    assert of_keys["MONGODB_URL"].endswith(f"/{service}?replicaSet={keys.REPLICA_SET}&{concerns}")
    assert f"--replSet {keys.REPLICA_SET} " in CONTAINERS["mongodb"]["entrypoint"][-1]


@pytest.mark.parametrize("service", SERVICES)
def test_wrong_settings_are_found_before_a_service_starts_and_never_restarted_upon(service: str) -> None:
    part, check = CONTAINERS[service], CONTAINERS[f"{service}-settings"]
    assert check["restart"] == "no"
    assert part["depends_on"][f"{service}-settings"] == {"condition": "service_completed_successfully"}
    assert [check[each] for each in ("image", "environment", "volumes")] == [
        part[each] for each in ("image", "environment", "volumes")
    ]


@pytest.mark.parametrize("service", SERVICES)
def test_the_names_that_may_be_set_are_those_that_a_service_reads(service: str) -> None:
    made = {"kafka_bootstrap_servers", "mongodb_url", "secret", "replica", "livemode"}
    assert (PREFIX, CONCERNS, EXIT_CODE) == (
        shared_settings.PREFIX,
        shared_settings.CONCERNS,
        shared_settings.EXIT_CODE,
    )
    assert {name_of(field) for field in {*Settings.model_fields} - made} == {*COMMON}
    own = {name_of(field) for field in {*settings_kind(service).model_fields} - {*Settings.model_fields}}
    assert own == {*OF_SERVICES[service]}


def test_a_misspelt_name_of_ours_is_named_before_anything_starts() -> None:
    named = re.findall(r"^# (DIANDIAN_\w+)=", (ROOT / ".env.example").read_text(), re.MULTILINE)
    assert {*named} <= KNOWN
    assert {"DIANDIAN_HOME", "DIANDIAN_PORT"} <= {*OF_TOOLS}
    lines = list(misspelt({"DIANDIAN_FEE_FENN": "1", "DIANDIAN_FEE_FEN": "1", "PATH": ""}))
    assert lines == ["wrong setting: DIANDIAN_FEE_FENN: nothing reads it here; write DIANDIAN_FEE_FEN"]
    assert CONTAINERS["keys"]["env_file"] == [{"path": ".env", "required": False}]


@pytest.mark.parametrize("service", SERVICES)
def test_a_service_believes_the_gateway_alone_and_reads_its_own_keys_alone(service: str) -> None:
    part = CONTAINERS[service]
    gateway = CONTAINERS["gateway"]["networks"]["front"]["ipv4_address"]
    assert part["environment"]["FORWARDED_ALLOW_IPS"] == gateway
    (mount,) = part["volumes"]
    assert (mount["source"], mount["volume"]["subpath"], mount["read_only"]) == ("keys", service, True)
    assert "ports" not in part


def test_orders_and_the_sandbox_share_a_key_that_an_installation_of_before_gets_too(tmp_path: Path) -> None:
    before = "SECRET='kept'\nMONGODB_URL='kept'\n"
    (tmp_path / "orders").mkdir()
    (tmp_path / "orders" / "environment").write_text(before)
    for _ in range(2):
        keys.make(tmp_path, own=lambda *_: None)
    key = (tmp_path / "sandbox" / "environment").read_text()
    assert re.fullmatch(r"SANDBOX_KEY='.{43}'\n", key)
    assert (tmp_path / "orders" / "environment").read_text() == f"DIANDIAN_{before}DIANDIAN_{key}"
    assert (tmp_path / "operator" / "environment").read_text().count(f"DIANDIAN_{key}") == 1
    given = {*CONTAINERS["sandbox"]["environment"], "SANDBOX_KEY"} - {"UVICORN_ENV_FILE"}
    assert given == {*PARTS["sandbox"].environment(Place(tmp_path, 8080, "127.0.0.1"))}


def test_kafka_is_set_as_in_the_embedded_copy() -> None:
    given = CONTAINERS["kafka"]["environment"]
    of_a_place = r"listeners|^node\.id|^log\.dirs|quorum|\.listener\.|^process"
    lines = (ROOT / "deploy/local/kafka.properties").read_text().splitlines()
    embedded = dict(line.split("=", 1) for line in lines if "=" in line and not line.startswith("#"))
    decided = {name: value for name, value in embedded.items() if not re.search(of_a_place, name)}
    assert len(decided) > 10
    assert {name: given.get(f"KAFKA_{name.upper().replace('.', '_')}") for name in decided} == decided


def test_what_restarts_and_what_runs_once() -> None:
    lasting = {name for name, part in CONTAINERS.items() if part["restart"] == "unless-stopped"}
    assert lasting == {*SERVICES, "sandbox", "kafka", "mongodb", "gateway"}
    assert all("healthcheck" in CONTAINERS[name] for name in lasting)
    checks = {f"{service}-settings" for service in SERVICES}
    assert {*CONTAINERS} - lasting == {"keys", "databases", "topics", "diandian", "data", *checks}


def test_no_container_may_get_more_rights_or_fill_the_disk_with_its_logs() -> None:
    for name, part in CONTAINERS.items():
        assert part["security_opt"] == ["no-new-privileges:true"], name
        assert {*part["logging"]["options"]} == {"max-size", "max-file"}, name
    writing = {name for name, part in CONTAINERS.items() if not part.get("read_only")}
    assert writing == {"kafka", "mongodb"}
    assert not re.findall(r"^USER (?!10001:10001$)", DOCKERFILE, re.MULTILINE)
    assert DOCKERFILE.count("\nUSER ") == 3


def test_a_backup_holds_every_volume() -> None:
    names = [*COMPOSE["volumes"]]
    assert CONTAINERS["data"]["volumes"] == [f"{name}:/data/{name}" for name in names]
    assert f"run --rm -T data -cz {' '.join(names)} >" in (ROOT / "docs/runbook.md").read_text()


def test_images_of_others_have_a_version() -> None:
    ours = {"diandian-operator", *(f"diandian-{service}" for service in SERVICES)}
    images = {part["image"] for part in CONTAINERS.values() if "image" in part} - ours
    images |= {*re.findall(r"^FROM (\S+:\S+)", DOCKERFILE, re.MULTILINE)}
    assert len(images) == 4
    assert all(re.search(r":\d", image) for image in images)


def test_env_example_names_what_the_compose_file_reads() -> None:
    text = (ROOT / "docker-compose.yml").read_text()
    defaults = dict(re.findall(r"\$\{(\w+):-([^${}]*)", text))
    handed_on = {
        name for part in CONTAINERS.values() for name, value in part.get("environment", {}).items() if value is None
    }
    named = dict(re.findall(r"^# (\w+)=(.*)$", (ROOT / ".env.example").read_text(), re.MULTILINE))
    assert set(named) == {*defaults} | handed_on
    # A figure that is shown is the one that holds without it.
    assert {name: named[name] for name in defaults if "://" not in named[name]} == {
        name: value for name, value in defaults.items() if "://" not in named[name]
    }
