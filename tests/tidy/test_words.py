"""The field's words in the code: a short list of private synonyms that no identifier has; the glossary names both."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.tidy.test_repository import ROOT, tracked

# What stood here once, and what an engineer from elsewhere looks for.
BANNED = {
    "hears": "consumes",
    "heard": "consumed, received",
    "says": "publishes, returns",
    "said": "published, returned, shown",
    "tell": "publish, show",
    "tells": "publishes, shows",
    "told": "published, sent, given",
    "asked": "requested",
    "bears": "holds, withstands",
    "fares": "health",
    "guilty": "rejected",
    "bury": "dead-letter",
    "buried": "dead-lettered",
    "aside": "quarantined, refused",
    "at_hand": "cached, open",
    "crowd": "throttle",
    "guesses": "throttle",
    "beat": "heartbeat",
    "turns": "causes",
    "races": "retries",
    "served": "dependencies",
    "shapes": "requests, responses",
}
SCOPE = ("services/", "shared/", "deploy/", "benchmarks/", "tests/")
# The domain's sentence needs the word: identifier, file, why.
ALLOWED = {
    ("set_aside", "services/orders/domain/order/payments.py"): "money that is authorised, and not captured yet",
}


def words_of(name: str) -> str:
    """An identifier as words between underscores: `_GuiltyOne` is `_guilty_one_`."""
    return f"_{re.sub(r'(?<=[a-z0-9])(?=[A-Z])', '_', name).lower().strip('_')}_"


def identifiers(source: str) -> Iterator[tuple[str, int]]:
    """Every name that a file defines, imports or uses, with its line."""
    for node in ast.walk(ast.parse(source)):
        match node:
            case ast.Name(id=name) | ast.Attribute(attr=name) | ast.arg(arg=name) | ast.keyword(arg=str(name)):
                yield name, node.lineno
            case ast.FunctionDef(name=name) | ast.AsyncFunctionDef(name=name) | ast.ClassDef(name=name):
                yield name, node.lineno
            case ast.ImportFrom() | ast.Import():
                if isinstance(node, ast.ImportFrom) and node.module:
                    yield from ((part, node.lineno) for part in node.module.split("."))
                for alias in node.names:
                    yield from ((part, node.lineno) for part in (*alias.name.split("."), alias.asname) if part)


def banned_in(path: Path) -> Iterator[str]:
    """Each banned word in the file's identifiers and in its own name, with what to write."""
    place = path.relative_to(ROOT).as_posix()
    named = [(part, 1) for part in place.removesuffix(".py").split("/")]
    for name, line in sorted({*named, *identifiers(path.read_text())}):
        for word, instead in BANNED.items():
            if f"_{word}_" in words_of(name) and (name, place) not in ALLOWED:
                yield f"{place}:{line}: {name}: not {word}, but {instead}"


def test_no_identifier_has_a_private_word_for_what_the_field_has_one() -> None:
    files = [file for file in tracked("*.py") if file.relative_to(ROOT).as_posix().startswith(SCOPE)]
    assert len(files) > 20
    assert [found for file in files for found in banned_in(file)] == []


def test_every_exception_is_needed() -> None:
    unused = [
        (name, place)
        for name, place in ALLOWED
        if name not in {each for each, _ in identifiers((ROOT / place).read_text())}
    ]
    assert unused == []


@pytest.mark.parametrize(
    ("source", "found"),
    [
        ("def hears(): ...", ["hears"]),
        ("class GuiltyOne: ...", ["guilty"]),
        ("x.set_aside(open_at_hand=1)", ["aside", "at_hand"]),
        ("from a.shapes import Asked", ["asked", "shapes"]),
        ("reshapes = beaten = unasked = 1", []),
    ],
)
def test_a_banned_word_is_found_wherever_a_name_has_it(source: str, found: list[str]) -> None:
    words = {word for name, _ in identifiers(source) for word in BANNED if f"_{word}_" in words_of(name)}
    assert sorted(words) == found


def test_the_glossary_names_the_banned_words_beside_the_fields_own() -> None:
    rows = re.findall(r"^\|(.+)\|$", (ROOT / "docs/glossary.md").read_text(), re.MULTILINE)
    never = " ".join(row.split("|")[-1] for row in rows)
    assert [word for word in BANNED if not re.search(rf"\b{word.replace('_', ' ')}\b", never)] == []
