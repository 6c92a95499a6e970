"""Which names in the environment are ours, by who reads them; a test compares them with the services' settings.

It imports nothing of theirs but for their classes, when these are needed, so that commands answer at once.
"""

from __future__ import annotations

import difflib
import importlib
from collections.abc import Iterator, Mapping
from typing import Any

PREFIX = "DIANDIAN_"
EXIT_CODE = 2
# What makes a write last, in the address of a database.
CONCERNS = {"w": "majority", "journal": "true", "readConcernLevel": "majority"}
# Of every service.
COMMON = ("DIANDIAN_ISSUER", "DIANDIAN_JWKS_URL", "DIANDIAN_PUBLIC_URL")
OF_SERVICES: Mapping[str, tuple[str, ...]] = {
    "calculator": ("DIANDIAN_FOOTPRINTS_PER_ADDRESS_MAX",),
    "registry": (),
    "orders": ("DIANDIAN_FEE_FEN", "DIANDIAN_SANDBOX_KEY", "DIANDIAN_SANDBOX_URL"),
    "certificates": ("DIANDIAN_CERTIFICATE_ISSUER", "DIANDIAN_UNKNOWN_CODES_PER_ADDRESS_MAX"),
    "ranking": (),
}
# Of `make up`, of the compose file and of the operator's command.
OF_TOOLS = ("DIANDIAN_HOME", "DIANDIAN_HOST", "DIANDIAN_PORT", "DIANDIAN_URL")
KNOWN = frozenset({*COMMON, *OF_TOOLS, *(name for names in OF_SERVICES.values() for name in names)})


def misspelt(environment: Mapping[str, str]) -> Iterator[str]:
    """Yield a line for each name with our prefix that nothing reads."""
    for name in sorted(environment):
        if name.startswith(PREFIX) and name not in KNOWN:
            near = difflib.get_close_matches(name, KNOWN, 1)
            yield f"wrong setting: {name}: nothing reads it here; " + (f"write {near[0]}" if near else "take it out")


def settings_kind(service: str) -> Any:
    """Return the class of a service's settings."""
    app = importlib.import_module(f"services.{service}.app")
    return getattr(app, "Settings", None) or importlib.import_module("shared.settings").Settings


def settings_of(service: str) -> Any:
    """Return the settings of a service that is described, and never started."""
    concerns = "&".join(f"{name}={value}" for name, value in CONCERNS.items())
    return settings_kind(service).model_validate(
        {
            "kafka_bootstrap_servers": "kafka:9092",
            "mongodb_url": f"mongodb://mongodb/{service}?{concerns}",
            "secret": "-" * 32,
            "replica": "described",
        }
    )
