"""How orders is put together."""

from __future__ import annotations

import pytest

from deploy.settings import settings_of
from services.orders.app import Settings, create_app


def settings(**more: object) -> Settings:
    return Settings.model_validate({**settings_of("orders").model_dump(), **more})


def test_live_mode_is_refused_as_long_as_no_provider_takes_money() -> None:
    assert create_app(settings()).title == "Diandian orders"
    with pytest.raises(ValueError, match="takes no money"):
        create_app(settings(livemode=True))


def test_the_fee_is_a_setting() -> None:
    assert settings().fee_fen == 200
    assert settings(fee_fen=300).fee_fen == 300
