"""Where the frozen releases of emission factors lie, and the digest of each: a release that differs is refused."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import Final

from services.calculator.domain.factors import Release, UnknownRelease, release_of

LATEST: Final = "2026.2"
DIGESTS: Final = {
    "2026.2": "fa01965375dbad8dc94da881adce4ef7dbc56eba80fab14233e96a362dc364fd",
}


@cache
def load_release(name: str = LATEST, *, folder: Path = Path(__file__).parent) -> Release:
    """Return the release of this name, read once. Raises UnknownRelease or ReleaseAltered."""
    if name not in DIGESTS:
        raise UnknownRelease(f"There is no factor release {name}. Known are {', '.join(DIGESTS)}.")
    files = {file.name: file.read_bytes() for file in (folder / name).iterdir() if file.is_file()}
    return release_of(files, digest=DIGESTS[name])
