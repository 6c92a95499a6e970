"""What settings a service takes, and some for one that is described and never started."""

from __future__ import annotations

import importlib

from shared.settings import CONCERNS, Settings


def settings_kind(service: str) -> type[Settings]:
    """Return the class of a service's settings."""
    kind: type[Settings] = getattr(importlib.import_module(f"services.{service}.app"), "Settings", Settings)
    return kind


def settings_of(service: str) -> Settings:
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
