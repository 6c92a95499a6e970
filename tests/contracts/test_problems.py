"""Every code that a service or the gateway can answer is explained, in each language, and nothing else is."""

from __future__ import annotations

import importlib
import itertools
import pkgutil
import re
from collections.abc import Iterator, Mapping
from types import ModuleType

import pytest

from shared.contracts.problems.table import EXPLANATIONS, TABLES
from shared.contracts.topics import SERVICES
from shared.refusal import Refusal
from shared.web.app import STATUSES
from shared.web.codes import OWN_CODES, TITLES
from shared.web.languages import LANGUAGES, SOURCE, Language, catalogue
from shared.web.pages import SHARED
from tests.contracts.conftest import ROOT

# What a refusal is answered with that no table names.
UNLISTED = 409
CADDYFILE = (ROOT / "deploy/gateway/Caddyfile").read_text()


def modules(package: ModuleType) -> Iterator[str]:
    """Import everything of a package; yield the names of its modules."""
    for found in pkgutil.walk_packages(package.__path__, f"{package.__name__}."):
        importlib.import_module(found.name)
        yield found.name


def refusals(kind: type[Refusal] = Refusal) -> Iterator[type[Refusal]]:
    """Yield every kind of refusal that there is by now."""
    for one in kind.__subclasses__():
        yield one
        yield from refusals(one)


@pytest.fixture(scope="module")
def answered() -> dict[str, set[int]]:
    """By code the HTTP statuses that services answer it with; none of those that follow from no table."""
    found: dict[str, set[int]] = {code: set() for code in (*OWN_CODES, *of_the_gateway())}
    assert [*itertools.chain(*(modules(importlib.import_module(name)) for name in ("services", "shared")))]
    tables = {service: importlib.import_module(f"services.{service}.api").STATUSES for service in SERVICES}
    for kind in refusals():
        if not kind.__module__.startswith(("services.", "shared.")) or "code" not in vars(kind):
            continue
        owner = kind.__module__.split(".")[1]
        # What is refused alike everywhere stands in the table of each service that refuses it so.
        concerned = [tables[owner]] if owner in tables else list(tables.values())
        statuses = {status_of(kind, {**STATUSES, **table}) for table in concerned}
        found.setdefault(kind.code, set()).update(statuses - {None} or {UNLISTED})
    return found


def status_of(kind: type[Refusal], table: Mapping[type[Refusal], int]) -> int | None:
    """Return the status of a refusal by a table; none when it is not there."""
    return next((table[one] for one in kind.__mro__ if one in table), None)


def of_the_gateway() -> set[str]:
    """Return the codes of the gateway's own problems."""
    (cases,) = re.findall(r"map \{err\.status_code\} \{code\} \{(.*?)\}", CADDYFILE, re.DOTALL)
    return {*re.findall(r'"code":"(\w+)"', CADDYFILE), *re.findall(r"^\s*\w+ (\w+)$", cases, re.MULTILINE)}


def test_each_code_is_explained_and_each_explanation_has_a_code(answered: dict[str, set[int]]) -> None:
    assert len(answered) > 60
    assert sorted(answered) == sorted(EXPLANATIONS)


def test_no_code_is_explained_twice() -> None:
    assert sum(len(table.EXPLANATIONS) for table in TABLES) == len(EXPLANATIONS)


def test_a_code_comes_with_the_status_that_its_page_names(answered: dict[str, set[int]]) -> None:
    others = {code: statuses for code, statuses in answered.items() if statuses - {EXPLANATIONS[code].status}}
    assert others == {}
    assert {explanation.status for explanation in EXPLANATIONS.values()} <= {*TITLES}


@pytest.mark.parametrize("language", [language for language in LANGUAGES if language != SOURCE])
def test_each_explanation_is_there_in_each_language(language: Language) -> None:
    sentences = catalogue(language, (SHARED,))
    for code, explanation in EXPLANATIONS.items():
        for text in (explanation.meaning, explanation.remedy, TITLES[explanation.status]):
            assert sentences.ugettext(text) not in {"", text}, code


def test_the_gateway_leads_to_where_its_codes_are_explained() -> None:
    types = re.findall(r'"type":"([^"]+)".*?"code":"([^"]+)"', CADDYFILE)
    assert len(types) == 2
    assert all(address == f"{{$DIANDIAN_PUBLIC_URL}}/problems/{code}" for address, code in types)
