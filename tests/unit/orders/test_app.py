"""How orders is put together."""

from __future__ import annotations

import pytest

from services.orders.app import Settings, create_app


def settings(**more: object) -> Settings:
    given = {"kafka_bootstrap_servers": "k:1", "mongodb_url": "mongodb://m:1/orders", "secret": "-", "replica": "-"}
    return Settings.model_validate({**given, **more})


def test_live_mode_is_refused_as_long_as_no_provider_takes_money() -> None:
    assert create_app(settings()).title == "Diandian orders"
    with pytest.raises(RuntimeError, match="LIVEMODE"):
        create_app(settings(livemode=True))


def test_the_fee_is_a_setting() -> None:
    assert settings().fee_fen == 200
    assert settings(fee_fen=300).fee_fen == 300
