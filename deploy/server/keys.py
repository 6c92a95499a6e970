"""Makes, once, what only some containers of one server may know; each of them is given its own folder of it.

| folder | for | holds |
|---|---|---|
| `<service>` | that service | its secret, and the address of its database with its password |
| `mongodb` | MongoDB | the password of its root, and the key by which members of a replica set know each other |
| `sandbox` | the payment provider of the demo | the key that it shares with orders and audit, who have it in theirs |
| `operator` | `diandian` | an address of MongoDB that may only read, for the audit; the key that signs staff tokens |
| `gateway` | the gateway | the public half of that key |

With another secret no link that was handed out would open any more, so nothing that is there is ever made anew.
"""

from __future__ import annotations

import os
import secrets
import shutil
import sys
from collections.abc import Callable
from functools import partial
from pathlib import Path
from urllib.parse import urlencode

from deploy.issuer import LocalIssuer
from deploy.settings import CONCERNS, EXIT_CODE, PREFIX, misspelt
from shared.contracts.topics import SERVICES

KEYS = Path("/keys")
HOST = "mongodb:27017"
REPLICA_SET = "diandian"

# Users inside the images: ours of deploy/Dockerfile, and mongod's of the image of MongoDB.
OURS, MONGOD = 10001, 999

Own = Callable[[Path, int, int], None]


def make(keys: Path, own: Own = os.chown) -> None:
    """Make what is missing, each file for the one user who reads it."""
    for service in SERVICES:
        environment = keys / service / "environment"
        _once(environment, partial(_environment, service), own=own, owner=OURS)
        if (text := environment.read_text()).startswith("SECRET="):
            # Made when settings had no prefix yet.
            _write(environment, f"DIANDIAN_{text}", own=own, owner=OURS)
    _once(keys / "mongodb" / "password", _random, own=own, owner=0)
    _once(keys / "mongodb" / "keyfile", lambda: secrets.token_hex(512), own=own, owner=MONGOD)
    _once(
        keys / "operator" / "environment",
        lambda: f"MONGODB='mongodb://operator:{_random()}@{HOST}'\n",
        own=own,
        owner=OURS,
    )
    _once(keys / "sandbox" / "environment", lambda: f"SANDBOX_KEY='{_random()}'\n", own=own, owner=OURS)
    for name in ("orders", "operator"):
        _share(keys / "sandbox" / "environment", keys / name / "environment", own=own)
    LocalIssuer(keys / "operator" / "issuer", issuer="-")
    for path in (keys / "operator" / "issuer", *(keys / "operator" / "issuer").iterdir()):
        own(path, OURS, OURS)
    (keys / "gateway").mkdir(exist_ok=True)
    shutil.copy(keys / "operator" / "issuer" / "jwks.json", keys / "gateway")


def _environment(service: str) -> str:
    url = f"mongodb://{service}:{_random()}@{HOST}/{service}?{urlencode({'replicaSet': REPLICA_SET, **CONCERNS})}"
    return f"DIANDIAN_SECRET='{_random()}'\nMONGODB_URL='{url}'\n"


def _random() -> str:
    return secrets.token_urlsafe(32)


def _share(shared: Path, path: Path, *, own: Own) -> None:
    """Add to a file of ours the line that the provider's holds, unless it is there; earlier versions lack it."""
    text, line = path.read_text(), f"{PREFIX}{shared.read_text()}"
    if line not in text:
        _write(path, text + line, own=own, owner=OURS)


def _once(path: Path, content: Callable[[], str], *, own: Own, owner: int) -> None:
    if not path.exists():
        _write(path, content(), own=own, owner=owner)


def _write(path: Path, content: str, *, own: Own, owner: int) -> None:
    """Write the file under another name first, so that one that is there is whole."""
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_suffix(".partial")
    partial.unlink(missing_ok=True)
    partial.touch(mode=0o600)
    partial.write_text(content)
    partial.chmod(0o400)
    own(partial, owner, owner)
    partial.rename(path)


def main() -> None:
    """Make what is missing, unless a name of ours in `.env` is misspelt: then exit with 2 and say which."""
    if wrong := list(misspelt(os.environ)):
        print(*wrong, sep="\n", file=sys.stderr)
        sys.exit(EXIT_CODE)
    make(KEYS)


if __name__ == "__main__":
    main()
