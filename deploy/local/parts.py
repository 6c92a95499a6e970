"""The parts of an embedded copy as a table: how each starts, its environment, and how it shows that it is ready."""

import os
import secrets
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from deploy.local import kafka, ready
from deploy.local.place import ROOT, Place, Say
from deploy.settings import COMMON, OF_SERVICES

SERVICES = ("calculator", "registry", "orders", "certificates", "ranking")

# The programs of the virtual environment that runs this very code.
PROGRAMS = Path(sys.prefix) / "bin"


@dataclass(frozen=True)
class Part:
    """One process: it gets `environment` beside ours, and `prepare` runs before each of its starts."""

    name: str
    command: Callable[[Place], list[str]]
    environment: Callable[[Place], dict[str, str]]
    is_ready: Callable[[Place], bool]
    prepare: Callable[[Place, Say], None] = lambda _place, _say: None
    # Names in PORT_OFFSETS of what it listens on beside its own name.
    also_listens: tuple[str, ...] = ()

    @property
    def listeners(self) -> tuple[str, ...]:
        """All that it listens on."""
        return (self.name, *self.also_listens)


def _mongodb(place: Place) -> list[str]:
    return [
        *(str(PROGRAMS / "secantusd-py"), "--standalone", "--sync-on-commit"),
        *("--host", "127.0.0.1", "--port", str(place.port_of("mongodb"))),
        *("--storage-path", str(place.folder("mongodb"))),
    ]


def _gateway(_place: Place) -> list[str]:
    return [str(PROGRAMS / "caddy"), "run", "--config", str(ROOT / "deploy/gateway/Caddyfile")]


def _gateway_environment(place: Place) -> dict[str, str]:
    return {
        "GATEWAY_ADDRESS": f"http://:{place.port}",
        "GATEWAY_BIND": place.host,
        "GATEWAY_FOLDER": str(ROOT / "deploy/gateway"),
        "ISSUER_FOLDER": str(place.folder("issuer")),
        "CONTRACTS_FOLDER": str(ROOT / "shared/contracts"),
        "REFERENCE_FOLDER": str(ROOT / "docs/reference"),
        "DIANDIAN_PUBLIC_URL": os.environ.get("DIANDIAN_PUBLIC_URL") or place.url,
        # Caddy would else keep its own state in the person's home.
        "XDG_CONFIG_HOME": str(place.folder("gateway")),
        "XDG_DATA_HOME": str(place.folder("gateway")),
    } | {name.upper(): place.address_of(name) for name in (*SERVICES, "sandbox")}


def _serve(name: str, app: str) -> Callable[[Place], list[str]]:
    """Return the command that serves an app at the port of this name."""

    def command(place: Place) -> list[str]:
        return [
            *(str(PROGRAMS / "python"), "-m", "uvicorn", "--factory", app),
            *("--host", "127.0.0.1", "--port", str(place.port_of(name)), "--no-access-log"),
            # A live wall never closes its stream by itself.
            *("--timeout-graceful-shutdown", "3"),
            # Longer than the gateway keeps a connection: else it might send a request into one that is just closed.
            *("--timeout-keep-alive", "75"),
        ]

    return command


def _is_ready(name: str) -> Callable[[Place], bool]:
    return lambda place: ready.http_answers("127.0.0.1", place.port_of(name), "/health/ready")


def _service(name: str) -> Part:
    def environment(place: Place) -> dict[str, str]:
        return {
            "SERVICE": name,
            "DIANDIAN_REPLICA": f"{name}-1",
            "KAFKA_BOOTSTRAP_SERVERS": place.bootstrap_servers,
            "MONGODB_URL": place.mongodb_url(name),
            "DIANDIAN_PUBLIC_URL": place.url,
            "DIANDIAN_ISSUER": place.url,
            "DIANDIAN_JWKS_URL": f"{place.url}/.well-known/jwks.json",
            "DIANDIAN_SECRET": _secret(place, name),
            "DIANDIAN_LIVEMODE": "false",
            **(_of_sandbox(place) if name == "orders" else {}),
        } | {option: os.environ[option] for option in (*COMMON, *OF_SERVICES[name]) if os.environ.get(option)}

    return Part(name, _serve(name, f"services.{name}.app:create_app"), environment, _is_ready(name))


def _of_sandbox(place: Place) -> dict[str, str]:
    """Return the settings by which orders finds its payment provider."""
    return {
        "DIANDIAN_SANDBOX_URL": f"http://{place.address_of('sandbox')}",
        "DIANDIAN_SANDBOX_KEY": _secret(place, "sandbox"),
    }


def _sandbox_environment(place: Place) -> dict[str, str]:
    return {
        "SANDBOX_KEY": _secret(place, "sandbox"),
        "SANDBOX_FILE": str(place.folder("sandbox") / "payments.sqlite"),
        "SANDBOX_NOTICE_URL": f"{place.url}/v1/payments/notices/sandbox",
    }


def _secret(place: Place, name: str) -> str:
    """Return the secret of this name, made once: with another, no link that was handed out would open any more."""
    file = place.folder("secrets") / name
    if not file.exists():
        file.touch(mode=0o600)
        file.write_text(secrets.token_urlsafe(32))
    return file.read_text()


# What services need before they start; in this order, and stopped last.
STORES = (
    Part(
        "kafka",
        kafka.command,
        lambda _place: {},
        lambda place: ready.kafka_answers(place.port_of("kafka")),
        kafka.prepare,
        also_listens=("kafka controller",),
    ),
    Part(
        "mongodb",
        _mongodb,
        lambda _place: {},
        lambda place: ready.mongodb_answers(place.port_of("mongodb")),
    ),
)
FRONTS = (
    *(_service(name) for name in SERVICES),
    # Another company's system: it stands beside the services and shares a key with orders.
    Part("sandbox", _serve("sandbox", "deploy.sandbox.app:create_app"), _sandbox_environment, _is_ready("sandbox")),
    Part(
        "gateway",
        _gateway,
        _gateway_environment,
        lambda place: ready.http_answers(place.gateway_host, place.port, "/health"),
    ),
)
PARTS = {part.name: part for part in (*STORES, *FRONTS)}
