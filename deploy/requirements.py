"""Which part of `requirements.lock` an installation takes; there is one lock, and every part keeps its hashes.

As a program it prints the packages that a list names: `python requirements.py runtime.txt < requirements.lock`.
Needs nothing but the standard library.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator
from collections.abc import Set as AbstractSet
from pathlib import Path

_PINNED = re.compile(r"([A-Za-z0-9._-]+)(?:\[[^\]]*\])?==")


def packages(lock: str) -> Iterator[tuple[str, str]]:
    """Yield each package of a lock: its name, and its lines with version, marker and hashes."""
    for block in re.split(r"^(?=\S)", lock, flags=re.MULTILINE):
        if pinned := _PINNED.match(block):
            yield spelled(pinned[1]), block


def only(lock: str, names: AbstractSet[str]) -> str:
    """Return the lines of these packages. Raises LookupError when the lock lacks one."""
    found = dict(packages(lock))
    if lacking := sorted(names - found.keys()):
        raise LookupError(f"the lock lacks {', '.join(lacking)}")
    return "".join(block for name, block in found.items() if name in names)


def without(lock: str, names: AbstractSet[str]) -> str:
    """Return the lines of all packages but these."""
    return "".join(block for name, block in packages(lock) if name not in names)


def spelled(name: str) -> str:
    """Return a package's name as locks spell it."""
    return re.sub(r"[-_.]+", "-", name).lower()


def listed(text: str) -> set[str]:
    """Return the names of a list, one a line; a line that begins with # says something about it."""
    return {line for line in text.splitlines() if line and not line.startswith("#")}


if __name__ == "__main__":
    sys.stdout.write(only(sys.stdin.read(), listed(Path(sys.argv[1]).read_text())))
