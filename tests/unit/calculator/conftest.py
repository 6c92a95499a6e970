"""The frozen release and a scene in Chengdu."""

import pytest

from services.calculator.domain.answers import Place
from services.calculator.domain.factors import Release
from services.calculator.factors import load_release


@pytest.fixture(scope="session")
def release() -> Release:
    return load_release()


@pytest.fixture(scope="session")
def chengdu() -> Place:
    return Place(country="CN", city="CN-SC Chengdu", airports=("TFU", "CTU"))
