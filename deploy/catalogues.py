"""Keeps the catalogues of the pages' sentences: adds what pages say now, and names what is not said in a language yet.

`python -m deploy.catalogues` writes the catalogues; with `--check` it writes nothing and fails on what is missing.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator
from io import BytesIO
from pathlib import Path

from babel.messages.catalog import Catalog, Message
from babel.messages.extract import extract_from_dir
from babel.messages.pofile import read_po, write_po

from shared.contracts.topics import SERVICES
from shared.web.languages import LANGUAGES, SOURCE, Language

ROOT = Path(__file__).resolve().parent.parent
# Where sentences stand, and in which folder they are said in other languages.
FOLDERS = {ROOT / "shared": ROOT / "shared/web/locale"} | {
    ROOT / folder: ROOT / folder / "pages/locale"
    for folder in (*(f"services/{name}" for name in SERVICES), "deploy/sandbox")
}
METHODS = [("**.py", "python"), ("**.html", "jinja2.ext.babel_extract")]
KEYWORDS = {"_": None, "gettext": None, "ngettext": (1, 2), "Sentence": None}
OPTIONS = {"**.html": {"trimmed": "true", "newstyle_gettext": "true", "silent": "false"}}
PLACES = re.compile(r"%\(\w+\)s|\{\w*\}")


def messages_in(source: Path) -> Catalog:
    """Return every sentence that a folder says, in the order of files and lines, each once."""
    found = Catalog()
    for _file, _line, text, _comments, context in sorted(
        extract_from_dir(source, METHODS, OPTIONS, KEYWORDS), key=lambda one: (one[0], one[1])
    ):
        found.add(text, context=context)
    return found


def brought_up(source: Path, folder: Path, language: Language) -> Catalog:
    """Return the catalogue of a language with exactly the sentences that are said now."""
    file = folder / f"{language}.po"
    known = read_po(BytesIO(file.read_bytes()), locale=language) if file.exists() else Catalog(locale=language)
    now = Catalog(locale=language)
    for message in messages_in(source):
        if message.id:
            before = known.get(message.id, message.context)
            now.add(message.id, before.string if before else "", context=message.context)
    return now


def written(catalogue: Catalog) -> bytes:
    """Return the catalogue as its file holds it: no dates, no line numbers, so that only words change it."""
    file = BytesIO()
    write_po(file, catalogue, width=120, no_location=True, omit_header=True, sort_output=False)
    return file.getvalue()


def wrong_in(catalogue: Catalog) -> Iterator[str]:
    """Yield what keeps a page from being said whole in the language."""
    for message in catalogue:
        if not message.id:
            continue
        strings = message.string if isinstance(message.string, tuple | list) else (message.string,)
        if not all(strings):
            yield f"not said yet: {message.id!r}"
        elif message.fuzzy:
            yield f"unsure: {message.id!r}"
        elif any(_places(string) != _places(_whole(message)) for string in strings):
            yield f"other places than in English: {message.id!r}"


def _whole(message: Message) -> str:
    """Return the English sentence with all places; of a plural that of many."""
    return message.id if isinstance(message.id, str) else message.id[-1]


def _places(sentence: str | None) -> set[str]:
    return set(PLACES.findall(sentence or ""))


def main(*, check: bool) -> int:
    """Bring every catalogue up to date, or only say what is wrong. Return how many things are wrong."""
    wrong = 0
    for source, folder in FOLDERS.items():
        for language in LANGUAGES:
            if language == SOURCE:
                continue
            file = folder / f"{language}.po"
            catalogue = brought_up(source, folder, language)
            text = written(catalogue)
            if not check:
                folder.mkdir(parents=True, exist_ok=True)
                file.write_bytes(text)
            elif not file.exists() or file.read_bytes() != text:
                wrong += 1
                print(f"{file.relative_to(ROOT)}: not up to date. Run python -m deploy.catalogues.")
            for reason in wrong_in(catalogue):
                wrong += 1
                print(f"{file.relative_to(ROOT)}: {reason}")
    return wrong


if __name__ == "__main__":
    sys.exit(1 if main(check="--check" in sys.argv) and "--check" in sys.argv else 0)
