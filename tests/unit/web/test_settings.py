"""What a service refuses to start with."""

from __future__ import annotations

import pytest

from deploy.settings import settings_kind, settings_of
from services.orders.app import Settings
from shared.contracts.topics import SERVICES
from shared.settings import load, name_of

GOOD = {
    "KAFKA_BOOTSTRAP_SERVERS": "kafka-1:9092,[::1]:9093",
    "MONGODB_URL": "mongodb://orders:pw@a:1,b:2/orders?replicaSet=d&w=majority&journal=true&readConcernLevel=majority",
    "DIANDIAN_SECRET": "x" * 32,
    "DIANDIAN_REPLICA": "orders-1",
}


def refused(capsys: pytest.CaptureFixture[str], **more: str) -> list[str]:
    """What stands on the error output of a start that ends with 2."""
    with pytest.raises(SystemExit) as ended:
        load(Settings, {**GOOD, **more})
    assert ended.value.code == 2
    return capsys.readouterr().err.splitlines()


def test_good_settings_are_taken_and_empty_ones_are_not_there() -> None:
    settings = load(Settings, {**GOOD, "DIANDIAN_FEE_FEN": "0", "DIANDIAN_PUBLIC_URL": "", "PATH": "/bin"})
    assert (settings.fee_fen, settings.public_url, settings.livemode) == (0, "http://127.0.0.1:8080", False)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("DIANDIAN_FEE_FEN", "-300"),
        ("DIANDIAN_FEE_FEN", "2.5"),
        ("DIANDIAN_FEE_FEN", "100001"),
        ("DIANDIAN_SECRET", "abcde"),
        ("DIANDIAN_SECRET", ""),
        ("DIANDIAN_REPLICA", ""),
        ("DIANDIAN_REPLICA", "orders 1"),
        ("DIANDIAN_REPLICA", "-1"),
        ("DIANDIAN_PUBLIC_URL", "foo"),
        ("DIANDIAN_PUBLIC_URL", "https://diandian.example/"),
        ("DIANDIAN_PUBLIC_URL", "https://diandian.example:0"),
        ("DIANDIAN_PUBLIC_URL", "https://me@diandian.example"),
        ("DIANDIAN_JWKS_URL", "ftp://login.example/keys"),
        ("DIANDIAN_ISSUER", "login.example"),
        ("DIANDIAN_LIVEMODE", "perhaps"),
        ("DIANDIAN_LIVEMODE", "true"),
        ("DIANDIAN_SANDBOX_URL", "here"),
        ("KAFKA_BOOTSTRAP_SERVERS", "kafka"),
        ("KAFKA_BOOTSTRAP_SERVERS", "kafka:9092,"),
        ("KAFKA_BOOTSTRAP_SERVERS", "kafka:99999"),
        ("MONGODB_URL", "postgres://host/orders"),
        ("MONGODB_URL", "mongodb://host/?w=majority&journal=true&readConcernLevel=majority"),
        ("MONGODB_URL", "mongodb://host/orders?w=majority&journal=true"),
        ("MONGODB_URL", "mongodb://host/orders?w=1&journal=true&readConcernLevel=majority"),
        ("DIANDIAN_FEE_FENN", "300"),
        ("FEE_FEN", "300"),
    ],
)
def test_one_wrong_setting_is_one_line(capsys: pytest.CaptureFixture[str], name: str, value: str) -> None:
    (line,) = refused(capsys, **{name: value})
    assert line.startswith(f"wrong setting: {name}: ")
    assert "; write " in line


def test_all_wrong_settings_are_named_at_once_and_no_secret_is(capsys: pytest.CaptureFixture[str]) -> None:
    wrong = {
        "DIANDIAN_SECRET": "hunter2",
        "DIANDIAN_FEE_FEN": "-300",
        "DIANDIAN_FEE": "1",
        "MONGODB_URL": "mongodb://u:hunter2@h/o",
    }
    lines = refused(capsys, **wrong)
    assert sorted(line.split(": ")[1] for line in lines) == sorted(wrong)
    assert "hunter2" not in "".join(lines)
    assert "-300" in "".join(lines)


@pytest.mark.parametrize("service", SERVICES)
def test_every_setting_describes_what_to_write_and_no_secret_is_shown(service: str) -> None:
    kind = settings_kind(service)
    assert [name for name, about in kind.model_fields.items() if not about.description] == []
    assert name_of("secret") == "DIANDIAN_SECRET"
    settings = settings_of(service)
    assert settings.secret.get_secret_value() not in repr(settings)
    assert settings.mongodb_url not in repr(settings)


@pytest.mark.parametrize(
    ("service", "limit"),
    [("calculator", "footprints_per_address_max"), ("certificates", "unknown_codes_per_address_max")],
)
def test_a_limit_lets_at_least_one_through(service: str, limit: str) -> None:
    given = settings_of(service).model_dump()
    with pytest.raises(ValueError, match=limit):
        settings_kind(service)(**{**given, limit: 0})
