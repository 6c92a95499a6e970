"""Which packages services need when they run, and no tool of development: what images install of the one lock."""

from __future__ import annotations

import tomllib
from importlib import metadata
from pathlib import Path

from packaging.requirements import Requirement

from deploy.requirements import spelled

HEAD = "# What services need when they run, written by `python -m deploy.generate`: images install these of the lock.\n"
# The image's Python, wherever the list is written.
IMAGE = {
    "implementation_name": "cpython",
    "implementation_version": "3.11.0",
    "os_name": "posix",
    "platform_machine": "x86_64",
    "platform_python_implementation": "CPython",
    "platform_release": "",
    "platform_system": "Linux",
    "platform_version": "",
    "python_full_version": "3.11.0",
    "python_version": "3.11",
    "sys_platform": "linux",
}


def runtime(root: Path) -> str:
    """Return the list that follows from `pyproject.toml` and from what the installed packages say they need."""
    project = tomllib.loads((root / "pyproject.toml").read_text())["project"]
    return HEAD + "".join(f"{name}\n" for name in sorted(needed(project["dependencies"])))


def needed(roots: list[str]) -> set[str]:
    """Return the names of all that the roots ask for in the image, themselves included."""
    found: set[str] = set()
    waiting = [Requirement(root) for root in roots]
    while waiting:
        requirement = waiting.pop()
        name = spelled(requirement.name)
        # One package may be asked for with different extras.
        for extra in ("", *requirement.extras):
            if (mark := f"{name}[{extra}]") not in found:
                found.add(mark)
                waiting += [
                    each
                    for each in map(Requirement, metadata.requires(name) or ())
                    if each.marker is None or each.marker.evaluate({**IMAGE, "extra": extra})
                ]
    return {mark.partition("[")[0] for mark in found}
