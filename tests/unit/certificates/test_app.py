"""What certificates is told by its environment."""

import pytest

from services.certificates.app import ISSUER, Settings

TOLD = {"KAFKA_BOOTSTRAP_SERVERS": "kafka", "MONGODB_URL": "mongodb://db", "SECRET": "secret", "REPLICA": "one"}


@pytest.mark.parametrize(
    ("told", "issuer"),
    [
        (None, ISSUER),
        ("Exchange & Sons {Ltd}", {"en": "Exchange & Sons {Ltd}"}),
        ('{"en": "Exchange", "zh": "交易所"}', {"en": "Exchange", "zh": "交易所"}),
    ],
)
def test_the_issuer_is_told_by_language_or_in_one_for_all(
    monkeypatch: pytest.MonkeyPatch, told: str | None, issuer: dict[str, str]
) -> None:
    for name, value in (TOLD | ({"CERTIFICATE_ISSUER": told} if told else {})).items():
        monkeypatch.setenv(name, value)
    assert Settings().certificate_issuer == issuer


@pytest.mark.parametrize("told", ["{}", '{"en": ""}', "Exchange 🌱"])
def test_an_issuer_that_no_sheet_can_name_is_refused_at_the_start(monkeypatch: pytest.MonkeyPatch, told: str) -> None:
    for name, value in {**TOLD, "CERTIFICATE_ISSUER": told}.items():
        monkeypatch.setenv(name, value)
    with pytest.raises(ValueError, match="certificate_issuer"):
        Settings()
