"""What certificates reads from its environment."""

import pytest

from deploy.settings import settings_of
from services.certificates.app import ISSUER, Settings

GIVEN = settings_of("certificates").model_dump(exclude={"certificate_issuer"})


@pytest.mark.parametrize(
    ("text", "issuer"),
    [
        (None, ISSUER),
        ("Exchange & Sons {Ltd}", {"en": "Exchange & Sons {Ltd}"}),
        ('{"en": "Exchange", "zh": "交易所"}', {"en": "Exchange", "zh": "交易所"}),
    ],
)
def test_the_issuer_is_given_by_language_or_in_one_for_all(text: str | None, issuer: dict[str, str]) -> None:
    given = GIVEN | ({"certificate_issuer": text} if text else {})
    assert Settings(**given).certificate_issuer == issuer


@pytest.mark.parametrize("text", ["{}", '{"en": ""}', "Exchange 🌱"])
def test_an_issuer_that_no_sheet_can_name_is_refused_at_the_start(text: str) -> None:
    with pytest.raises(ValueError, match="certificate_issuer"):
        Settings(**GIVEN, certificate_issuer=text)
