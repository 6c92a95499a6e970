"""The page on faults names tests that exist, so that whoever reads it can run them."""

from __future__ import annotations

import re

from tests.e2e.replicas import ROOT


def test_every_test_that_the_page_on_faults_names_exists() -> None:
    named = set(re.findall(r"`(test_\w+)`", (ROOT / "docs/faults.md").read_text()))
    found = {
        name
        for file in (ROOT / "tests").rglob("test_*.py")
        for name in re.findall(r"^ *(?:async )?def (test_\w+)", file.read_text(), re.MULTILINE)
    }
    assert len(named) > 20
    assert named - found == set()
