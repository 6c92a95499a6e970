"""In which order tests run, and which of them stay together when several lanes (workers of xdist) share them.

A lane is a process with a Kafka and a database of its own, and with a whole copy of its own once it needs one: nothing
that a test leaves behind reaches another lane. A free lane takes the next file of the row. Tests of ONE_BY_ONE take the
copy as they find it, so each goes to any lane; they come last and end all lanes at about the same time.
"""

from __future__ import annotations

import pytest
from xdist.scheduler.loadscope import LoadScopeScheduling

# Fast tests come first of all: they say soonest that something is wrong. Then the row; the longest entry that fits
# decides. What takes long is not left to the end.
ROW = (
    "tests/unit/",
    "tests/tidy/",
    "tests/contracts/",
    "tests/component/",
    "tests/system/",
    "tests/e2e/test_surge.py",
    "tests/e2e/",
    "tests/e2e/test_replicas.py",
    "tests/e2e/test_story.py",
    "tests/e2e/test_outages.py",
    "tests/e2e/test_clocks.py",
    "tests/e2e/test_positions.py",
)
ONE_BY_ONE = ROW[-5:]
# Whole walks through one set of services, so they are shared out by how those run, not by file.
DOUBLED = "[with every message doubled]"
BY_CASE = "tests/e2e/test_browser_pages.py"
WITHOUT_SERVERS = ROW[:3]
FIXTURES_OF_SERVERS = frozenset({"infra", "local", "copy"})


class Lanes(LoadScopeScheduling):
    """Hands out files as they come, and less than files of some."""

    def _split_scope(self, nodeid: str) -> str:
        file, _, test = nodeid.partition("::")
        if file in ONE_BY_ONE:
            return nodeid
        if file == BY_CASE:
            return file + test[test.find("[") :]
        if file.startswith("tests/system/"):
            return f"tests/system/{DOUBLED if DOUBLED in test else ''}"
        return file


def arrange(items: list[pytest.Function]) -> None:
    """Mark the fast tests, and put all in the order of the row."""
    for item in items:
        if _is_fast(item):
            item.add_marker("fast")
    items.sort(key=_place)


def _is_fast(item: pytest.Function) -> bool:
    starts = item.get_closest_marker("starts_processes") or FIXTURES_OF_SERVERS.intersection(item.fixturenames)
    return item.nodeid.startswith(WITHOUT_SERVERS) and not starts


def _place(item: pytest.Item) -> tuple[bool, int]:
    fitting = [entry for entry in ROW if item.nodeid.startswith(entry)]
    return item.get_closest_marker("fast") is None, ROW.index(max(fitting, key=len)) if fitting else len(ROW)
